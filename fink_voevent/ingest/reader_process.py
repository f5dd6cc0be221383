# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The process that reads documents made by others, under limits that the kernel keeps.

It is started by `fink_voevent.ingest.reader`, with which it talks over its standard
input and output, and ends when its input ends. It neither forks nor touches any store.

- Processor time: a timer of the kernel kills the process once a request has used
  `cpu_s` seconds, whatever code runs then. Time during which it waits for a
  processor does not count, so that a loaded machine decides nothing.
- Memory: an allocation beyond `memory_bytes`, above what the idle process uses,
  fails, which is an error of that document.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from fink_voevent.errors import NoticeError
from fink_voevent.ingest import conversion
from fink_voevent.notices import voevent
from fink_voevent.notices.normalisation import distance_rows, pixel_rows
from fink_voevent.notices.streams import Registry
from fink_voevent.tables.schema import arrow_schema

# First byte of a message, which is followed by the length of its content.
SET_UP, DOCUMENTS, MAP = b"S", b"D", b"M"  # requests; the set-up is the first one
# Parts of an answer.
EVENTS, REGIONS, REASONS, MAP_ROW, REFUSED = b"E", b"G", b"R", b"P", b"X"
DONE, LAST = b".", b"!"  # end of an answer; of the last one of this process
NO_MEMORY = 12  # exit code if even an answer has no room in the memory
_HEADER = struct.Struct("!cQ")
# A process that has kept more than this part of the memory of a request is replaced.
_KEPT = 0.5
_MEMORY = Path("/proc/self/status")


def send(stream: BinaryIO, kind: bytes, content: bytes = b"") -> None:
    """Write a message to a stream."""
    stream.write(_HEADER.pack(kind, len(content)))
    stream.write(content)


def receive(stream: BinaryIO) -> tuple[bytes, bytes] | None:
    """Read the kind and the content of a message; None if the stream has ended."""
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    kind, length = _HEADER.unpack(header)
    content = stream.read(length)
    return (kind, content) if len(content) == length else None


def pack(batch: pa.RecordBatch) -> bytes:
    """Return rows as an Arrow stream."""
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def unpack(content: bytes) -> pa.RecordBatch:
    """Return the rows of an Arrow stream that `pack` wrote."""
    with pa.ipc.open_stream(content) as reader:
        return reader.read_next_batch()


def main() -> None:
    """Answer requests until the input ends."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library may print is no part of an answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to end
    first = receive(requests)
    if first is None:
        return
    registry: Registry
    registry, cpu_s, memory_bytes = pickle.loads(first[1])  # noqa: S301 - our parent's
    _load_libraries()
    most_kept = _limit_memory(memory_bytes) + _KEPT * memory_bytes
    while (message := receive(requests)) is not None:
        kind, content = message
        signal.setitimer(signal.ITIMER_PROF, cpu_s)  # kills this process
        parts = _read_map(content) if kind == MAP else _convert(content, registry)
        signal.setitimer(signal.ITIMER_PROF, 0)
        for part, found in parts.items():
            send(answers, part, found)
        is_last = _status_bytes("VmRSS") > most_kept
        send(answers, LAST if is_last else DONE)
        answers.flush()
        if is_last:
            return


def _convert(content: bytes, registry: Registry) -> dict[bytes, bytes]:
    rows, reasons = conversion.convert(unpack(content), registry)
    texts = pa.RecordBatch.from_pydict({"reason": pa.array(reasons, pa.string())})
    return {
        EVENTS: pack(rows.events),
        REGIONS: pack(rows.regions),
        REASONS: pack(texts),
    }


def _read_map(content: bytes) -> dict[bytes, bytes]:
    """Read a sky map into rows of the tables maps and regions, without its address."""
    from fink_voevent.sky import skymap  # with astropy

    try:
        sky_map = skymap.read(content)
        row = {
            "skymap_sha256": hashlib.sha256(content).hexdigest(),
            "cells": [{"lo": lo, "hi": hi} for lo, hi in sky_map.ranges()],
            "pixels": pixel_rows(sky_map),
            "pixel_distances": distance_rows(sky_map),
        }
        region = conversion.region_row(row, row["skymap_sha256"])
        return {
            MAP_ROW: pack(pa.RecordBatch.from_pylist([row], arrow_schema("maps"))),
            REGIONS: pack(
                pa.RecordBatch.from_pylist([region], arrow_schema("regions"))
            ),
        }
    except NoticeError as error:
        reason = str(error)
    except MemoryError:
        reason = "reading the sky map takes too much memory"
    except Exception as error:  # noqa: BLE001 - the map is made by others
        reason = f"the sky map is not understood, please report: {error!r}"
    return {REFUSED: conversion.printable(reason).encode()}


def _load_libraries() -> None:
    """Load what every document needs, so that the first one is not charged for it.

    astropy, which few documents need, is not loaded: this would double the time of the
    start.
    """
    import pandas  # noqa: F401 - by pyarrow, for its arrays

    voevent.is_valid(b"<a/>")  # reads the XSD


def _limit_memory(memory_bytes: int) -> int:
    """Limit the additional memory of this process; return what it uses now (bytes)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    used = _status_bytes("VmData")
    if used:  # elsewhere than on Linux the memory is not limited
        most = used + memory_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    return _status_bytes("VmRSS")


def _status_bytes(name: str) -> int:
    """Return a size (bytes) from the kernel's status of this process; 0 without one."""
    if not _MEMORY.exists():
        return 0
    for line in _MEMORY.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    try:
        main()
    except MemoryError:
        os._exit(NO_MEMORY)
