# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Read committed data files as Arrow tables, without Spark."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.dataset as ds

from fink_voevent.store import merging
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import arrow_schema


def read_arrow(
    root: str, table: str, files: Sequence[str], columns: Sequence[str]
) -> pa.Table:
    """Read columns of data files of a table, for few rows.

    Parameters
    ----------
    root : str
        Folder of all tables.
    table : str
        Name of the table.
    files : sequence of str
        Data files, relative to the root, in any order.
    columns : sequence of str
        Names of the columns.

    Returns
    -------
    pyarrow.Table
        These columns; the rows are in no fixed order.
    """
    schema = arrow_schema(table)
    if not files:
        return schema.empty_table().select(list(columns))
    store = open_store(root)
    fewest = merging.fewest_files(root, table, files)
    paths = [store.subfolder(*file.split("/")).path for file in fewest]
    return ds.dataset(paths, schema, "parquet", filesystem=store.filesystem).to_table(
        list(columns)
    )
