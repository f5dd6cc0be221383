# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Compare matching with a plain scan of the same columns, in the same run.

``python benchmarks/match.py [ALERTS]`` writes ``build/bench/match.json``. Alerts are
synthetic and evenly spread over the sky and over twenty days. Six regions in ten have
radii of arcseconds to arcminutes, three 3 to 15 degrees, one lies between. In the
figures ``regions_*``, events are spread over the same days and have windows of seven
days. In ``crowded_*`` and in all other figures, the window of each event contains all
alerts.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from fink_voevent.alerts import thin_alerts
from fink_voevent.config.load import load
from fink_voevent.events import area_cap, regions, summary, versions
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.match import compaction, earlier_batches, pairing, time_only
from fink_voevent.match import stage as match_stage
from fink_voevent.spark.session import build
from fink_voevent.store.ledger import Ledger, Manifest
from fink_voevent.tables.coincidences import PAIR_EVENT_COLUMNS
from fink_voevent.tables.schema import arrow_schema, column_names

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "datatest"))

from sky import (  # noqa: E402
    LEVEL,
    always,
    circles,
    event,
    sky_maps,
    write_alerts,
    write_packets,
    write_science,
)

REPEATS = 5
REGIONS = (30, 300, 1000, 10_000)
CROWDED = (300, 10_000)
MANY = 1000
READ = column_names("alerts")
NEEDED = (
    *("candid", "objectId", "candidate", "cdsxmatch", "roid", "prv_candidates.jd"),
    *("prv_candidates.fid", "prv_candidates.magpsf", "prv_candidates.diffmaglim"),
    "prv_candidates.isdiffpos",
)
LIVE, BATCH, BATCHES, WARM = 300, 10_000, 8, 3
NIGHT = "20240115"


def latest(spark: SparkSession, rows: list[dict], path: Path) -> DataFrame:
    """Return `versions.latest` of rows of the table events, written to `path`."""
    schema = pa.schema([f.with_nullable(True) for f in arrow_schema("events")])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return versions.latest(spark.read.parquet(str(path)), ("observation",))


def live(spark: SparkSession, rows: list[dict], path: Path) -> DataFrame:
    """Return the `versions.matchable` rows of `latest`, in memory."""
    kept = versions.matchable(latest(spark, rows, path)).persist()
    kept.count()
    return kept


