# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What could not be read: documents in quarantine, and files that were left out."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fink_voevent.store import arrow_tables, unread
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.ledger import Ledger, Manifest
from fink_voevent.tables.schema import column_names

INGEST = "ingest"
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
    found = arrow_tables.read_arrow(root, "quarantine", _files(root), _LISTED)
    events = [f for m in _manifests(root) for f in m.tables.get("events", ())]
    read = arrow_tables.read_arrow(root, "events", events, ["sha256"])["sha256"]
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
    day = f"date={datetime.now(timezone.utc):%Y-%m-%d}"
    landing = open_store(root).subfolder("landing", day)
    count = 0
    for rows in _raw_documents(root, wanted):
        landing.write(
            f"retry-{uuid.uuid4().hex}.parquet",
            partial(pq.write_table, rows, compression="zstd"),
        )
        count += rows.num_rows
    return count


def retry_files(root: str) -> int:
    """Let files that were set aside be tried again; return their number."""
    return sum(record.retry() for record in unread.records(root))


def _raw_documents(root: str, sha256: pa.ChunkedArray) -> Iterator[pa.Table]:
    """Yield rows of landing of documents in quarantine, a file of the table at once."""
    columns = column_names("landing")
    for file in _files(root):
        rows = arrow_tables.read_arrow(root, "quarantine", [file], columns)
        rows = rows.filter(pc.is_in(rows["sha256"], sha256))
        if rows.num_rows:
            yield rows


def _files(root: str) -> Sequence[str]:
    return [f for m in _manifests(root) for f in m.tables.get("quarantine", ())]


def _manifests(root: str) -> list[Manifest]:
    return Ledger(root, INGEST).manifests()
