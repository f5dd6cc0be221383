# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Time to add a notice to few and to many others, and to read many at once.

``python benchmarks/current.py`` prints, for 1,000 and 100,000 notices, the processor
time to add all of them at once, to add one more, and to find the events of a night.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from fink_voevent.events.current import CurrentEvents
from fink_voevent.events.event_state import within
from fink_voevent.events.notice import REGION_COLUMNS, Rules
from fink_voevent.sky import localization
from fink_voevent.sky.region_size import region_size
from fink_voevent.tables.column import ELLIPSE, FISHER, LONG, TEXT
from fink_voevent.tables.schema import arrow_schema
from fink_voevent.tables.times import DAY_US, TimeRange

START_US = 1_700_000_000_000_000
GAP_US = 600_000_000  # mean time between two events: 52,000 a year
PLACES = 200  # different regions
DECISION = {"publisher": "fermi", "source": "gcn://gcn.classic", "trusted": True}
DECISION |= {"how": "streams.toml", "batch": 0}


def main() -> None:
    """Print the figures."""
    cells = _places()
    for count in (1_000, 100_000):
        print(_figures(count, cells))


def _figures(count: int, cells: dict[str, np.ndarray]) -> str:
    rng = np.random.default_rng(1)
    table = _notices(rng, count, cells)
    later = _notices(rng, 300, cells, first=count)
    gc.collect()
    current, at_once_s = _timed(lambda: _current(table, cells))
    added = [
        _timed(lambda n=n: current.add(later.slice(n, 1)))[1] for n in range(len(later))
    ]
    night = TimeRange(START_US + DAY_US, START_US + 2 * DAY_US)
    found, night_s = _timed(lambda: current.within(night))
    everything, all_s = _timed(lambda: within(current.states, night))
    if found != everything:
        raise AssertionError("within a night there are other events")
    rows, rows_s = _timed(lambda: current.rows(found.values()))
    return (
        f"{count:,} notices of {len(current.states):,} events: {at_once_s:.2f} s at"
        f" once; one more {1e3 * statistics.median(added):.2f} ms, at most"
        f" {1e3 * max(added):.1f} ms; {len(rows):,} events of a night"
        f" {1e3 * night_s:.2f} ms (one by one {1e3 * all_s:.1f} ms), their rows"
        f" {1e3 * rows_s:.1f} ms"
    )


def _timed(action: Callable) -> tuple:
    start = time.process_time()
    result = action()
    return result, time.process_time() - start


def _current(table: pa.Table, cells: dict[str, np.ndarray]) -> CurrentEvents:
    """Return all notices of a table, added at once."""
    rules = Rules(("observation",), cap_deg2=5000.0)
    current = CurrentEvents(rules, lambda ids: {i: cells[i[:4]] for i in ids})
    current.add(table, trust=pa.Table.from_pylist([DECISION]))
    return current


def _places() -> dict[str, np.ndarray]:
    """Return the cells of different circles, by the start of their region_id."""
    rng = np.random.default_rng(0)
    found = {}
    for number in range(PLACES):
        dec = np.degrees(np.arcsin(rng.uniform(-1, 1)))
        circle = rng.uniform(0, 360), dec, 10 ** rng.uniform(-2, 1.5)
        found[f"{number:04d}"] = np.array(localization.cover(*circle), np.int64)
    return found


def _notices(
    rng: np.random.Generator, count: int, cells: dict[str, np.ndarray], first: int = 0
) -> pa.Table:
    """Return notices of about half as many events, with circular regions."""
    number = np.arange(first, first + count)
    event = number // 2 + rng.integers(-3, 1, count)
    place = rng.integers(PLACES, size=count)
    sizes = [region_size(ranges) for ranges in cells.values()]
    moments = START_US + event * GAP_US + rng.integers(GAP_US // 10, size=count)
    issued = START_US + number * GAP_US // 2 + 60_000_000
    texts = {
        "event_id": [f"event-{n}" for n in event],
        "ivorn": [f"ivo://org.example/notices/of/bursts#{n}" for n in number],
        "notice_id": [f"{n:08d}-5ac6-5eb5-9a51-3f1e0e4c1f7a" for n in number],
        "sha256": [f"{n:064x}" for n in number],
        "kind": ["update" if n % 2 else "initial" for n in number],
        "region_id": [f"{p:04d}/{n}" for n, p in zip(number, place, strict=True)],
    }
    circle = {"fraction": 1.0, "core_kappa": 100.0, "tail_kappa": 100.0}
    columns = {
        **{name: pa.array(values) for name, values in texts.items()},
        "version": pa.array(issued // 1000),
        "issued": pa.array(issued).cast(arrow_schema("events").field("issued").type),
        "received_at": pa.array(issued + 1_000_000).cast(pa.timestamp("us", "UTC")),
        "time": pa.array(moments).cast(pa.timestamp("us", "UTC")),
        "window_before": pa.array(np.zeros(count)),
        "window_after": pa.array(np.full(count, 7.0)),
        "live": pa.array(np.ones(count, bool)),
        "ra": pa.array(rng.uniform(0, 360, count)),
        "dec": pa.array(rng.uniform(-90, 90, count)),
        "error_r90": pa.array(np.ones(count)),
        "fisher": pa.array([circle] * count, FISHER),
        "ellipse": pa.nulls(count, ELLIPSE),
        "region_rows": pa.array([sizes[p].rows for p in place], pa.list_(LONG)),
        "region_sky": pa.array([sizes[p].sky for p in place], LONG),
        "region_areas": pa.nulls(count, pa.list_(LONG)),
    }
    constants = {"tense": "observation", "time_source": "isotime"}
    constants |= {"stream": "fermi_gbm_final", "messenger": "grb"}
    constants |= {name: DECISION[name] for name in ("publisher", "source")}
    columns |= {name: pa.array([text] * count) for name, text in constants.items()}
    missing = {n: pa.nulls(count, TEXT) for n in ("skymap_url", "skymap_sha256")}
    schema = arrow_schema("events")
    missing["classification"] = pa.nulls(count, schema.field("classification").type)
    # Every second notice cites the one before; a few have the name of a burst.
    cites = [
        [{"ivorn": f"ivo://org.example/notices/of/bursts#{n - 1}", "cite": "followup"}]
        if n % 2
        else []
        for n in number
    ]
    names = [[f"GRB{n // 1000:06d}A"] if n % 100 == 0 else [] for n in number]
    missing["cites"] = pa.array(cites, schema.field("cites").type)
    missing["names"] = pa.array(names, schema.field("names").type)
    table = pa.table(columns | missing)
    if not set(REGION_COLUMNS) <= set(table.column_names):
        raise AssertionError("columns of regions are missing")
    return table


if __name__ == "__main__":
    main()
