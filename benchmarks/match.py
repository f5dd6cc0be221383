# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Matching beside a plain scan of the same columns, in the same run.

``python benchmarks/match.py [ALERTS]`` writes ``build/bench/match.json``. Alerts are
synthetic, evenly over the sky and seven days; six regions in ten are of arcseconds to
arcminutes, three of 3 to 15 degrees, one between.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import lonlat_to_healpix
from pyspark.sql import DataFrame, SparkSession

from fink_voevent import (
    digest,
    ingest,
    localization,
    match,
    night,
    surveys,
    versions,
)
from fink_voevent.config import load
from fink_voevent.ledger import Ledger, Manifest
from fink_voevent.schema import arrow_schema, names
from fink_voevent.session import build

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "datatest"))

from make_datatest import ALERT, alert  # noqa: E402

T0 = datetime(2024, 1, 15, tzinfo=timezone.utc)
LEVEL = 0.95
REPEATS = 3
REGIONS = (30, 300, 1000, 10_000)
MANY = 1000
MAP_ORDER = 8
MAPS = 10
READ = names("alerts")
WIDE_BYTES, COPIES, WIDE_FILES = 15_000, 20, 8  # of the alerts of real width
NEEDED = (
    *("candid", "objectId", "candidate", "cdsxmatch", "roid", "prv_candidates.jd"),
    *("prv_candidates.fid", "prv_candidates.magpsf", "prv_candidates.diffmaglim"),
    "prv_candidates.isdiffpos",
)
LIVE, BATCH, BATCHES, WARM = 300, 10_000, 8, 3


