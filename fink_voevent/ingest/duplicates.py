# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Keep the first of rows that are received more than once, and copies of notices.

A notice is one row of events: the copy that was received first. A copy from another
source is one row of the table copies, since that source may be the one that may speak
for the publisher.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fink_voevent.ingest.conversion import RECEPTION
from fink_voevent.store.filesystem import Store
from fink_voevent.tables.schema import column_names

# Column that is the same in equal rows.
KEYS = {"events": "notice_id", "regions": "region_id", "quarantine": "sha256"}
COPIES = "copies"
Carried = tuple[str, str]  # a notice, by notice_id, and a source that has sent it


def copies(
    staged: Store, notices: Collection[str], carried: Collection[Carried]
) -> pa.Table:
    """Return the copies of notices that sources have sent for the first time.

    Parameters
    ----------
    staged : Store
        Folder with Parquet files of rows of the table events, before `keep_new`.
    notices : collection of str
        Notices that were recorded before.
    carried : collection of Carried
        The same, each with a source: rows of the tables events and copies.

    Returns
    -------
    pyarrow.Table
        Columns of the table copies, in the order of reception. Of a notice that is new,
        the first row is that of events, which is not among these.
    """
    names = staged.names(".parquet")
    columns = column_names(COPIES)
    parts = [staged.read_table(name, columns) for name in names]
    if not parts:
        return pa.table({name: [] for name in columns})
    rows = pa.concat_tables(parts).sort_by(
        [(c, "ascending") for c in (*RECEPTION, "source")]
    )
    seen: set[str] = set()
    recorded: set[Carried] = set()
    is_copy = []
    pairs = zip(rows["notice_id"].to_pylist(), rows["source"].to_pylist(), strict=True)
    for pair in pairs:
        is_known = pair[0] in notices or pair[0] in seen
        is_copy.append(is_known and pair not in carried and pair not in recorded)
        recorded.add(pair)
        seen.add(pair[0])
    return rows.filter(pa.array(is_copy, pa.bool_()))


def keep_new(staged: Store, table: str, known: Collection[str]) -> list[str]:
    """Remove rows from files: those of known keys, and all but the first of each key.

    The first is the one that was received first; at the same time, by its transport.
    Equal rows of regions are the same.
    Only files that have such rows are written again.

    Parameters
    ----------
    staged : Store
        Folder with Parquet files of rows of the table.
    table : str
        ``events``, ``regions`` or ``quarantine``; of other tables all rows are kept.
    known : collection of str
        Keys (see `KEYS`) of rows that were recorded before.

    Returns
    -------
    list of str
        Keys of the rows that are left.
    """
    names = staged.names(".parquet")
    if table not in KEYS or not names:
        return []
    key = KEYS[table]
    order: tuple[str, ...] = () if table == "regions" else RECEPTION
    if table == "events":
        order = (*RECEPTION, "source")  # as `copies`
    parts = [staged.read_table(name, [key, *order]) for name in names]
    file = np.repeat(np.arange(len(parts)), [part.num_rows for part in parts])
    rows = pa.concat_tables(parts)
    number = np.arange(rows.num_rows)
    ordered = rows.append_column("_row", pa.array(number)).sort_by(
        [(column, "ascending") for column in (*order, "_row")]
    )
    seen: set[str] = set()
    is_new = np.zeros(len(number), dtype=bool)
    for row, value in zip(
        *(ordered[c].to_pylist() for c in ("_row", key)), strict=True
    ):
        is_new[row] = value not in seen and value not in known
        seen.add(value)
    for position, name in enumerate(names):
        mask = is_new[file == position]
        if not mask.all():
            left = staged.read_table(name).filter(pa.array(mask))
            staged.write(name, lambda stream, left=left: pq.write_table(left, stream))
    return [k for k, new in zip(rows[key].to_pylist(), is_new, strict=True) if new]