def once(work: Callable[[], None]) -> float:
    """Time (s) of one run."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def timed(work: Callable[[], None], warm: int = 1) -> float:
    """Median time (s) of `REPEATS` runs, after `warm` runs that do not count."""
    for _ in range(warm):
        work()
    return statistics.median(once(work) for _ in range(REPEATS))


def drop(df: DataFrame) -> None:
    """Compute all rows and discard them."""
    df.write.format("noop").mode("overwrite").save()


def match_all(alerts: DataFrame, events: DataFrame) -> Callable[[], None]:
    """Return a function that matches all alerts and discards the pairs.

    The regions are in memory, as in the stage, which computes them only when the
    notices change.
    """
    order = summary.order(summary.summarise(events))
    tables = regions.region_tables(events, PAIR_EVENT_COLUMNS, order, LEVEL).persist()
    return lambda: drop(pairing.match_regions(alerts, tables))


def measure_regions(
    spark: SparkSession, alerts: DataFrame, rows: list[dict], folder: Path, name: str
) -> dict[str, float]:
    """Time (s) to match alerts with events, and the number of pairs.

    The regions are computed in the first run, which counts only above `MANY` events.
    """
    events = live(spark, rows, folder / f"{name}.parquet")
    run = match_all(alerts, events)
    # Hundreds of millions of pairs: measured once, when everything else is warm.
    spent_s = once(run) if len(rows) > MANY else timed(run)
    count = pairing.pairs(
        alerts, events, LEVEL, summary.order(summary.summarise(events))
    ).count()
    spark.catalog.clearCache()  # these regions are not used again
    print(f"{name}: {count} pairs in {spent_s:.1f} s")
    return {f"{name}_s": spent_s, f"{name}_pairs": count}


def without_map(
    spark: SparkSession, alerts: DataFrame, folder: Path
) -> dict[str, float]:
    """Time (s) and pairs of one event without its sky map, matched in time only."""
    no_position = {"ra": None, "dec": None, "error_r90": None, "fisher": None}
    awaited = {"cells": None, "skymap_url": "https://example.org/map"}
    rows = [circles(1)[0] | no_position | awaited]
    events = latest(spark, rows, folder / "m.parquet").where(versions.awaits_map())
    capped = area_cap.with_cap(events, load({}).settings.cap_deg2, LEVEL)
    found = time_only.pairs(alerts, capped)
    spent_s = timed(lambda: drop(found))
    return {"without_map_s": spent_s, "without_map_pairs": found.count()}


def real_width(spark: SparkSession, folder: Path) -> dict[str, float]:
    """Packets per second from science alerts to pairs, and of reading alone."""
    count = write_packets(folder / "wide")
    science = spark.read.parquet(str(folder / "wide"))
    needed = [c for c in NEEDED if c.split(".")[0] in science.columns]
    events = live(spark, always(circles(LIVE)), folder / "wide_events.parquet")
    match_s = timed(match_all(thin_alerts.thin(science, "ztf", NIGHT), events), WARM)
    # Measured last, when all is warm.
    read_s = timed(lambda: drop(science.select(*needed)), WARM)
    return {
        "packets_per_s": count / match_s,
        "packets_read_per_s": count / read_s,
        "ratio_packets_to_read": read_s / match_s,
    }


def micro_batch(spark: SparkSession, folder: Path) -> float:
    """Time (s) of a warm batch of the stage, with new alerts and known notices.

    It is the time from science alerts to the table coincidences.
    """
    values = {"data_prefix": str(folder / "data"), "spool": str(folder / "spool")}
    settings = load({}, values).settings
    root = Path(settings.root)
    (root / "events").mkdir(parents=True)
    schema = pa.schema([f.with_nullable(True) for f in arrow_schema("events")])
    rows = pa.Table.from_pylist(always(circles(LIVE)), schema=schema)
    pq.write_table(rows, root / "events" / "e.parquet")
    notices = Manifest(
        ingest_stage.STAGE, "r", 0, {"events": ("events/e.parquet",)}, {}
    )
    for stage in (ingest_stage.STAGE, match_stage.STAGE):
        Ledger(settings.root, stage).prepare()
    Ledger(settings.root, ingest_stage.STAGE).commit(notices)
    write_science(folder / "fresh", BATCH * BATCHES, BATCHES)
    schema = spark.read.parquet(str(folder / "fresh")).schema
    process = match_stage.batch_writer(settings, NIGHT, "r", schema)
    times = []
    for batch in range(BATCHES):
        fresh = (None, (folder / "fresh" / f"{batch}.parquet").as_uri())
        lines = [(notices.line(), None)] if batch == 0 else []
        arrived = spark.createDataFrame([*lines, fresh], "manifest string, path string")
        times.append(once(lambda a=arrived, b=batch: process(a, b)))
    print(f"micro-batches: {', '.join(f'{t:.1f}' for t in times)} s")
    return statistics.median(times[WARM:])


def backfill(spark: SparkSession, alerts: DataFrame, folder: Path) -> float:
    """Time (s) to match one late notice with the sorted alerts of past nights.

    It includes the region, which is new to the stage each time.
    """
    compaction.sort_by_place(alerts).write.parquet(str(folder / "by_place"))
    late = live(spark, always([event(1, 120.0, 30.0, 10.0)]), folder / "late.parquet")
    summaries = summary.summarise(late)
    sky, order = summary.sky_cells(summaries), summary.order(summaries)
    stored = earlier_batches.alerts_in_sky(
        spark.read.parquet(str(folder / "by_place")), sky
    )
    return timed(lambda: drop(pairing.pairs(stored, late, LEVEL, order)))


def driver_rss_mb(spark: SparkSession) -> float:
    """Largest resident memory (MB) of Spark's process so far."""
    process = spark.sparkContext._gateway.proc.pid  # noqa: SLF001 - no other way
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(count: int) -> None:
    """Measure; print the figures and write them."""
    settings = load({}, {"spark_master": "local[2]", "driver_memory": "3g"}).settings
    spark = build(settings, "benchmark")
    figures: dict[str, float] = {"alerts": count}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_alerts(folder / "alerts", count)
        alerts = spark.read.parquet(str(folder / "alerts"))
        columns = alerts.select(READ)
        figures["scan_s"] = timed(lambda: drop(columns), WARM)
        print(f"scan: {figures['scan_s']:.1f} s")
        for number in REGIONS:
            figures |= measure_regions(
                spark, alerts, circles(number), folder, f"regions_{number}"
            )
        for number in CROWDED:
            crowd = always(circles(number))
            figures |= measure_regions(
                spark, alerts, crowd, folder, f"crowded_{number}"
            )
        again = timed(lambda: drop(columns))  # now all is warm
        figures["scan_s"] = min(figures["scan_s"], again)
        maps = live(spark, always(sky_maps()), folder / "maps.parquet")
        figures["maps_10_s"] = timed(match_all(alerts, maps))
        figures |= without_map(spark, alerts, folder)
        figures["backfill_s"] = backfill(spark, alerts, folder)
        figures["batch_s"] = micro_batch(spark, folder)
        figures |= real_width(spark, folder)
        figures["driver_rss_mb"] = driver_rss_mb(spark)
        spark.stop()
    for kind, prefix in (("regions", ""), ("crowded", "crowded_")):
        time_300 = figures[f"{kind}_300_s"]
        figures[f"ratio_{prefix}300_to_scan"] = time_300 / figures["scan_s"]
        figures[f"ratio_{prefix}10000_to_300"] = figures[f"{kind}_10000_s"] / time_300
    rounded = {k: round(v, 3) for k, v in figures.items()}
    out = ROOT / "build" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "match.json").write_text(json.dumps(rounded, indent=2) + "\n")
    print(json.dumps(rounded, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
