# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Compare a start and batches after 100,000 batches with those after 1,000.

``python benchmarks/years.py [BATCHES]`` writes ``build/bench/years.json``. The tables
are made as that many batches leave them, in a few commits: of ten batches three are of
ingest, with one notice each, six of match, with ten alerts each, and one of route, with
one coincidence. Notices are one hour apart, and a night has sixty batches of match, so
that a new notice can match as many alerts, and a new alert as many notices, in each
case. Then the stages do real batches, with one notice and 1,000 alerts each.

Each commit leaves a file in the log of its table, which is removed after a week. In the
case *many*, the logs have as few files as in the case *few*. In the case *week*, they
have one of each commit, as if all batches were of the last seven days.
"""

from __future__ import annotations

import hashlib
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

from fink_voevent.config.load import load
from fink_voevent.config.settings import Settings
from fink_voevent.ingest.skymaps import Fetcher
from fink_voevent.ingest.stage import IngestStage
from fink_voevent.listen import landing
from fink_voevent.match.stage import MatchStage
from fink_voevent.ops.status import Observer
from fink_voevent.route.stage import RouteStage
from fink_voevent.spark.session import build
from fink_voevent.store.batches import DONE, PLANNED, GivenFiles, Stage, do_next
from fink_voevent.store.delta import LOG_FOLDER, Tables, staging_folder
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import PARTITIONS, batch_column, stored_schema
from fink_voevent.tables.times import microseconds

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "datatest"))

from notices import Notice, xml  # noqa: E402
from sky import T0, circles, tables_of, thin_alerts, write_science  # noqa: E402

FEW, MANY = 1000, 100_000
OF_TEN = {"ingest": 3, "match": 6, "route": 1}  # stages of ten batches
STARTS, BATCHES, WARM = 2, 5, 1  # that are measured; batches that come first
NEW_ALERTS, OLD_ALERTS = 1000, 10  # in a batch
BATCHES_OF_NIGHT = 60  # of match
DIFFERENT = 500  # regions, which the notices have in turn
SMALL = 150  # batches with files of their own, as there are between two compactions
RADIUS_DEG = 20.0  # of new notices, so that each matches some alerts
NIGHT = "20240115"
# What the stages record of each batch.
FACTS: dict[str, dict[str, Any]] = {
    "ingest": {"documents": 1, "events": 1, "quarantine": 0},
    "match": {
        "night": NIGHT,
        "survey": "ztf",
        "alerts": OLD_ALERTS,
        "coincidences": 0,
        "live_notices": 168,
        "unplaced_notices": 0,
        "beyond_cap": {},
        "in_time_only": {},
    },
    "route": {"survey": "ztf", "sent": {"fink_grb_bronze_ztf": 1}},
}


def make(settings: Settings, count: int) -> dict[str, int]:
    """Make tables as `count` batches leave them.

    Returns
    -------
    dict of str to int
        Commits of each table that these batches made.
    """
    done = {stage: count * share // 10 for stage, share in OF_TEN.items()}
    tables = Tables(settings.root)
    ingest, match, route = (np.arange(done[stage]) for stage in OF_TEN)
    append(tables, "documents", _repeated("documents", [{}], batch=ingest), "ingest")
    for name, rows in _notices(ingest).items():
        append(tables, name, rows, "ingest")
    append(tables, "alerts", _alerts(match), "match")
    pairs = _pairs(route * (len(match) // len(route)))
    append(tables, "coincidences", pairs, "match", last=match[-1])
    append(tables, "routed", _with("routed", pairs, route_batch=route), "route")
    for stage in OF_TEN:
        for state in (PLANNED, DONE):
            rows = _batches(stage, state, done)
            tables.append_rows("batches", rows, f"{stage}-{state}", done[stage] - 1)
    commits = dict.fromkeys(("documents", "events", "regions"), done["ingest"])
    commits |= {"alerts": done["match"], "coincidences": done["route"]}
    return commits | {"routed": done["route"], "batches": 2 * count}


def _notices(batches: npt.NDArray[np.int64]) -> dict[str, pa.Table]:
    """Notices of one event each, the last one at T0 and the others each hour before."""
    events, regions = tables_of(circles(DIFFERENT))
    times = [T0 - timedelta(hours=int(n)) for n in reversed(batches)]
    names = [f"event-{n}" for n in batches]
    return {
        "regions": _repeated("regions", regions, batch=batches, region_id=names),
        "events": _repeated(
            "events",
            events,
            batch=batches,
            ivorn=[f"ivo://org.example/old#{n}" for n in batches],
            **dict.fromkeys(("event_id", "notice_id", "sha256", "region_id"), names),
            **dict.fromkeys(("time", "issued", "received_at"), times),
        ),
    }


def _alerts(batches: npt.NDArray[np.int64]) -> pa.Table:
    """Alerts of batches of match; the last night is that after T0."""
    numbers = np.repeat(batches, OLD_ALERTS)
    ages = (batches[-1] - numbers) // BATCHES_OF_NIGHT
    times = [
        T0 + timedelta(days=1 - int(age), seconds=n % 36_000)
        for n, age in enumerate(ages)
    ]
    return _with(
        "alerts",
        thin_alerts(np.random.default_rng(4), len(numbers), 0),
        batch=numbers,
        night=[f"{time:%Y%m%d}" for time in times],
        alert_time=times,
    )


def _pairs(batches: npt.NDArray[np.int64]) -> pa.Table:
    """Coincidences, one of each of these batches of match."""
    names = [f"event-{n}" for n in batches]
    values = {"status": "new", "survey": "ztf", "night": NIGHT, "credible_level": 0.5}
    return _repeated(
        "coincidences",
        [values],
        batch=batches,
        alert_id=batches,
        **dict.fromkeys(("coincidence_id", "event_id", "ivorn"), names),
    )


def _batches(stage: str, state: str, done: Mapping[str, int]) -> pa.Table:
    """Rows of the table batches: all batches of a stage, in a state."""
    numbers = np.arange(done[stage])
    row: dict[str, Any] = {"stage": stage, "state": state, "at": T0}
    if stage != "ingest":
        row |= {"survey": "ztf", "night": "20231231"}
    if state == DONE:
        row |= {"facts": json.dumps(FACTS[stage])}
        return _repeated("batches", [row], batch=numbers)
    read = {"ingest": (), "match": ("ingest",), "route": ("match",)}[stage]
    until = [
        [
            {"stage": one, "batch": (n + 1) * done[one] // done[stage] - 1}
            for one in read
        ]
        for n in numbers.tolist()
    ]
    folder = "/data/fink/voevent/landing" if stage == "ingest" else "/data/fink/science"
    files = [[f"file://{folder}/notices-{n:032d}.parquet"] for n in numbers]
    return _repeated("batches", [row], batch=numbers, until=until, files=files)


def _repeated(
    name: str, rows: pa.Table | Sequence[Mapping[str, Any]], **columns: Any
) -> pa.Table:
    """Rows of a table again and again, with other values in some columns.

    Columns that a row lacks are null.
    """
    if not isinstance(rows, pa.Table):
        rows = pa.Table.from_pylist(list(rows), schema=stored_schema(name))
    count = len(next(iter(columns.values())))
    return _with(name, rows.take(pa.array(np.arange(count) % len(rows))), **columns)


def _with(name: str, rows: pa.Table, **columns: Any) -> pa.Table:
    """Rows of a table, with other values in some columns; what they lack is null."""
    found = {column: rows[column] for column in rows.column_names} | columns
    return pa.table(
        [
            found[field.name]
            if isinstance(found.get(field.name), pa.ChunkedArray)
            else pa.array(found.get(field.name, [None] * len(rows)), field.type)
            for field in stored_schema(name)
        ],
        schema=stored_schema(name),
    )


def append(
    tables: Tables, name: str, rows: pa.Table, stage: str, last: int | None = None
) -> None:
    """Commit rows of many batches at once; the last batches have files of their own.

    Parameters
    ----------
    tables : Tables
    name : str
    rows : Table
        With the columns that are stored, in the order of the batches.
    stage : str
    last : int, optional
        The last batch of the stage; by default the last one that has rows.
    """
    staged = open_store(staging_folder(tables.root, stage))
    batches = rows[batch_column(name)].to_numpy()
    keys = [rows[column].to_numpy() for column in PARTITIONS.get(name, ())]
    is_first = batches[1:] != batches[:-1]
    is_first &= batches[1:] > batches[-1] - SMALL
    for key in keys:
        is_first |= key[1:] != key[:-1]
    edges = [0, *(np.flatnonzero(is_first) + 1).tolist(), len(rows)]
    for start, end in zip(edges, edges[1:], strict=False):
        part = rows.slice(start, end - start)
        folders = []
        for column in PARTITIONS.get(name, ()):
            folders.append(f"{column}={part[column][0].as_py()}")
            part = part.drop_columns([column])
        file = f"{start}.parquet"
        staged.subfolder(*folders).write(file, partial(pq.write_table, part))
    tables.append(name, staged, stage, int(batches[-1] if last is None else last))
    staged.remove()


def lengthen_log(tables: Tables, name: str, commits: int) -> None:
    """Add commits without rows to the log of a table, and a checkpoint at its end."""
    table = tables.table(name)
    table.create_checkpoint()
    log, version = Path(tables.root, name, LOG_FOLDER), table.version()
    now_ms = time.time_ns() // 1_000_000
    line = json.dumps({"commitInfo": {"timestamp": now_ms, "operation": "WRITE"}})
    for number in range(version + 1, commits + 1):
        (log / f"{number:020d}.json").write_text(f"{line}\n", encoding="utf-8")
    last = max(version, commits)
    checkpoint = log / f"{version:020d}.checkpoint.parquet"
    checkpoint.rename(log / f"{last:020d}.checkpoint.parquet")
    hint = log / "_last_checkpoint"
    values = json.loads(hint.read_text(encoding="utf-8"))
    hint.write_text(json.dumps(values | {"version": last}), encoding="utf-8")


class Stages:
    """The stages over tables, and what arrives for them.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
    science : Path
        Folder of files of science alerts, of which one arrives for each batch.
    """

    def __init__(self, spark: SparkSession, settings: Settings, science: Path) -> None:
        self._spark, self._settings = spark, settings
        self._files = sorted(science.iterdir())
        self._schema = spark.read.parquet(str(science)).schema
        self._landing = open_store(settings.root).subfolder("landing")
        self._stages: Mapping[str, Stage] = {}
        self._count = 0

    def start(self) -> float:
        """Start the stages, as a new process does; return how long it took (s)."""
        started, level = time.perf_counter(), logging.DEBUG
        spark, settings = self._spark, self._settings
        match = (NIGHT, GivenFiles(), self._schema, level)
        self._stages = {
            "ingest": IngestStage(spark, settings, GivenFiles(), level),
            "match": MatchStage(spark, settings, *match),
            "route": RouteStage(spark, settings, level),
        }
        return time.perf_counter() - started

    def batch(self) -> dict[str, float]:
        """Do a batch of each stage; return how long each took (s)."""
        self._stages["ingest"].files.add(self._land())
        self._stages["match"].files.add(self._files[self._count].as_uri())
        self._count += 1
        times = {}
        for name, stage in self._stages.items():
            started = time.perf_counter()
            if not do_next(stage):
                raise SystemExit(f"{name} has found nothing to do")
            times[name] = time.perf_counter() - started
        print(
            " ", *(f"{name} {spent:.2f} s" for name, spent in times.items()), flush=True
        )
        return times

    def _land(self) -> str:
        """Land a notice, as the listener does; return the path of the file."""
        when = T0 + timedelta(minutes=self._count)
        text = f"{when:%Y-%m-%dT%H:%M:%S}"
        ivorn = f"ivo://org.example/new#{self._count}"
        place = (30.0 * self._count, 5.0, RADIUS_DEG)
        raw = xml(Notice("x", ivorn, text, text, (), place)).encode()
        digest = hashlib.sha256(raw).hexdigest()
        row = (microseconds(when), "file", "bench", "voevent", digest, raw)
        return self._landing.write(
            f"{landing.PREFIX}{self._count:06d}.parquet",
            partial(pq.write_table, landing.landing_table([row])),
        )


def measure(
    spark: SparkSession, count: int, folder: Path, *, keep_log: bool = False
) -> dict[str, float]:
    """Measure the stages after `count` batches: times (s), and numbers of files."""
    values = {"data_prefix": str(folder / "data"), "spool": str(folder / "spool")}
    settings = load({}, values).settings
    commits = make(settings, count)
    tables = Tables(settings.root)
    for name, number in commits.items() if keep_log else ():
        lengthen_log(tables, name, number)
    total = STARTS + BATCHES
    write_science(folder / "fresh", NEW_ALERTS * total, total)
    stages = Stages(spark, settings, folder / "fresh")
    starts = []
    for _ in range(STARTS):
        start_s = stages.start()
        starts.append((start_s, start_s + sum(stages.batch().values())))
    batches = [stages.batch() for _ in range(BATCHES)][WARM:]
    figures = {
        "start_s": statistics.median(alone for alone, _ in starts),
        "start_and_batches_s": statistics.median(both for _, both in starts),
    }
    for name in OF_TEN:
        figures[f"{name}_s"] = statistics.median(batch[name] for batch in batches)
    observer, fetcher = Observer(settings.root), Fetcher(settings)
    for name, work in {
        "status": observer.status,
        "status_again": observer.status,
        "maps": lambda: fetcher.fetch_due(0.0),
        "maps_again": lambda: fetcher.fetch_due(0.0),
    }.items():
        figures[f"{name}_s"] = seconds(work)
    paths = [path for path in Path(settings.root).rglob("*") if path.is_file()]
    figures["files"] = len(paths)
    figures["files_of_logs"] = sum(path.parent.name == LOG_FOLDER for path in paths)
    figures["files_live"] = sum(len(tables.files(name)) for name in commits)
    return figures


def seconds(work: Callable[[], object]) -> float:
    """Time (s) of a call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main(count: int) -> None:
    """Measure; print the figures and write them."""
    out = ROOT / "build" / "bench"
    out.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {"batches": {"few": FEW, "many": count}}
    with tempfile.TemporaryDirectory() as name:
        settings = load({}, {"data_prefix": name, "driver_memory": "3g"}).settings
        spark = build(settings, "years", out / "years.log")
        measure(spark, 100, Path(name, "warm"))
        for label, batches, keep_log in (
            ("few", FEW, True),
            ("many", count, False),
            ("week", count, True),
        ):
            figures[label] = measure(
                spark, batches, Path(name, label), keep_log=keep_log
            )
            rounded = {key: round(value, 3) for key, value in figures[label].items()}
            print(label, rounded, flush=True)
        spark.stop()
    for label in ("many", "week"):
        figures[f"ratio_{label}"] = {
            key: value / figures["few"][key] for key, value in figures[label].items()
        }
    (out / "years.json").write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY)
