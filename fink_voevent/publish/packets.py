# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Read files of Fink's alert packets, and compose the VOEvents of these packets."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from fink_voevent.alerts.transient import from_packet
from fink_voevent.errors import InputError
from fink_voevent.notices.times import parse_iso
from fink_voevent.publish.compose import Author, Citation, Packet, compose

ROWS_AT_ONCE = 50  # of a Parquet file
# What the two readers raise if a file is not what it says.
_UNREADABLE = (
    *(OSError, ValueError, TypeError, EOFError, LookupError, OverflowError),
    *(MemoryError, zlib.error, pa.ArrowException),
)


def alert_files(path: Path) -> list[Path]:
    """List the Avro and Parquet files in a folder and its subfolders, sorted.

    If `path` is a file, the list is that file, whatever its suffix.
    """
    if not path.is_dir():
        return [path]
    found = (p for p in path.rglob("*") if p.suffix in (".avro", ".parquet"))
    return sorted(p for p in found if p.is_file())  # Spark names folders .parquet too


def read_alerts(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the alert packets of an Avro or Parquet file.

    Raises
    ------
    InputError
        If the file is missing, or is neither Avro nor Parquet.
    """
    try:
        if path.suffix == ".parquet":
            for batch in pq.ParquetFile(path).iter_batches(ROWS_AT_ONCE):
                yield from batch.to_pylist(maps_as_pydicts="lossy")
            return
        with path.open("rb") as stream:
            for record in fastavro.reader(stream):
                if isinstance(record, Mapping):
                    yield record
    except _UNREADABLE as error:
        raise InputError(f"{path}: neither Avro nor Parquet: {error}") from None


def compose_alert(alert: Mapping[str, Any], author: Author) -> Packet:
    """Compose the VOEvent of an alert, and of its coincidence if it has one.

    Parameters
    ----------
    alert : mapping
        A packet of ZTF or Rubin as Fink distributes it. A struct ``coincidence``, as
        in the packets of the stage route, is used too.
    author : Author

    Raises
    ------
    InputError
        If the alert is not of a known survey, or lacks a position or a time, or its
        ``coincidence`` is not one of ours.
    NoticeError
        If the VOEvent would not be valid.
    """
    pair = alert.get("coincidence")
    if not isinstance(pair, Mapping):
        return compose(from_packet(alert), author)
    transient = from_packet(alert)
    try:
        row = {**pair, "notice_received_at": parse_iso(pair["notice_received_at"])}
        citations = [Citation(pair["ivorn"], "followup")]
        return compose(transient, author, row, citations)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"the coincidence has no usable {error}") from None
