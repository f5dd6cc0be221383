# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What could not be read: documents in quarantine, and files that were left out."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fink_voevent.listen.landing import PREFIX
from fink_voevent.store import unread
from fink_voevent.store.batches import FIRST, BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import column_names

INGEST = "ingest"
AT_ONCE = 20  # documents that are landed in one file: each may have 16 MB
_LISTED = ("received_at", "source", "format", "sha256", "reason")


def documents(root: str, reason: str = "") -> pa.Table:
    """Return the documents in quarantine that no later attempt has read.

    Parameters
    ----------
    root : str
        Folder of our tables: a path or a URI.
    reason : str, optional
        Only documents whose reason contains this text.

    Returns
    -------
    Table
        Columns `received_at`, `source`, `format`, `sha256` and `reason` of the table
        quarantine, in order of time.
    """
    tables = Tables(root)
    last = BatchLog(tables, INGEST).last_done()
    found = tables.rows_of("quarantine", _LISTED, FIRST, last)
    read = tables.rows_of("events", ["sha256"], FIRST, last)["sha256"]
    is_wanted = pc.and_(
        pc.invert(pc.is_in(found["sha256"], read)),
        pc.match_substring(found["reason"], reason),
    )
    return found.filter(is_wanted).sort_by("received_at")


def retry_documents(root: str, reason: str = "") -> int:
    """Land documents in quarantine again, as they were received.

    Parameters
    ----------
    root, reason : str
        As for `documents`.

    Returns
    -------
    int
        Number of documents.

    Raises
    ------
    StorageError
        If landing cannot be written.
    """
    wanted = documents(root, reason)["sha256"]
    landing = open_store(root).subfolder("landing")
    count = 0
    for rows in _raw_documents(root, wanted):
        landing.write(
            f"{PREFIX}retry-{uuid.uuid4().hex}.parquet",
            partial(pq.write_table, rows, compression="zstd"),
        )
        count += rows.num_rows
    return count


def retry_files(root: str) -> int:
    """Let files that were set aside be tried again; return their number."""
    return sum(record.retry() for record in unread.records(root))


def _raw_documents(root: str, sha256: pa.ChunkedArray) -> Iterator[pa.Table]:
    """Yield rows of landing of documents in quarantine, `AT_ONCE` at a time."""
    tables, columns = Tables(root), column_names("landing")
    for start in range(0, len(sha256), AT_ONCE):
        wanted = sha256.slice(start, AT_ONCE)
        where = pc.field("sha256").isin(wanted.combine_chunks())
        yield tables.arrow("quarantine", columns, where)
