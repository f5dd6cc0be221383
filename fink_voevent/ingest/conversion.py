# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Convert landed documents to rows of the tables events and quarantine.

Whatever goes wrong with a document puts that document, and no other, in quarantine.
"""

from __future__ import annotations

import gc
from typing import Any

import pyarrow as pa

from fink_voevent import limits
from fink_voevent.errors import NoticeError
from fink_voevent.notices.normalisation import normalise_all
from fink_voevent.notices.streams import Registry
from fink_voevent.tables.schema import arrow_schema

# Reason in quarantine of a document that we published ourselves.
OWN = "sent by us: its authority is that of VOEVENT_LOCAL_IVO"
RECEPTION = ("received_at", "transport")  # columns of events that landing gives
Reasons = list[str | None]  # for each document, None if it is a row of events


def convert(
    landed: pa.RecordBatch, registry: Registry
) -> tuple[pa.RecordBatch, Reasons]:
    """Convert documents to rows of the table events.

    Parameters
    ----------
    landed : RecordBatch
        Columns of the table ``landing``.
    registry : Registry
        The streams.

    Returns
    -------
    RecordBatch
        Columns of the table ``events``; the documents that could be read, in order.
    list of str or None
        For each document, the reason why it could not be read.
    """
    # Python's cyclic garbage collector would traverse the thousands of dicts of each
    # document again and again, which have no cycles.
    gc.disable()
    try:
        return _convert(landed, registry)
    except Exception as error:  # noqa: BLE001 - documents are made by others
        if landed.num_rows == 1:
            return no_rows("events"), [_reason(error)]
    finally:
        gc.enable()
    parts = [convert(landed.slice(row, 1), registry) for row in range(landed.num_rows)]
    reasons = [reason for _, (reason,) in parts]
    return pa.concat_batches([part for part, _ in parts]), reasons


def quarantine(landed: pa.RecordBatch, reasons: Reasons) -> pa.RecordBatch:
    """Return the documents that could not be read, as rows of the table quarantine.

    Parameters
    ----------
    landed : RecordBatch
        Columns of the table ``landing``.
    reasons : list of str or None
        For each document, None if it could be read.
    """
    texts = pa.array(reasons, pa.string())
    rows = [*landed.columns, texts]
    schema = arrow_schema("quarantine")
    return pa.RecordBatch.from_arrays(rows, schema=schema).filter(texts.is_valid())


def no_rows(table: str) -> pa.RecordBatch:
    """Return no rows of a table."""
    return pa.RecordBatch.from_pylist([], schema=arrow_schema(table))


def printable(text: str) -> str:
    """Return a reason that can be stored and printed, as one short line."""
    short = text[: limits.REASON_CHARS]
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)


def _convert(
    landed: pa.RecordBatch, registry: Registry
) -> tuple[pa.RecordBatch, Reasons]:
    rows: list[dict[str, Any]] = []
    reasons: Reasons = []
    documents = landed.to_pylist()
    parsed = normalise_all([document["raw"] for document in documents], registry)
    for document, row in zip(documents, parsed, strict=True):
        if isinstance(row, NoticeError):
            reasons.append(printable(str(row)))
        elif registry.is_ours(row["ivorn"]):  # or we would answer our own VOEvents
            reasons.append(OWN)
        else:
            reasons.append(None)
            rows.append(row | {c: document[c] for c in RECEPTION})
    events = pa.RecordBatch.from_pylist(rows, schema=arrow_schema("events"))
    return events, reasons


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "reading it takes too much memory"
    return printable(f"not understood, please report: {error!r}")
