# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Events read from the tables in steps are those of all notices read at once."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from helpers import spark_versions
from helpers.delta_tables import commit
from helpers.made_up_sky import T0, event, frame, map_event
from helpers.reused_ivorns import without_reused
from helpers.sized_notices import facts
from helpers.sizes import nightly

from fink_voevent.events import area_cap, event_state, versions
from fink_voevent.events.cache import EventCache, Until
from fink_voevent.events.reading import tenses
from fink_voevent.ingest.conversion import region_row
from fink_voevent.store.delta import Tables
from fink_voevent.tables.times import TimeRange

ALL_TIME = TimeRange(0, 2**62)
AUTHORITY = "ivo://org.example/x"


def add_notices(root: str, rows: list[dict]) -> None:
    """Commit notices as ingest does."""
    events = [{"pixels": None, **row} for row in rows]
    regions = [region_row(row, row["notice_id"]) for row in events]
    commit(root, "ingest", events=events, regions=[r for r in regions if r])


def add_map(root: str, row: dict) -> None:
    """Commit a fetched map."""
    found = dict(row)
    region = region_row(found, f"region of {row['skymap_url']}")
    commit(root, "maps", maps=[found], regions=[region])


def random_notice(rng, number: int) -> dict:
    """Return a notice of one of a few events, near others in time, or citing one."""
    place = (rng.uniform(0, 4), rng.uniform(-2, 2), rng.uniform(0.5, 3))
    changes = {
        "event_id": f"event-{rng.integers(6)}",
        "version": int(rng.integers(4)),
        "kind": rng.choice(["initial", "update", "retraction"], p=[0.5, 0.3, 0.2]),
        "tense": rng.choice(["observation", "test", "utility"], p=[0.8, 0.1, 0.1]),
        "live": bool(rng.random() > 0.05),
        "issued": None if rng.random() < 0.2 else T0 + timedelta(hours=number),
        "time": T0 + timedelta(seconds=int(rng.integers(8)) * 30),
        "time_source": rng.choice(["isotime", "issued"]),
    }
    if rng.random() < 0.1:
        changes["time"] = None
    if rng.random() < 0.4:  # it names no event, and cites a notice, maybe in a circle
        changes["ivorn"] = f"{AUTHORITY}#{rng.integers(5)}"
        changes["event_id"] = f"{AUTHORITY}#{rng.integers(5)}"
    if rng.random() < 0.2:
        changes |= {"cells": None, "fisher": None}
        if rng.random() < 0.7:
            changes["skymap_url"] = f"https://example.org/{rng.integers(2)}.fits"
    return event(number, *place) | {k: _plain(v) for k, v in changes.items()}


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value


def random_map(rng, number: int) -> dict:
    """Return a sky map of an address."""
    event_row = map_event(number, int(rng.integers(100)), order=2)
    region = {c: event_row[c] for c in ("cells", "pixels")}
    url = f"https://example.org/{number}.fits"
    return {"skymap_url": url, "skymap_sha256": f"{number:064x}", **region}


def by_spark(spark, settings, folder, notices: list[dict], maps: list[dict]):
    """Rows of all notices and maps at once."""
    rows = frame(spark, folder / f"{len(notices)}.parquet", "notices", notices)
    if maps:
        path = folder / f"maps{len(notices)}.parquet"
        fetched = frame(spark, path, "notices", maps)
        rows = spark_versions.with_maps(rows, fetched)
    latest = spark_versions.latest(rows, tenses(settings))
    return area_cap.with_cap(latest, settings.cap_deg2, settings.credible_level)


def texts(df) -> list[str]:
    # another name of the region; the oracle has no distances of pixels
    columns = sorted(set(df.columns) - {"region_id", "pixel_distances"})
    return sorted(str(row) for row in df.select(columns).collect())


@pytest.mark.parametrize("seed", [0, *nightly(1, 2, 3)])
def test_events_read_in_steps_are_those_read_at_once(spark, settings, tmp_path, seed):
    rng = np.random.default_rng(seed)
    known = EventCache(spark, Tables(settings.root), settings)
    notices: list[dict] = []
    maps: list[dict] = []
    until = Until()
    for step in range(5):
        for _ in range(rng.integers(1, 5)):
            count = rng.integers(1, 4)
            new = [random_notice(rng, len(notices) + n) for n in range(count)]
            add_notices(settings.root, new)
            notices += new
            until = Until(until.ingest + 1, until.maps)
        if step in (1, 3):
            maps.append(random_map(rng, step // 2))
            add_map(settings.root, maps[-1])
            until = Until(until.ingest, until.maps + 1)
        before = dict(known.current.states)
        changes = known.advance(until)
        that_count = without_reused(notices, tenses(settings))
        expected = by_spark(spark, settings, tmp_path, that_count, maps).persist()
        states = known.current.states
        found = {event: facts(state) for event, state in states.items()}
        assert found == spark_versions.summarise(expected)
        assert {e: s for e, s in states.items() if before.get(e) != s} == changes.after
        assert known.current.within(ALL_TIME).keys() == {
            event for event, state in states.items() if state.window is not None
        }
        assert texts(known.rows(states)) == texts(expected)
        expected.unpersist()
        if changes.renamed:
            old = {event: before[event] for event in changes.renamed}
            names = {row.event_id for row in known.rows(old).collect()}
            assert names == set(changes.renamed)


def test_regions_of_a_night_are_read_once_until_notices_arrive(spark, settings):
    add_notices(settings.root, [event(1, 10, 10, 1)])
    known = EventCache(spark, Tables(settings.root), settings)
    known.advance(Until(0))
    placed = event_state.matchable(known.current.within(ALL_TIME))
    first = known.near(ALL_TIME, placed, 0)
    assert known.advance(Until(0)).after == {}
    assert known.near(ALL_TIME, placed, 0) is first
    add_notices(settings.root, [event(2, 40, 10, 1)])
    assert known.advance(Until(1)).after.keys() == {"event-2"}
    placed = event_state.matchable(known.current.within(ALL_TIME))
    assert known.near(ALL_TIME, placed, 0) is not first
    assert known.near(ALL_TIME, placed, 0).rows.count() == 2


def test_only_files_with_regions_of_a_batch_are_read(spark, settings):
    for number in range(4):
        row = event(number, 10.0 * number, 0, 1, time=T0 + timedelta(days=100 * number))
        add_notices(settings.root, [row])
    known = EventCache(spark, Tables(settings.root), settings)
    known.advance(Until(3))
    chosen = {"event-2": known.current.states["event-2"]}
    read = known._read([chosen["event-2"].region_id])
    assert len(read.inputFiles()) == 1
    rows = known.rows(chosen).collect()
    assert [row.event_id for row in rows] == ["event-2"]
    assert versions.matchable(known.rows(chosen)).count() == 1
