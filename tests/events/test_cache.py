# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Events read in steps are the same as those of all notices read at once."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.made_up_sky import T0, event, map_event
from helpers.sizes import nightly

from fink_voevent.events import cache, index, summary, versions
from fink_voevent.spark import dataframes
from fink_voevent.store import merging
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import arrow_schema
from fink_voevent.tables.times import TimeRange

ALL_TIME = TimeRange(0, 2**62)
AUTHORITY = "ivo://org.example/x"


def write(root: str, table: str, rows: list[dict], name: str) -> str:
    """Write rows of a table, and return the file relative to the root."""
    schema = pa.schema([f.with_nullable(True) for f in arrow_schema(table)])
    content = pa.Table.from_pylist(rows, schema=schema)
    store = open_store(root).subfolder(table)
    store.write(f"{name}.parquet", lambda stream: pq.write_table(content, stream))
    return f"{table}/{name}.parquet"


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
            changes["skymap_url"] = f"https://example.org/{rng.integers(3)}.fits"
    return event(number, *place) | {k: _plain(v) for k, v in changes.items()}


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value


def random_map(rng, number: int) -> dict:
    """Return a row of the table maps."""
    event_row = map_event(number, int(rng.integers(100)), order=2)
    region = {c: event_row[c] for c in ("cells", "pixels")}
    url = f"https://example.org/{number}.fits"
    return {"skymap_url": url, "skymap_sha256": f"{number:064x}", **region}


def at_once(spark, settings, files: list[str]):
    """Rows of `versions.latest` of all files, without an index."""
    map_files = [f for f in files if f.startswith("maps/")]
    event_files = sorted(set(files) - set(map_files))
    events = dataframes.read_files(spark, settings.root, "events", event_files)
    maps = dataframes.read_files(spark, settings.root, "maps", map_files)
    latest = versions.latest(cache.with_maps(events, maps), cache.tenses(settings))
    return cache.with_window_and_cap(latest, settings)


def rows(df) -> list[str]:
    return sorted(str(row) for row in df.collect())


@pytest.mark.parametrize("seed", [0, *nightly(1, 2, 3)])
def test_events_read_in_steps_are_those_read_at_once(
    spark, settings, monkeypatch, seed
):
    monkeypatch.setattr(cache, "FEW", 3 * (seed % 2))  # few: other rows stay on disk
    monkeypatch.setattr(merging, "FAN", 3)
    rng = np.random.default_rng(seed)
    known, files, number = cache.EventCache(settings), [], 0
    for step in range(6):
        before = list(files)
        for _ in range(rng.integers(1, 5)):
            new = [random_notice(rng, number + n) for n in range(rng.integers(1, 4))]
            files.append(write(settings.root, "events", new, f"{number:04d}"))
            number += len(new)
        if step in (2, 4):
            content = [random_map(rng, step // 4)]
            files.append(write(settings.root, "maps", content, f"map{step}"))
        event_files = [f for f in files if not f.startswith("maps/")]
        while merging.merge(settings.root, "events", event_files):
            pass
        span = [None, ALL_TIME, TimeRange(0, 1)][step % 3]
        old = known.read(spark, before, None)
        now = known.read(spark, files, span)
        expected = at_once(spark, settings, files)
        assert now.summaries == summary.summarise(expected)
        changed = summary.changed(now.summaries, old.summaries)
        chosen = versions.select_events(expected, changed)
        assert rows(now.rows(changed)) == rows(chosen.select(now.latest.columns))
        matchable = summary.within(now.summaries, ALL_TIME)
        if span == ALL_TIME:
            reached = {row.event_id for row in now.reachable(span).collect()}
            assert reached == matchable.keys()
        assert rows(now.rows(matchable)) == rows(
            versions.select_events(expected, matchable).select(now.latest.columns)
        )
        renamed = sorted(old.summaries.keys() - now.summaries.keys())
        assert {row.event_id for row in old.rows(renamed).collect()} == set(renamed)


def test_files_that_were_read_are_not_read_again(spark, settings):
    files = [write(settings.root, "events", [event(1, 10, 10, 1)], "a")]
    known = cache.EventCache(settings)
    first = known.read(spark, files, ALL_TIME)
    assert known.read(spark, files, ALL_TIME) is first
    assert known.read(spark, files, TimeRange(0, 1)) is first


def test_only_rows_that_a_batch_needs_are_in_memory(spark, settings, monkeypatch):
    monkeypatch.setattr(cache, "FEW", 0)
    apart = [
        event(n, 10.0 * n, 0, 1, time=T0 + timedelta(days=100 * n)) for n in range(6)
    ]
    files = [
        write(settings.root, "events", [row], f"{n}") for n, row in enumerate(apart)
    ]
    known = cache.EventCache(settings)
    first = known.read(spark, files[:4], None)
    assert (len(first.summaries), first.in_memory) == (4, frozenset())
    moment = summary.within(first.summaries, ALL_TIME)["event-2"].span
    assert known.read(spark, files[:4], moment).in_memory == {"event-2"}
    assert known.read(spark, files, moment).in_memory == {
        "event-2",
        "event-4",
        "event-5",
    }


def test_notices_that_cite_each_other_in_a_circle_are_separate_events(spark, settings):
    pairs = [("a", "b"), ("b", "a"), ("c", "c")]
    rows = [
        event(n, 10, 10, 1, ivorn=f"ivo://{i}", event_id=f"ivo://{e}")
        for n, (i, e) in enumerate(pairs)
    ]
    files = [write(settings.root, "events", rows, "a")]
    found = index.read_index(settings.root, files, cache.tenses(settings))
    assert found.members.keys() == {"ivo://a", "ivo://b", "ivo://c"}
