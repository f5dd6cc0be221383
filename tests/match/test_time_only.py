# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Events that await their sky map are matched in time only, until it is fetched."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from astropy.time import Time
from helpers.made_up_sky import LEVEL, OBSERVED, alert, collect, event, frame, thin
from helpers.map_site import gaussian, notice_with_map_url, site
from helpers.pipeline import Pipeline, facts, finish
from helpers.sized_notices import current_events, table

from fink_voevent.events import area_cap, event_state, versions
from fink_voevent.ingest import skymaps
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.match import pairing, time_only
from fink_voevent.match import stage as match_stage
from fink_voevent.ops.status import Observer

NO_REGION = {
    "ra": None,
    "dec": None,
    "error_r90": None,
    "fisher": None,
    "cells": None,
    "skymap_url": "https://example.org/map",
}
BEFORE_LEAP = datetime(2016, 12, 31, 12, tzinfo=timezone.utc)  # a day of 86,401 s
BEFORE, AFTER = 0.25, 1.0


def unplaced_notices() -> list[dict]:
    """Notices of events around a leap second, without their map."""
    return [
        event(number, 0.0, 0.0, 1.0)
        | NO_REGION
        | {
            "time": BEFORE_LEAP + timedelta(hours=number),
            "window_before": BEFORE,
            "window_after": AFTER,
        }
        for number in range(4)
    ]


@pytest.fixture
def unplaced(spark, tmp_path):
    """Rows of `versions.latest`: events around a leap second, without their map."""
    rows = frame(spark, tmp_path / "events", "notices", unplaced_notices())
    return versions.latest(rows, OBSERVED)


def oracle(times: list[datetime], before: float, after: float) -> dict:
    """Delays (d) by event and alert: elapsed time by astropy, to the microsecond."""
    found = {}
    alerts = Time(times, scale="utc")
    for number in range(4):
        moment = Time(BEFORE_LEAP + timedelta(hours=number), scale="utc")
        days = np.round((alerts - moment).to_value("us")) / 86_400e6
        for alert_id in np.flatnonzero((days >= -before) & (days <= after)):
            found[f"event-{number}", int(alert_id)] = days[alert_id]
    return found


@pytest.fixture
def moments() -> list[datetime]:
    """Return times of alerts, some at the end of the window of the first event."""
    rng = np.random.default_rng(5)
    edge = BEFORE_LEAP + timedelta(days=1)
    # With the leap second in it, the window ends one second earlier in UTC.
    return [edge, edge - timedelta(seconds=1), edge - timedelta(seconds=2)] + [
        BEFORE_LEAP + timedelta(seconds=float(s))
        for s in rng.uniform(-90_000, 180_000, 300)
    ]


@pytest.fixture
def alerts(spark, tmp_path, moments):
    """Thin alerts at these times, numbered from 0."""
    facts = [alert(number, 10.0, 10.0, 0.0) for number in range(len(moments))]
    rows = list(enumerate(moments))
    times = spark.createDataFrame(rows, "alert_id long, alert_time timestamp")
    untimed = thin(spark, tmp_path / "alerts", facts).drop("alert_time")
    return untimed.join(times, "alert_id")


def test_alerts_of_each_window_are_counted_in_elapsed_time(moments, alerts, unplaced):
    expected = Counter(event for event, _ in oracle(moments, BEFORE, AFTER))
    assert time_only.count_alerts(alerts, unplaced) == expected


@pytest.mark.parametrize(
    ("part", "before", "after"),
    [
        (1.0, BEFORE, AFTER),
        (0.8, BEFORE, 0.75),
        (0.4, 0.25, 0.25),
        (0.1, 0.0625, 0.0625),
    ],
)
def test_the_part_of_the_window_nearest_to_the_event_is_matched(
    moments, alerts, unplaced, part, before, after
):
    capped = area_cap.with_cap(unplaced, part * area_cap.SKY_DEG2, LEVEL)
    found = collect(pairing.with_status(time_only.pairs(alerts, capped, 7), "new"))
    delays = {(row["event_id"], row["alert_id"]): row["delay"] for row in found}
    expected = oracle(moments, before, after)
    assert delays == pytest.approx(expected, abs=1e-11) and len(found) == len(delays)
    assert part < 1.0 or len(expected) > 400
    for row in found:
        assert row["batch"] == 7 and row["alert_ra"] == 10.0
        assert all(row[c] is None for c in ("separation", "credible_level", "density"))


def states_of(**changes):
    """States of these events, with other values in their notices."""
    rows = [row | changes for row in unplaced_notices()]
    current = current_events(rows)
    current.add(table(rows))
    return current.states


