# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Fink's alert packets in files, read one by one, and their VOEvents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from fink_voevent.alerts.transient import of_packet
from fink_voevent.errors import InputError
from fink_voevent.notices.times import parse_iso
from fink_voevent.publish.compose import Author, Cite, Packet, compose

AT_ONCE = 50


def read(path: Path) -> Iterator[Mapping[str, Any]]:
    """Packets of a file, Avro or Parquet.

    Raises
    ------
    InputError
        Where the file is missing or neither.
    """
    try:
        if path.suffix == ".parquet":
            for batch in pq.ParquetFile(path).iter_batches(AT_ONCE):
                yield from batch.to_pylist(maps_as_pydicts="lossy")
            return
        with path.open("rb") as stream:
            for record in fastavro.reader(stream):
                if isinstance(record, Mapping):
                    yield record
    except (OSError, ValueError, EOFError, pa.ArrowException) as error:
        raise InputError(f"{path}: neither Avro nor Parquet: {error}") from None


def files_at(path: Path) -> list[Path]:
    """Files of alerts in a folder and below, or the one file; sorted."""
    if not path.is_dir():
        return [path]
    found = (p for p in path.rglob("*") if p.suffix in (".avro", ".parquet"))
    return sorted(p for p in found if p.is_file())  # Spark names folders so too


def packet_of(alert: Mapping[str, Any], author: Author) -> Packet:
    """Make the VOEvent of an alert, and of its coincidence if it has one.

    Raises
    ------
    InputError
        See `of_packet`.
    """
    pair = alert.get("coincidence")
    if not isinstance(pair, Mapping):
        return compose(of_packet(alert), author)
    received = parse_iso(pair["notice_received_at"])
    told = {**pair, "notice_received_at": received}
    return compose(of_packet(alert), author, told, [Cite(pair["ivorn"], "followup")])
