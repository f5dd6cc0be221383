# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Time the commands that list events, coincidences and candidates, after a year.

``python benchmarks/look.py [NIGHTS]`` writes ``build/bench/look.json``. The tables are
made as a year leaves them, without Spark: 365 nights, 20,000 events with three notices
each, 100,000 coincidences, 20,000 candidates and 100,000 batches; rows of a batch are
together, and the last batches have files of their own. Each command runs as a process,
after one run that is not measured.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from fink_voevent.store.batches import DONE, PLANNED
from fink_voevent.store.delta import Tables, staging_folder
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.upkeep import GROUP_ROWS
from fink_voevent.tables.schema import stored_schema

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "datatest"))

from sky import circles, tables_of  # noqa: E402

EVENTS, NOTICES, PAIRS, CANDIDATES = 20_000, 3, 100_000, 20_000
BATCHES = 100_000
BEFORE = {"match": "ingest", "route": "match"}  # the stage that each one reads
REPEATS = 5
START = datetime(2025, 1, 1, tzinfo=timezone.utc)
MESSENGERS = ("grb", "gw", "neutrino", "xray", "frb")


def main() -> None:
    """Make the tables, time each command, and write the result."""
    nights = int(sys.argv[1]) if len(sys.argv) > 1 else 365
    with tempfile.TemporaryDirectory() as scratch:
        started = time.monotonic()
        make(f"{scratch}/voevent", nights)
        print(f"tables of {nights} nights made in {time.monotonic() - started:.0f} s")
        night = f"{START + timedelta(days=nights - 1):%Y%m%d}"
        commands = {
            "tonight": ["tonight"],
            "events": ["events"],
            "events --messenger gw": ["events", "--messenger", "gw"],
            "show EVENT": ["show", f"event-{EVENTS - 5}"],
            "show OBJECT": ["show", "object-77"],
            "coincidences": ["coincidences"],
            "coincidences --night": ["coincidences", "--night", night],
            "candidates": ["candidates"],
            "sources": ["sources"],
            "quarantine": ["quarantine"],
            "status": ["status"],
        }
        found = {name: _timed(line, scratch) for name, line in commands.items()}
    for name, (wall_s, cpu_s, memory_mb) in found.items():
        print(f"{name:24} {wall_s:5.2f} s, processor {cpu_s:5.2f} s, {memory_mb} MB")
    target = ROOT / "build" / "bench" / "look.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _timed(line: list[str], scratch: str) -> tuple[float, float, int]:
    """Median time of a command on the clock and of the processor; its memory (MB)."""
    environment = {**os.environ, "VOEVENT_DATA_PREFIX": scratch}
    environment["VOEVENT_SPOOL"] = f"{scratch}/spool"
    command = [sys.executable, "-m", "fink_voevent", *line]
    walls, processor = [], []
    for number in range(REPEATS + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        done = subprocess.run(
            command, env=environment, capture_output=True, check=False
        )
        wall_s = time.monotonic() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if line[0] != "status" and done.returncode:
            raise SystemExit(done.stderr.decode())
        if number:
            walls.append(wall_s)
            used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
            processor.append(used)
    return (
        round(statistics.median(walls), 3),
        round(statistics.median(processor), 3),
        after.ru_maxrss // 1024,
    )


def make(root: str, nights: int) -> None:
    """Make the tables of a year."""
    rng = np.random.default_rng(1)
    tables = Tables(root)
    _events(tables, rng, nights)
    _coincidences(tables, rng, nights)
    _candidates(root, rng, nights)
    _batches(tables, nights)


def _events(tables: Tables, rng: np.random.Generator, nights: int) -> None:
    rows, regions = tables_of(circles(500))
    count = EVENTS * NOTICES
    number = np.arange(count)
    event = number // NOTICES
    times = [
        START + timedelta(days=float(d))
        for d in np.sort(rng.uniform(0, nights, EVENTS))
    ]
    when = [times[e] for e in event]
    chosen = pa.array(rng.integers(0, rows.num_rows, count))
    table = rows.take(chosen)
    values = {
        "batch": pa.array(number // 2, pa.int64()),
        "event_id": pa.array([f"event-{e}" for e in event]),
        "ivorn": pa.array([f"ivo://org.example/x#{n}" for n in number]),
        "notice_id": pa.array([f"{n:08d}-5ac6-5eb5-9a51-3f1e0e4c1f7a" for n in number]),
        "version": pa.array(number % NOTICES, pa.int64()),
        "messenger": pa.array([MESSENGERS[e % len(MESSENGERS)] for e in event]),
        "time": when,
        "issued": [
            w + timedelta(minutes=int(n)) for w, n in zip(when, number % 3, strict=True)
        ],
        "received_at": [w + timedelta(minutes=5) for w in when],
    }
    _append(tables, "events", table, values, "ingest")
    _append(
        tables,
        "regions",
        regions,
        {"batch": pa.array(np.zeros(len(regions)), pa.int64())},
        "ingest",
    )


def _coincidences(tables: Tables, rng: np.random.Generator, nights: int) -> None:
    number = np.arange(PAIRS)
    night = number * nights // PAIRS
    event = np.minimum(number * EVENTS // PAIRS, EVENTS - 1)
    status = rng.choice(["new", "update", "withdrawn"], PAIRS, p=[0.8, 0.15, 0.05])
    when = [
        START + timedelta(days=int(n), seconds=int(s))
        for n, s in zip(night, rng.integers(0, 86_400, PAIRS), strict=True)
    ]
    values = {
        "batch": pa.array(number // 3, pa.int64()),
        "coincidence_id": pa.array([f"{n:08d}-0000" for n in number]),
        "status": pa.array(status),
        "event_id": pa.array([f"event-{e}" for e in event]),
        "object_id": pa.array([f"object-{n // 2}" for n in number]),
        # one in ten is a later row of the pair before
        "alert_id": pa.array(number - (number % 10 == 9), pa.int64()),
        "survey": pa.array(["rubin"] * PAIRS),
        "night": pa.array([f"{START + timedelta(days=int(n)):%Y%m%d}" for n in night]),
        "messenger": pa.array([MESSENGERS[e % len(MESSENGERS)] for e in event]),
        "event_version": pa.array(number % 3, pa.int64()),
        "notice_id": pa.array([f"{n:08d}" for n in number]),
        "event_issued": when,
        "notice_received_at": when,
        "event_time": when,
        "alert_time": when,
        "credible_level": pa.array(rng.random(PAIRS)),
        "p_chance": pa.array(rng.random(PAIRS)),
        "separation": pa.array(rng.random(PAIRS)),
        "delay": pa.array(rng.random(PAIRS)),
        "prior_activity": pa.array(["unknown"] * PAIRS),
        "magnitude": pa.array(rng.uniform(16, 22, PAIRS)),
        "band": pa.array(["r"] * PAIRS),
        "alert_ra": pa.array(rng.uniform(0, 360, PAIRS)),
        "alert_dec": pa.array(rng.uniform(-90, 10, PAIRS)),
    }
    schema = stored_schema("coincidences")
    empty = pa.table([pa.nulls(PAIRS, f.type) for f in schema], schema=schema)
    _append(tables, "coincidences", empty, values, "match")


def _candidates(root: str, rng: np.random.Generator, nights: int) -> None:
    number = np.arange(CANDIDATES)
    columns = {
        "batch": number,
        "event_id": [f"event-{n % EVENTS}" for n in number],
        "object_id": [f"object-{n}" for n in number],
        "survey": ["rubin"] * CANDIDATES,
        "night": [
            f"{START + timedelta(days=int(n)):%Y%m%d}"
            for n in number * nights // CANDIDATES
        ],
        "messenger": [MESSENGERS[n % len(MESSENGERS)] for n in number],
        "class": rng.choice(["fresh", "flaring", "other"], CANDIDATES),
        "expected_unrelated": rng.uniform(0, 9, CANDIDATES),
        "p_chance": rng.random(CANDIDATES),
        "status": ["new"] * CANDIDATES,
    }
    write_deltalake(f"{root}/candidates", pa.table(columns))


def _batches(tables: Tables, nights: int) -> None:
    facts = {
        "ingest": {"documents": 2, "events": 2, "quarantine": 0},
        "match": {
            "alerts": 3000, "coincidences": 3, "live_notices": 300, "beyond_cap": {},
            "unplaced_notices": 0,
        },
        "route": {"sent": {"fink_grb_bronze_lsst": 1}},
    }  # fmt: skip
    schema = stored_schema("batches")
    for stage in facts:
        for state in (PLANNED, DONE):
            count = BATCHES // 3
            number = np.arange(count)
            text = json.dumps(facts[stage])
            values = {
                "stage": pa.array([stage] * count),
                "batch": pa.array(number, pa.int64()),
                "state": pa.array([state] * count),
                "at": [
                    START + timedelta(days=float(n)) for n in number * nights / count
                ],
                "survey": pa.array(["rubin"] * count),
                "night": pa.array(
                    [
                        f"{START + timedelta(days=int(n)):%Y%m%d}"
                        for n in number * nights // count
                    ]
                ),
                "facts": pa.array([text if state == DONE else None] * count),
            }
            if state == PLANNED and stage in BEFORE:
                values["until"] = [
                    [{"stage": BEFORE[stage], "batch": int(n)}] for n in number
                ]
            empty = pa.table([pa.nulls(count, f.type) for f in schema], schema=schema)
            _append(tables, "batches", empty, values, f"{stage}-{state}")


def _append(
    tables: Tables, name: str, rows: pa.Table, values: dict, stage: str
) -> None:
    """Commit rows with other values in some columns; the last of them one by one."""
    schema = stored_schema(name)
    columns = [
        pa.array(values[f.name], f.type) if f.name in values else rows[f.name]
        for f in schema
    ]
    whole = pa.table(columns, schema=schema)
    last = BATCHES // 3 - 1
    few = 40 if name in ("events", "coincidences") else 0
    parts = [whole.slice(0, len(whole) - few)]
    parts += [whole.slice(len(whole) - few + n, 1) for n in range(few)]
    import pyarrow.parquet as pq

    for number, part in enumerate(parts):
        staged = open_store(staging_folder(tables.root, stage))
        staged.write(
            "rows.parquet",
            lambda out, p=part: pq.write_table(
                p, out, compression="zstd", row_group_size=GROUP_ROWS
            ),
        )
        tables.append(name, staged, stage, last - few + number)
        staged.remove()


if __name__ == "__main__":
    main()
