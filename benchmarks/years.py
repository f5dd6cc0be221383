# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Compare a batch after years of notices with a batch after a few days of them.

``python benchmarks/years.py [NOTICES]`` writes ``build/bench/years.json``. Notices are
one hour apart and each is in a separate file, so that the number of notices that alerts
can match is the same in both cases. Batches of ingest and match with one more notice
are timed, when warm, through the functions that the stages call.
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


def add_notice(settings: Settings, row: dict, number: int) -> Manifest:
    """Commit a row of the table events, as ingest does."""
    ledger = Ledger(settings.root, ingest_stage.STAGE)
    folder = Path(ledger.data_folder("events", "r", number))
    folder.mkdir(parents=True)
    schema = pa.schema([f.with_nullable(True) for f in arrow_schema("events")])
    table = pa.Table.from_pylist([row], schema=schema)
    pq.write_table(table, folder / "part-00000.parquet")
    file = str((folder / "part-00000.parquet").relative_to(settings.root))
    manifest = Manifest(ingest_stage.STAGE, "r", number, {"events": (file,)}, {})
    ledger.commit(manifest)
    return manifest


def add_matched_notices(settings: Settings, rows: list[dict]) -> None:
    """Commit notices that match has processed, and merge their files."""
    files = []
    for number, row in enumerate(rows):
        files += add_notice(settings, row, number).tables["events"]
    ledger = Ledger(settings.root, match_stage.STAGE)
    facts = {"night": "x", "survey": "ztf", "event_files": files, "span_us": None}
    tables = {"alerts": (), "coincidences": ()}
    ledger.commit(Manifest(match_stage.STAGE, "before", 0, tables, facts))
    while merging.merge(settings.root, "events", files):
        pass


def timed(
    process: Callable[[DataFrame, int], None], batches: list[tuple[int, DataFrame]]
) -> float:
    """Median time (s) of a batch, without the first `WARM` ones."""
    times = []
    for number, arrived in batches:
        start = time.perf_counter()
        process(arrived, number)
        times.append(time.perf_counter() - start)
    print(" ", ", ".join(f"{t:.2f}" for t in times), "s")
    return statistics.median(times[WARM:])


def measure(spark: SparkSession, count: int, folder: Path) -> dict[str, float]:
    """Time (s) of a batch of match and of ingest after `count` notices."""
    values = {"data_prefix": str(folder / "data"), "spool": str(folder / "spool")}
    settings = load({}, values).settings
    hourly = [
        row | {"time": T0 + timedelta(days=1) - timedelta(hours=n)}
        for n, row in enumerate(circles(count + BATCHES))
    ]
    add_matched_notices(settings, hourly[BATCHES:])
    write_science(folder / "fresh", ALERTS * BATCHES, BATCHES)
    schema = spark.read.parquet(str(folder / "fresh")).schema
    arriving = []
    for batch in range(BATCHES):
        manifest = add_notice(settings, hourly[batch], count + batch)
        file = (folder / "fresh" / f"{batch}.parquet").as_uri()
        lines = [(manifest.line(), None), (None, file)]
        arrived = spark.createDataFrame(lines, "manifest string, path string")
        arriving.append((batch, arrived))
    match = match_stage.batch_writer(settings, "20240115", "now", schema)
    landed = [(batch, _landed(spark, folder, batch)) for batch in range(BATCHES)]
    return {
        "match_s": timed(match, arriving),
        "ingest_s": timed(ingest_stage.batch_writer(settings, "now"), landed),
    }


def _landed(spark: SparkSession, folder: Path, number: int) -> DataFrame:
    """Write a landing file of one notice; return it as the input of a batch."""
    when = f"{T0:%Y-%m-%dT%H:%M:%S}"
    ivorn = f"ivo://org.example/bench#{number}"
    raw = xml(Notice("x", ivorn, when, when, (), (10.0, 5.0, 1.0))).encode()
    row = [(T0, "file", "x", "voevent", f"{number:064x}", raw)]
    names = "received_at timestamp, transport string, source string"
    path = (folder / "landed" / str(number)).as_uri()
    spark.createDataFrame(
        row, f"{names}, format string, sha256 string, raw binary"
    ).write.parquet(path)
    return spark.createDataFrame([(path,)], "path string")


def main(count: int) -> None:
    """Measure; print the figures and write them."""
    out = ROOT / "build" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        settings = load({}, {"data_prefix": name, "driver_memory": "3g"}).settings
        spark = build(settings, "years", out / "years.log")
        measure(spark, 30, Path(name, "warm"))
        for label, notices in (("few", FEW), ("many", count)):
            times = measure(spark, notices, Path(name, label))
            figures |= {f"{label}_{key}": value for key, value in times.items()}
        spark.stop()
    for stage in ("match_s", "ingest_s"):
        ratio = figures[f"many_{stage}"] / figures[f"few_{stage}"]
        figures[f"ratio_{stage[:-2]}"] = ratio
    (out / "years.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY)
