# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Rows of our tables as Arrow tables: of committed data files, and of no others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset as ds

from fink_voevent.store import merging
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import arrow_schema

if TYPE_CHECKING:
    pass


def read_arrow(
    root: str, table: str, files: Sequence[str], columns: Sequence[str]
) -> pa.Table:
    """Read columns of data files of a table without Spark: for few rows."""
    schema = arrow_schema(table)
    if not files:
        return schema.empty_table().select(list(columns))
    store = open_store(root)
    fewest = merging.fewest_files(root, table, files)
    paths = [store.subfolder(*file.split("/")).path for file in fewest]
    return ds.dataset(paths, schema, "parquet", filesystem=store.filesystem).to_table(
        list(columns)
    )
