# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A notice after years of notices, against one after a night of them.

``python benchmarks/years.py [NOTICES]`` writes ``build/bench/years.json``. Notices came
one an hour, each in a file of its own, so that as many are live in both. Batches of
ingest and match that bring one more are timed, warm, by the functions that the stages
call.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from fink_voevent.config.load import load
from fink_voevent.config.settings import Settings
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.match import stage as match_stage
from fink_voevent.spark.session import build
from fink_voevent.store import merging
from fink_voevent.store.ledger import Ledger, Manifest
from fink_voevent.tables.schema import arrow_schema

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "datatest"))

from notices import Notice, xml  # noqa: E402
from sky import T0, circles, write_science  # noqa: E402

FEW, MANY = 300, 10_000
BATCHES, WARM = 10, 4
ALERTS = 1000


def one_more(settings: Settings, row: dict, number: int) -> Manifest:
    """Hand over a notice as ingest does."""
    own = Ledger(settings.root, ingest_stage.STAGE)
    folder = Path(own.data_folder("events", "r", number))
    folder.mkdir(parents=True)
    schema = pa.schema([f.with_nullable(True) for f in arrow_schema("events")])
    table = pa.Table.from_pylist([row], schema=schema)
    pq.write_table(table, folder / "part-00000.parquet")
    file = str((folder / "part-00000.parquet").relative_to(settings.root))
    manifest = Manifest(ingest_stage.STAGE, "r", number, {"events": (file,)}, {})
    own.commit(manifest)
    return manifest


def past(settings: Settings, rows: list[dict]) -> None:
    """Hand notices over, which match has seen, and merge what is to be merged."""
    files = []
    for number, row in enumerate(rows):
        files += one_more(settings, row, number).tables["events"]
    own = Ledger(settings.root, match_stage.STAGE)
    facts = {"night": "x", "survey": "ztf", "event_files": files, "span_us": None}
    tables = {"alerts": (), "coincidences": ()}
    own.commit(Manifest(match_stage.STAGE, "before", 0, tables, facts))
    while merging.merge(settings.root, "events", files):
        pass


def timed(
    process: Callable[[DataFrame, int], None], batches: list[tuple[int, DataFrame]]
) -> float:
    """Time (s) of a warm batch."""
    times = []
    for number, arrived in batches:
        start = time.perf_counter()
        process(arrived, number)
        times.append(time.perf_counter() - start)
    print(" ", ", ".join(f"{t:.2f}" for t in times), "s")
    return statistics.median(times[WARM:])


def measure(spark: SparkSession, count: int, folder: Path) -> dict[str, float]:
    """Measure batches of ingest and match after `count` notices, in seconds."""
    values = {"data_prefix": str(folder / "data"), "spool": str(folder / "spool")}
    settings = load({}, values).settings
    hourly = [
        row | {"time": T0 + timedelta(days=1) - timedelta(hours=n)}
        for n, row in enumerate(circles(count + BATCHES))
    ]
    past(settings, hourly[BATCHES:])
    write_science(folder / "fresh", ALERTS * BATCHES, BATCHES)
    schema = spark.read.parquet(str(folder / "fresh")).schema
    arriving = []
    for batch in range(BATCHES):
        told = one_more(settings, hourly[batch], count + batch)
        file = (folder / "fresh" / f"{batch}.parquet").as_uri()
        lines = [(told.line(), None), (None, file)]
        arrived = spark.createDataFrame(lines, "manifest string, file string")
        arriving.append((batch, arrived))
    match = match_stage.batch_writer(settings, "20240115", "now", schema)
    landed = [(batch, _landed(spark, batch)) for batch in range(BATCHES)]
    return {
        "match_s": timed(match, arriving),
        "ingest_s": timed(ingest_stage.batch_writer(settings, "now"), landed),
    }


def _landed(spark: SparkSession, number: int) -> DataFrame:
    when = f"{T0:%Y-%m-%dT%H:%M:%S}"
    ivorn = f"ivo://org.example/bench#{number}"
    raw = xml(Notice("x", ivorn, when, when, (), (10.0, 5.0, 1.0))).encode()
    row = [(T0, "file", "x", "voevent", f"{number:064x}", raw)]
    names = "received_at timestamp, transport string, source string"
    return spark.createDataFrame(
        row, f"{names}, format string, sha256 string, raw binary"
    )


def main(count: int) -> None:
    """Measure, print and write."""
    out = ROOT / "build" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        settings = load({}, {"data_prefix": name, "driver_memory": "3g"}).settings
        spark = build(settings, "years", out / "years.log")
        measure(spark, 30, Path(name, "warm"))
        for label, notices in (("few", FEW), ("many", count)):
            times = measure(spark, notices, Path(name, label))
            found |= {f"{label}_{key}": value for key, value in times.items()}
        spark.stop()
    for stage in ("match_s", "ingest_s"):
        found[f"ratio_{stage[:-2]}"] = found[f"many_{stage}"] / found[f"few_{stage}"]
    (out / "years.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY)
