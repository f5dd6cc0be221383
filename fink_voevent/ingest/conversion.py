# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Convert landed documents to rows of the tables events, regions and quarantine.

Whatever goes wrong with a document puts that document, and no other, in quarantine.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from fink_voevent import limits
from fink_voevent.errors import NoticeError
from fink_voevent.notices import own
from fink_voevent.notices.normalisation import normalise_all
from fink_voevent.notices.streams import Registry
from fink_voevent.notices.trust import source_of
from fink_voevent.sky.region_size import LevelPixels, region_size
from fink_voevent.tables.notices import REGION_COLUMNS
from fink_voevent.tables.schema import arrow_schema

RECEPTION = ("received_at", "transport")  # columns of events that landing gives
Reasons = list[str | None]  # for each document, None if it is a row of events


class Rows(NamedTuple):
    """Rows of documents that could be read, in order.

    Parameters
    ----------
    events, regions : RecordBatch
        Columns of these tables.
    """

    events: pa.RecordBatch
    regions: pa.RecordBatch


def convert(landed: pa.RecordBatch, registry: Registry) -> tuple[Rows, Reasons]:
    """Convert documents to rows of the tables events and regions.

    Parameters
    ----------
    landed : RecordBatch
        Columns of the table ``landing``.
    registry : Registry
        The streams.

    Returns
    -------
    Rows
        Of the documents that could be read.
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
            return Rows(no_rows("events"), no_rows("regions")), [_reason(error)]
    finally:
        gc.enable()
    parts = [convert(landed.slice(row, 1), registry) for row in range(landed.num_rows)]
    reasons = [reason for _, (reason,) in parts]
    rows = zip(*(part for part, _ in parts), strict=True)
    return Rows(*map(joined, rows)), reasons


def joined(parts: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Return the rows of batches of one schema, at least one batch, as one batch.

    pyarrow has `concat_batches` for this only since version 19.
    """
    batches = pa.Table.from_batches(parts).combine_chunks().to_batches()
    return batches[0] if batches else parts[0].slice(0, 0)


def quarantine(landed: pa.RecordBatch, reasons: Reasons) -> pa.RecordBatch:
    """Return the documents that could not be read, as rows of the table quarantine.

    Test events of our own broker are left out, which come back every hour.

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
    kept = pa.array([text not in (None, own.OWN_TEST) for text in reasons], pa.bool_())
    return pa.RecordBatch.from_arrays(rows, schema=schema).filter(kept)


def no_rows(table: str) -> pa.RecordBatch:
    """Return no rows of a table."""
    return pa.RecordBatch.from_pylist([], schema=arrow_schema(table))


def printable(text: str) -> str:
    """Return a reason that can be stored and printed, as one short line."""
    short = text[: limits.REASON_CHARS]
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in short)


def region_row(row: dict[str, Any], region_id: str) -> dict[str, Any] | None:
    """Take the cells and pixels out of a row, and describe them in it by numbers.

    Parameters
    ----------
    row : dict
        With `cells`, `pixels` and, if the map has them, `pixel_distances`, which are
        removed. The columns `REGION_COLUMNS` are added, null if there are no cells.
    region_id : str

    Returns
    -------
    dict or None
        Row of the table regions; None if there are no cells.
    """
    cells, pixels = row.pop("cells"), row.pop("pixels")
    distances = row.pop("pixel_distances", None)
    if cells is None:
        row |= dict.fromkeys(REGION_COLUMNS)
        return None
    ranges = [(cell["lo"], cell["hi"]) for cell in cells]
    size = region_size(ranges, None if pixels is None else level_pixels(pixels))
    row["region_id"], row["region_rows"] = region_id, list(size.rows)
    row["region_sky"] = size.sky
    row["region_areas"] = None if size.areas is None else list(size.areas)
    return {
        "region_id": region_id,
        "cells": cells,
        "pixels": pixels,
        "pixel_distances": distances,
    }


def level_pixels(pixels: Sequence[Mapping[str, Any]]) -> LevelPixels:
    """Return the pixels of a row as arrays."""
    return LevelPixels(
        np.array([pixel["lo"] for pixel in pixels], np.int64),
        np.array([pixel["hi"] for pixel in pixels], np.int64),
        np.array([pixel["level"] for pixel in pixels], np.float64),
    )


def _convert(landed: pa.RecordBatch, registry: Registry) -> tuple[Rows, Reasons]:
    rows: list[dict[str, Any]] = []
    regions: list[dict[str, Any]] = []
    reasons: Reasons = []
    documents = landed.to_pylist()
    raws = [document["raw"] for document in documents]
    parsed = normalise_all(raws, registry, list(map(_received, documents)))
    for document, row in zip(documents, parsed, strict=True):
        if isinstance(row, NoticeError):
            reasons.append(printable(str(row)))
        elif (own_reason := own.reason(row, registry)) is not None:
            reasons.append(own_reason)  # or we would answer our own VOEvents
        else:
            reasons.append(None)
            region = region_row(row, row["notice_id"])
            row["source"] = source_of(document["transport"], document["source"])
            rows.append(row | {c: document[c] for c in RECEPTION})
            regions += [] if region is None else [region]
    events = pa.RecordBatch.from_pylist(rows, schema=arrow_schema("events"))
    found = pa.RecordBatch.from_pylist(regions, schema=arrow_schema("regions"))
    return Rows(events, found), reasons


def _received(document: Mapping[str, Any]) -> datetime | None:
    """Return when a document was received; None if it is a file, of any age."""
    return None if document["transport"] == "file" else document["received_at"]


def _reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return "reading it takes too much memory"
    return printable(f"not understood, please report: {error!r}")
