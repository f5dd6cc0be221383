# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Files of landing that are damaged, or are no landing files, stop no others."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.hostile import HONEST
from helpers.landed import landed
from helpers.pipeline import finish

from fink_voevent.ingest import stage
from fink_voevent.store.batches import FIRST, BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.store.unread import all_files

NOW = datetime(2024, 1, 15, 3, tzinfo=timezone.utc)


def parquet(columns: dict[str, pa.Array], compression: str = "snappy") -> bytes:
    """Return a Parquet file."""
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, compression=compression)
    return stream.getvalue()


def good(number: int) -> bytes:
    """Return a landing file with one honest document."""
    batch = landed(HONEST % number)
    return parquet(dict(zip(batch.schema.names, batch.columns, strict=True)))


def raws(number: int, kind: pa.DataType | None = None) -> pa.Array:
    """Return a column of one honest document, of another type if it is given."""
    array = pa.array([HONEST % number], pa.binary())
    return array if kind is None else array.cast(kind)


def not_text() -> pa.Array:
    """Return a column of one text that is not UTF-8."""
    offsets = pa.array([0, 3], pa.int32()).buffers()[1]
    return pa.Array.from_buffers(
        pa.string(), 1, [None, offsets, pa.py_buffer(b"\xff\xfe\xed")]
    )


def changed(start: int, piece: bytes, number: int = 900) -> bytes:
    """Return a landing file of which some bytes are others."""
    content = good(number)
    return content[:start] + piece + content[start + len(piece) :]


# Files of which no document can be read.
UNREADABLE: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "zeros": lambda: b"\0" * 5000,
    "text": lambda: b"<VOEvent ivorn='ivo://a/b#c'/>" * 100,
    "magic": lambda: b"PAR1PAR1",
    "encrypted": lambda: b"PARE" + b"\0" * 100 + b"PARE",
    "no-end": lambda: good(900)[:-4],
    "no-footer": lambda: good(900)[:-100],
    "footer-length": lambda: good(900)[:-8] + b"\xff\xff\xff\x7fPAR1",
    "footer-zero": lambda: good(900)[:-8] + b"\0\0\0\0PAR1",
    "pages": lambda: changed(4, b"\xff" * 300),
    "dictionary": lambda: changed(4, bytes(range(200))),
    "integers": lambda: parquet({"raw": pa.array([1, 2])}),
    "lists": lambda: parquet({"raw": pa.array([[b"a"], None])}),
    "structs": lambda: parquet({"raw": pa.array([{"raw": b"a"}])}),
    "time-as-text": lambda: parquet(
        {"raw": raws(900), "received_at": pa.array(["now"])}
    ),
}
# Files of which one honest document can be read, by its number.
READABLE: dict[str, Callable[[int], bytes]] = {
    "raw-alone": lambda n: parquet({"raw": raws(n)}),
    "large-binary": lambda n: parquet({"raw": raws(n, pa.large_binary())}),
    "zstd": lambda n: parquet({"raw": raws(n)}, "zstd"),
    "extra": lambda n: parquet(
        {"raw": raws(n), "x": pa.array([{"a": [[1]]}]), "raw_event": raws(n)}
    ),
    "no-time": lambda n: parquet(
        {"raw": raws(n), "received_at": pa.array([None], pa.timestamp("us", "UTC"))}
    ),
    "time-of-antiquity": lambda n: parquet(
        {
            "raw": raws(n),
            "received_at": pa.array([-(10**17) // 2], pa.timestamp("us", "UTC")),
        }
    ),
    "nulls": lambda n: parquet(
        {"raw": pa.array([None, HONEST % n, None], pa.binary())}
    ),
    "wrong-sha": lambda n: parquet({"raw": raws(n), "sha256": pa.array(["0" * 64])}),
    "control-source": lambda n: parquet(
        {"raw": raws(n), "source": pa.array(["a\n\x1b[31m\0b"])}
    ),
}
# Files of which nobody can say whether their document can be read.
DOUBTFUL: dict[str, Callable[[], bytes]] = {
    "no-raw": lambda: parquet({"a": pa.array([1])}),
    "no-rows": lambda: parquet({"raw": pa.array([], pa.binary())}),
    "twice": lambda: parquet({"raw": raws(900), "RAW": raws(901)}),
    "source-not-text": lambda: parquet({"raw": raws(902), "source": not_text()}),
    "sha-not-text": lambda: parquet({"raw": raws(903), "sha256": not_text()}),
    "transport-not-text": lambda: parquet({"raw": raws(904), "transport": not_text()}),
    "far-time": lambda: parquet(
        {
            "raw": raws(905),
            "received_at": pa.array([2**62], pa.timestamp("us", "UTC")),
        }
    ),
    "long-source": lambda: parquet(
        {"raw": raws(906), "source": pa.array(["s" * 10**6])}
    ),
}


def events(root: str) -> set[str]:
    """Return the local identifiers of all events."""
    tables = Tables(root)
    last = BatchLog(tables, stage.STAGE).last_done()
    rows = tables.rows_of("events", ["ivorn"], FIRST, last)
    return {ivorn.rpartition("#")[2] for ivorn in rows["ivorn"].to_pylist()}


@pytest.mark.nightly
def test_files_that_are_no_landing_files_stop_no_others(pipeline):
    root = pipeline.settings.root
    folder = Path(root, "landing")
    folder.mkdir(parents=True, exist_ok=True)
    pipeline.land(HONEST % 0)
    numbers = dict(zip(READABLE, range(100, 100 + len(READABLE)), strict=True))
    for name, number in numbers.items():
        (folder / f"{name}.parquet").write_bytes(READABLE[name](number))
    for name, make in {**UNREADABLE, **DOUBTFUL}.items():
        (folder / f"{name}.parquet").write_bytes(make())
        (folder / f"notices-{name}.parquet").write_bytes(make())  # as the listener's
    (folder / "folder.parquet").mkdir()
    (folder / "full.parquet").mkdir()
    (folder / "full.parquet" / "inner.parquet").write_bytes(good(907))
    (folder / "gone.parquet").symlink_to(folder / "nothing")
    (folder / "circle.parquet").symlink_to(folder / "circle.parquet")
    (folder / "odd %20[a]*?{b}\n;=.parquet").write_bytes(good(908))
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.parquet")).write_bytes(good(909))
    pipeline.land(HONEST % 1)
    finish(stage.start(pipeline.spark, pipeline.settings))
    pipeline.land(HONEST % 2)
    finish(stage.start(pipeline.spark, pipeline.settings))

    found = events(root)
    assert {"0", "1", "2"} <= found
    assert {str(n) for n in numbers.values()} <= found
    unread = {Path(file.path).name for file in all_files(root)}
    assert {f"{name}.parquet" for name in UNREADABLE} <= unread
    assert {f"notices-{name}.parquet" for name in UNREADABLE} <= unread