def test_they_await_their_map_and_have_no_pairs_on_the_sky(spark, tmp_path, unplaced):
    found = states_of()
    assert not event_state.matchable(found)
    waiting = event_state.awaiting_map(found)
    assert waiting.keys() == {f"event-{n}" for n in range(4)}
    assert event_state.sky_cells(waiting) == event_state.WHOLE_SKY
    assert not event_state.awaiting_map(states_of(kind="retraction"))
    assert not event_state.awaiting_map(states_of(skymap_url=None))
    alerts = thin(spark, tmp_path / "alerts", [alert(1, 0.0, 0.0, 0.1)])
    pairs = pairing.pairs(alerts, versions.matchable(unplaced), 0.95, 4)
    assert not collect(pairs)


@pytest.fixture
def stages(spark, settings, datatest):
    """Return a function that makes stages with their own folders."""
    made = []

    def another(**changes) -> Pipeline:
        number = len(made)
        folders = {
            "data_prefix": f"{settings.data_prefix}-{number}",
            "spool": f"{settings.spool}-{number}",
        }
        changed = settings.model_copy(update=folders | changes)
        made.append(Pipeline(spark, changed, datatest))
        return made[-1]

    yield another
    for pipeline in made:
        pipeline.spool.close()


def arrive(pipeline: Pipeline, *steps) -> None:
    """Run the stages after each step."""
    for step in steps:
        step(pipeline)
        pipeline.run()


def every_alert(pipeline: Pipeline) -> None:
    names = sorted(path.stem for path in (pipeline.data / "alerts").glob("*.parquet"))
    pipeline.alerts(*names)


def notice_without_map(pipeline: Pipeline) -> None:
    pipeline.land(notice_with_map_url())


def test_the_stage_matches_them_in_either_order_and_retracts_them(stages):
    """All alerts of datatest are matched, because the window is so wide."""
    runs = []
    for steps in ((notice_without_map, every_alert), (every_alert, notice_without_map)):
        pipeline = stages(window="9000,9000", cap_deg2=41253)
        arrive(pipeline, *steps)
        status = Observer(pipeline.settings.root).status()
        assert status.unplaced_notices == 1
        assert "live notices 0 and 1 that await their sky map" in status.line()
        counts: Counter[str] = Counter()
        for one in facts(pipeline.settings.root, match_stage.STAGE):
            counts.update(one["in_time_only"])
        valid = pipeline.current_pairs()
        assert all(row["credible_level"] is None for row in valid)
        assert list(counts.values()) == [status.alerts] == [len(valid)]
        assert pipeline.topics() == {}
        runs.append((counts, [(r["coincidence_id"], r["delay"]) for r in valid]))
    assert runs[0] == runs[1]
    arrive(pipeline, lambda p: p.land(notice_with_map_url(retracted=True)))
    assert pipeline.current_pairs() == []
    statuses = Counter(row["status"] for row in collect(pipeline.journal()))
    assert statuses["retracted"] == statuses["new"] > 0
    assert pipeline.topics() == {}


def test_a_late_map_gives_the_same_pairs_as_one_that_is_there_at_first(stages):
    """Pairs in time only are updated or withdrawn, and are sent to no topic."""
    places, journals, topics = [], [], []
    with site(map=gaussian(288.2645, 19.7735, 8.0)) as server:
        values = {"skymap_hosts": "127.0.0.1", "window": "9000,9000", "cap_deg2": 41253}

        def add_notice(pipeline: Pipeline) -> None:
            pipeline.land(notice_with_map_url(f"{server.address}/map"))

        def fetch_map(pipeline: Pipeline) -> None:
            assert skymaps.Fetcher(pipeline.settings).fetch_due(0) == 1

        def add_notice_and_map(pipeline: Pipeline) -> None:
            add_notice(pipeline)
            finish(ingest_stage.start(pipeline.spark, pipeline.settings))
            fetch_map(pipeline)

        for steps in (
            (add_notice_and_map, every_alert),
            (add_notice, every_alert, fetch_map),
        ):
            pipeline = stages(**values)
            arrive(pipeline, *steps)
            valid = pipeline.current_pairs()
            places.append([(r["alert_id"], r["credible_level"]) for r in valid])
            journals.append(Counter(r["status"] for r in collect(pipeline.journal())))
            topics.append({t: len(rows) for t, rows in pipeline.topics().items()})
    assert places[0] == places[1] and None not in dict(places[0]).values()
    count = len(places[0])
    assert journals[0] == {"new": count}
    assert journals[1]["update"] == count
    assert journals[1]["withdrawn"] == journals[1]["new"] - count > 0
    assert topics[0] == topics[1] and "fink_grb_bronze_ztf" in topics[0]
