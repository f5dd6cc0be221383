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
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from fink_voevent.alerts import thin_alerts
from fink_voevent.config.load import load
from fink_voevent.events import event_state, regions, versions
from fink_voevent.events.event_state import States
from fink_voevent.events.notice import Rules
from fink_voevent.match import earlier_batches, pairing, time_only
from fink_voevent.match.stage import MatchStage
from fink_voevent.spark import dataframes
from fink_voevent.spark.session import build
from fink_voevent.store import upkeep
from fink_voevent.store.batches import BatchLog, GivenFiles, Input, do_next
from fink_voevent.store.delta import Tables, staging_folder, with_batch
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.coincidences import PAIR_EVENT_COLUMNS
from fink_voevent.tables.schema import column_names

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "datatest"))

from sky import (  # noqa: E402
    LEVEL,
    always,
    circles,
    event,
    notices,
    sky_maps,
    tables_of,
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
OBSERVED = Rules(("observation",))  # real events, without a limit of their area


class Current(NamedTuple):
    """Current events: their rows (see `versions.as_dataframe`), and their states."""

    rows: DataFrame
    states: States

    @property
    def order(self) -> int:
        """HEALPix order of the cells to match them with."""
        return event_state.order(self.states)


def latest(
    spark: SparkSession, rows: list[dict], path: Path, rules: Rules = OBSERVED
) -> Current:
    """Return the current events of notices, which are written to `path`."""
    pq.write_table(notices(rows), path)
    found = spark.read.parquet(str(path))
    current = versions.current_events(found, rules)
    states = current.states
    return Current(versions.rows_with_regions(current, states, found, rules), states)


def live(spark: SparkSession, rows: list[dict], path: Path) -> Current:
    """Return the events of `latest` that can be matched, in memory."""
    found = latest(spark, rows, path)
    kept = versions.matchable(found.rows).persist()
    kept.count()
    return Current(kept, found.states)


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


def match_all(alerts: DataFrame, events: Current) -> Callable[[], None]:
    """Return a function that matches all alerts and discards the pairs.

    The regions are in memory, as in the stage, which computes them only when the
    notices change.
    """
    tables = regions.region_tables(events.rows, PAIR_EVENT_COLUMNS, events.order, LEVEL)
    tables.persist()
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
    count = pairing.pairs(alerts, events.rows, LEVEL, events.order).count()
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
    rules = Rules(("observation",), cap_deg2=load({}).settings.cap_deg2)
    events = latest(spark, rows, folder / "m.parquet", rules).rows
    found = time_only.pairs(alerts, events.where(versions.awaits_map()))
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
    log = BatchLog(Tables(settings.root), "ingest")
    batch = log.plan(Input())
    for name, rows in zip(
        ("events", "regions"), tables_of(always(circles(LIVE))), strict=True
    ):
        log.tables.append_rows(name, rows, log.stage, batch.number)
    log.finish(batch, {})
    write_science(folder / "fresh", BATCH * BATCHES, BATCHES)
    schema = spark.read.parquet(str(folder / "fresh")).schema
    files = GivenFiles()
    stage = MatchStage(spark, settings, NIGHT, files, schema)
    times = []
    for number in range(BATCHES):
        files.add((folder / "fresh" / f"{number}.parquet").as_uri())
        times.append(once(lambda: do_next(stage)))
    print(f"micro-batches: {', '.join(f'{t:.1f}' for t in times)} s")
    return statistics.median(times[WARM:])


def backfill(spark: SparkSession, folder: Path) -> dict[str, float]:
    """Time (s) to sort a night by place, and to match one late notice with it.

    The latter includes the region, which is new to the stage each time.
    """
    tables = Tables(str(folder / "by_place"))
    staged = open_store(staging_folder(tables.root, "match"))
    for path in sorted((folder / "alerts").iterdir()):
        rows = with_batch(pq.read_table(path), "alerts", 0).drop_columns(["night"])
        write = partial(pq.write_table, rows, compression="zstd")
        staged.subfolder(f"night={NIGHT}").write(path.name, write)
    tables.append("alerts", staged, "match", 0)
    night = [("night", "=", NIGHT)]
    sort_s = once(lambda: upkeep.sort(tables, "alerts", night, "hpx29"))
    late = live(spark, always([event(1, 120.0, 30.0, 10.0)]), folder / "late.parquet")
    sky = event_state.sky_cells(late.states)

    def match() -> None:
        files = tables.live_files("alerts")
        alerts = dataframes.read_stored(spark, tables, "alerts", files)
        near = earlier_batches.alerts_in_sky(alerts.drop("batch"), sky)
        drop(pairing.pairs(near, late.rows, LEVEL, late.order))

    return {"sort_night_s": sort_s, "backfill_s": timed(match)}


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
        figures |= backfill(spark, folder)
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