def places(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Even over the sky, degrees."""
    return rng.uniform(0, 360, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))


def write_alerts(path: Path, count: int, parts: int = 8) -> None:
    """Thin alerts, as voevent_match keeps them, in some files."""
    rng = np.random.default_rng(1)
    path.mkdir()
    schema = arrow_schema("alerts")
    for part in range(parts):
        size = count // parts
        ra, dec = places(rng, size)
        index = lonlat_to_healpix(Longitude(ra, "deg"), Latitude(dec, "deg"), 29)
        e, n = np.radians(ra), np.radians(dec)
        first = int(T0.timestamp() * 1e6)
        when = first + rng.integers(0, 7 * 86_400_000_000, size)
        columns = {
            "alert_id": np.arange(size) + part * size,
            "alert_ra": ra,
            "alert_dec": dec,
            "hpx29": index.astype(np.int64),
            "x": np.cos(n) * np.cos(e),
            "y": np.cos(n) * np.sin(e),
            "z": np.sin(n),
            "alert_time": pa.array(when, pa.timestamp("us", "UTC")),
        }
        text = {"survey": "ztf", "night": "20240115", "packet_file": "f"}
        arrays = [
            columns[f.name]
            if f.name in columns
            else pa.array([text.get(f.name)] * size, f.type)
            for f in schema
        ]
        nullable = pa.schema([f.with_nullable(True) for f in schema])
        pq.write_table(pa.table(arrays, schema=nullable), path / f"{part}.parquet")


def event(number: int, ra: float, dec: float, radius_deg: float) -> dict:
    """Row of events."""
    mixture = localization.fisher(radius_deg, 0.9)
    cells = localization.cover(ra, dec, mixture.radius_deg(0.99))
    return {
        "ivorn": f"ivo://org.example/x#{number}",
        "notice_id": f"{number:06d}",
        "sha256": "",
        "event_id": f"{number}",
        "version": 1,
        "kind": "initial",
        "tense": "observation",
        "live": True,
        "issued": T0,
        "stream": "benchmark",
        "messenger": "grb",
        "time": T0 + timedelta(minutes=number % 1440),
        "time_source": "isotime",
        "ra": ra,
        "dec": dec,
        "error_r90": radius_deg,
        "fisher": {
            "fraction": 1.0,
            "core_kappa": mixture.core_kappa,
            "tail_kappa": mixture.tail_kappa,
        },
        "cells": [{"lo": lo, "hi": hi} for lo, hi in cells],
        "window_before": 0.0,
        "window_after": 7.0,
        "received_at": T0,
    }


def circles(count: int) -> list[dict]:
    """Events of the mix of the sky."""
    rng = np.random.default_rng(2)
    kinds = rng.choice(3, count, p=(0.6, 0.3, 0.1))
    low, high = np.array([-3.5, 0.5, -0.5])[kinds], np.array([-1.2, 1.18, 0.9])[kinds]
    radii = 10 ** rng.uniform(low, high)
    centres = zip(*places(rng, count), radii, strict=True)
    return [event(i, *map(float, one)) for i, one in enumerate(centres)]


def sky_maps() -> list[dict]:
    """Events with maps of about 10,000 pixels, as LVK's have within 99 %."""
    rng = np.random.default_rng(3)
    made = []
    size = 1 << 2 * (29 - MAP_ORDER)
    for number, (ra, dec) in enumerate(zip(*places(rng, MAPS), strict=True)):
        whole = localization.cover(float(ra), float(dec), 12.5)
        index = np.concatenate(
            [np.arange(lo // size, -(-hi // size)) for lo, hi in whole]
        )
        weight = np.sort(rng.exponential(size=len(index)))[::-1]
        level = (np.cumsum(weight) - weight) / weight.sum()
        density = weight / weight.sum() / (4 * math.pi / (12 << 2 * MAP_ORDER))
        pixels = [
            {"lo": int(i) * size, "hi": (int(i) + 1) * size, "level": lv, "density": d}
            for i, lv, d in zip(
                rng.permutation(index), level.tolist(), density.tolist(), strict=True
            )
        ]
        without = {"ra": None, "dec": None, "fisher": None, "error_r90": None}
        ranges = [{"lo": lo, "hi": hi} for lo, hi in whole]
        made.append(
            event(number, 0.0, 0.0, 1.0) | without | {"cells": ranges, "pixels": pixels}
        )
    return made


def live(spark: SparkSession, rows: list[dict], path: Path) -> DataFrame:
    """`versions.matchable` events of rows, in memory."""
    schema = pa.schema([f.with_nullable(True) for f in arrow_schema("events")])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    latest = versions.latest(spark.read.parquet(str(path)), ("observation",))
    kept = versions.matchable(latest).persist()
    kept.count()
    return kept


def once(work: Callable[[], None]) -> float:
    """Time (s) of one run."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def timed(work: Callable[[], None], repeats: int = REPEATS) -> float:
    """Median time (s), after one run that warms up."""
    work()
    return statistics.median(once(work) for _ in range(repeats))


def drop(df: DataFrame) -> None:
    """Compute all, and keep nothing."""
    df.write.format("noop").mode("overwrite").save()


def joined(alerts: DataFrame, events: DataFrame) -> Callable[[], None]:
    """Match all, and drop the result.

    The order of cells is known, as to a batch of the stage: it is chosen when the
    notices change.
    """
    order = digest.order(digest.of(events))
    return lambda: drop(match.pairs(alerts, events, LEVEL, order))


def write_packets(folder: Path) -> int:
    """Alerts as wide as ZTF's: real ones if they are there, else ours; return how many.

    Each file holds the same: what is measured is reading and matching.
    """
    real = ROOT.parent / "shared" / "real" / "ztf" / "regular"
    if real.is_dir():
        table = ds.dataset(real, format="parquet").to_table()
    else:
        rows = [
            alert(n, f"ZTF{n}", n * 0.03, n * 0.004, 2459862.0, 19.0, -5.0, -9.0,
                  "Unknown", 0.9)
            for n in range(133)
        ]  # fmt: skip
        for row in rows:
            row["cutoutScience"] = {"fileName": "x", "stampData": bytes(WIDE_BYTES)}
        table = pa.Table.from_pylist(rows, schema=ALERT)
    whole = pa.concat_tables([table] * COPIES)
    folder.mkdir()
    for part in range(WIDE_FILES):
        pq.write_table(
            whole, folder / f"{part}.parquet", use_deprecated_int96_timestamps=True
        )
    return WIDE_FILES * len(whole)


def real_width(spark: SparkSession, folder: Path) -> dict[str, float]:
    """Packets a second from science alerts to pairs, and by reading their columns."""
    count = write_packets(folder / "wide")
    science = spark.read.parquet(str(folder / "wide"))
    needed = [c for c in NEEDED if c.split(".")[0] in science.columns]
    events = live(spark, circles(LIVE), folder / "wide_events.parquet")
    read_s = timed(lambda: drop(science.select(*needed)))
    match_s = timed(joined(surveys.thin(science, "ztf"), events))
    return {
        "packets_per_s": count / match_s,
        "packets_read_per_s": count / read_s,
        "ratio_packets_to_read": read_s / match_s,
    }


def micro_batch(spark: SparkSession, folder: Path) -> float:
    """Time (s) of a warm batch of the stage: new alerts, notices that are known."""
    values = {"data_prefix": str(folder / "data"), "spool": str(folder / "spool")}
    settings = load({}, values).settings
    root = Path(settings.root)
    (root / "events").mkdir(parents=True)
    schema = pa.schema([f.with_nullable(True) for f in arrow_schema("events")])
    rows = pa.Table.from_pylist(circles(LIVE), schema=schema)
    pq.write_table(rows, root / "events" / "e.parquet")
    told = Manifest(ingest.STAGE, "r", 0, {"events": ("events/e.parquet",)}, {})
    for stage in (ingest.STAGE, night.STAGE):
        Ledger(settings.root, stage).prepare()
    Ledger(settings.root, ingest.STAGE).commit(told)
    write_alerts(folder / "fresh", BATCH * BATCHES, BATCHES)
    process = night.batch_writer(settings, "20240115", "r")
    times = []
    for batch in range(BATCHES):
        fresh = spark.read.parquet(str(folder / "fresh" / f"{batch}.parquet"))
        lines = [(told.line(),)] if batch == 0 else []
        notices = spark.createDataFrame(lines, "manifest string")
        started = time.perf_counter()
        process(fresh.unionByName(notices, allowMissingColumns=True), batch)
        times.append(time.perf_counter() - started)
    print(f"micro-batches: {', '.join(f'{t:.1f}' for t in times)} s")
    return statistics.median(times[WARM:])


def driver_rss_mb(spark: SparkSession) -> float:
    """Largest resident memory that Spark's process had."""
    process = spark.sparkContext._gateway.proc.pid  # noqa: SLF001 - nobody else tells
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main(count: int) -> None:
    """Run, print and write the figures."""
    settings = load({}, {"spark_master": "local[2]", "driver_memory": "3g"}).settings
    spark = build(settings, "benchmark")
    figures: dict[str, float] = {"alerts": count}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_alerts(folder / "alerts", count)
        alerts = spark.read.parquet(str(folder / "alerts"))
        columns = alerts.select(READ)
        figures["scan_s"] = timed(
            lambda: columns.write.format("noop").mode("overwrite").save()
        )
        print(f"scan: {figures['scan_s']:.1f} s")
        for regions in REGIONS:
            events = live(spark, circles(regions), folder / f"{regions}.parquet")
            match_all = joined(alerts, events)
            if regions > MANY:  # hundreds of millions of pairs: once, all else is warm
                figures[f"regions_{regions}_s"] = once(match_all)
            else:
                figures[f"regions_{regions}_s"] = timed(match_all)
            print(f"{regions} regions: {figures[f'regions_{regions}_s']:.1f} s")
            events.unpersist()
        maps = live(spark, sky_maps(), folder / "maps.parquet")
        figures["maps_10_s"] = timed(joined(alerts, maps))
        late = live(spark, [event(1, 120.0, 30.0, 10.0)], folder / "late.parquet")
        figures["backfill_s"] = timed(joined(alerts, late))
        figures["batch_s"] = micro_batch(spark, folder)
        figures |= real_width(spark, folder)
        figures["driver_rss_mb"] = driver_rss_mb(spark)
        spark.stop()
    three = figures["regions_300_s"]
    figures["ratio_300_to_scan"] = three / figures["scan_s"]
    figures["ratio_10000_to_300"] = figures["regions_10000_s"] / three
    rounded = {k: round(v, 3) for k, v in figures.items()}
    out = ROOT / "build" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    (out / "match.json").write_text(json.dumps(rounded, indent=2) + "\n")
    print(json.dumps(rounded, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)
