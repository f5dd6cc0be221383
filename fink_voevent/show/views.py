# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Views of the tables: what is valid now, of the batches that are done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fink_voevent.errors import InputError
from fink_voevent.store.batches import BATCHES, FIRST, BatchLog
from fink_voevent.store.delta import Tables, storage_errors
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.open_tables import is_table, open_table

INGEST, MATCH = "ingest", "match"  # stages
VALID = ("new", "update")  # statuses of a pair that is one
ENDED = ("withdrawn", "retracted")
CANDIDATES = "candidates"
# Columns that say which of two rows of a pair is the later one: the batch, and those by
# which the notices of an event are ordered.
_ORDER = ("event_version", "event_issued", "notice_received_at", "notice_id", "batch")
_PAIR = ("event_id", "survey", "alert_id")


def require_tables(root: str) -> None:
    """Check that there is something to read.

    Parameters
    ----------
    root : str
        Folder of our tables: a path or a URI.

    Raises
    ------
    InputError
        If nothing has ever been received or processed there.
    """
    if not has_tables(root):
        raise InputError(
            f"nothing has ever run here: there is no table in {root}. Give the folder"
            " of the services with --data-prefix or VOEVENT_DATA_PREFIX"
        )


def has_tables(root: str) -> bool:
    """Whether anything was ever received or processed below a folder."""
    store = open_store(root)
    names = set(store.folders())
    return bool(names & {BATCHES, "landing", "processes", "sources", "ledger"})


def is_any_of(column: str, texts: Iterable[str]) -> pc.Expression:
    """Whether a column is one of some texts, which may be none."""
    return pc.field(column).isin(pa.array(list(texts), pa.string()))


def is_in_batches_of(rows: pa.Table) -> pc.Expression:
    """Whether the batch of a row lies between the first and the last of some rows.

    Parameters
    ----------
    rows : Table
        With the column `batch`.
    """
    edges = pc.min_max(rows["batch"]).as_py()
    if edges["min"] is None:
        return pc.scalar(False)  # noqa: FBT003 - a value, not an option
    number = pc.field("batch")
    return (number >= edges["min"]) & (number <= edges["max"])


def rows_of_done(
    tables: Tables,
    name: str,
    stage: str,
    columns: Sequence[str],
    where: pc.Expression | None = None,
) -> pa.Table:
    """Return columns of the rows of batches that are done.

    Parameters
    ----------
    tables : Tables
    name : str
        Of the table.
    stage : str
        That writes the table.
    columns : sequence of str
    where : Expression, optional
        Condition on any columns.
    """
    number = pc.field("batch")
    last = BatchLog(tables, stage).last_done()
    is_done = (number >= FIRST) & (number <= last)
    return tables.arrow(name, columns, is_done if where is None else is_done & where)


def latest_pairs(
    tables: Tables, columns: Sequence[str], where: pc.Expression | None = None
) -> pa.Table:
    """Return the last row of each pair, whatever its status.

    Parameters
    ----------
    tables : Tables
    columns : sequence of str
        Of the table coincidences.
    where : Expression, optional
        Condition on columns that all rows of a pair have in common, such as `night`.

    Returns
    -------
    Table
        `columns`, in no particular order.
    """
    needed = list(dict.fromkeys((*columns, *_PAIR, *_ORDER, "status")))
    rows = rows_of_done(tables, "coincidences", MATCH, needed, where)
    return latest_of_pairs(rows).select(list(columns))


def latest_of_pairs(journal: pa.Table) -> pa.Table:
    """Select the last row of each pair.

    Parameters
    ----------
    journal : Table
        Rows of the table coincidences, with the columns of `revisions.view`, which
        does the same in Spark.
    """
    pair = _codes([journal[name] for name in _PAIR])
    counts = np.bincount(pair) if len(pair) else np.zeros(0, np.int64)
    is_single = counts[pair] == 1
    single = journal.take(_indices(np.flatnonzero(is_single)))
    several = journal.take(_indices(np.flatnonzero(~is_single)))
    if not several.num_rows:
        return single
    is_retracted = pc.equal(several["status"], "retracted")
    is_dated = pc.is_valid(several["event_issued"])
    landed = pc.if_else(is_dated, None, several["notice_received_at"])
    keys = {
        # A notice that counts no longer may have had a later version.
        "batch": several["batch"],
        "version": several["event_version"],
        "undated": pc.and_(is_retracted, pc.invert(is_dated)).cast(pa.int8()),
        "issued": several["event_issued"],
        "retracted": is_retracted.cast(pa.int8()),
        "landed": landed,
        "notice": several["notice_id"],
    }
    order = pc.sort_indices(
        pa.Table.from_pydict(keys),
        sort_keys=[(name, "descending") for name in keys],
    )
    first = np.unique(pair[~is_single][order.to_numpy()], return_index=True)[1]
    return pa.concat_tables([single, several.take(order.take(_indices(first)))])


def candidate_rows(
    root: str, columns: Sequence[str], where: pc.Expression | None = None
) -> pa.Table | None:
    """Return the last row of each candidate.

    Parameters
    ----------
    root : str
        Folder of our tables: a path or a URI.
    columns : sequence of str
        Columns that the table lacks are left out.
    where : Expression, optional
        Condition on columns that all rows of a candidate have in common.

    Returns
    -------
    Table or None
        None if there is no such table.
    """
    with storage_errors(f"{root}/{CANDIDATES}"):
        if not is_table(root, CANDIDATES):
            return None
        dataset = open_table(root, CANDIDATES).to_pyarrow_dataset()
        known = set(dataset.schema.names)
        keys = [n for n in ("event_id", "object_id", "survey", "batch") if n in known]
        needed = list(dict.fromkeys([*keys, *(c for c in columns if c in known)]))
        if "batch" in known:
            is_done = pc.field("batch") <= BatchLog(Tables(root), MATCH).last_done()
            where = is_done if where is None else where & is_done
        rows = dataset.to_table(needed, filter=where)
    candidate = _codes([rows[name] for name in keys if name != "batch"])
    if "batch" in known:
        order = pc.sort_indices(rows, sort_keys=[("batch", "descending")]).to_numpy()
    else:
        order = np.arange(rows.num_rows)[::-1]
    first = np.unique(candidate[order], return_index=True)[1]
    kept = [name for name in needed if name in columns]
    return rows.take(_indices(order[first])).select(kept)


def _indices(numbers: npt.NDArray[np.int64]) -> pa.Array:
    """Return numbers of rows for Arrow.

    `pyarrow.array` would load numpy.ma, to know whether they are masked: a twentieth of
    the time of a command.
    """
    plain = np.ascontiguousarray(numbers, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(plain), [None, pa.py_buffer(plain)])


def _codes(columns: Sequence[pa.ChunkedArray]) -> npt.NDArray[np.int64]:
    """Return a number for each row: the same for rows with the same values."""
    rows = len(columns[0])
    code = np.zeros(rows, np.int64)
    for column in columns:
        encoded = column.combine_chunks().dictionary_encode("encode")
        values = len(encoded.dictionary)
        code = code * values + encoded.indices.to_numpy(zero_copy_only=False)
        code = np.unique(code, return_inverse=True)[1].reshape(-1)
    return code
