# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Versions of events, and what each makes of pairs told before: known cases."""

from __future__ import annotations

import uuid
from datetime import timedelta, timezone

import pytest
from helpers.made_up_sky import (
    LEVEL,
    T0,
    alert,
    collect,
    event,
    frame,
    thin,
    version,
)

from fink_voevent.events import summary, versions
from fink_voevent.match import pairing, revisions


def latest_ids(spark, tmp_path, events) -> dict[str, str]:
    df = frame(spark, tmp_path / "v.parquet", "events", events)
    rows = collect(versions.latest(df, ("observation",)))
    return {r["event_id"]: r["notice_id"] for r in rows}


@pytest.mark.parametrize("turned", [False, True])
def test_the_latest_notice_is_by_its_own_version_not_by_arrival(
    spark, tmp_path, turned
):
    events = [version(1, version=3), version(2, version=1), version(3, version=2)]
    rows = events[::-1] if turned else events
    assert latest_ids(spark, tmp_path, rows) == {"one": "notice-0001"}


def test_of_equal_versions_the_later_issue_is_the_latest(spark, tmp_path):
    later = T0 + timedelta(hours=1)
    events = [version(1, issued=later), version(2), version(3, issued=None)]
    assert latest_ids(spark, tmp_path, events) == {"one": "notice-0001"}


def test_a_follow_up_takes_the_time_of_the_trigger(spark, tmp_path):
    seen = T0 + timedelta(hours=5)
    follow_up = version(2, version=9, time=seen, time_source="observation")
    df = frame(spark, tmp_path / "f.parquet", "events", [version(0), follow_up])
    (row,) = collect(versions.latest(df, ("observation",)))
    assert row["notice_id"] == "notice-0002"
    assert row["event_time"].replace(tzinfo=timezone.utc) == T0


def test_an_undated_retraction_is_the_last_of_its_version(spark, tmp_path):
    gone = version(3, version=1, kind="retraction", issued=None, tense="utility")
    assert latest_ids(spark, tmp_path, [version(1), gone, version(2)]) == {
        "one": "notice-0003"
    }


def test_notices_that_each_cite_only_the_last_are_one_event(spark, tmp_path):
    """Retracted is what was first told, though only its update is cited."""
    ivorn = "ivo://org.example/x#{}".format
    chain = [
        event(1, 10.0, 20.0, 5.0, event_id=ivorn(1)),
        event(2, 10.0, 20.0, 5.0, event_id=ivorn(1), kind="update", version=2),
        event(3, 10.0, 20.0, 5.0, event_id=ivorn(2), kind="update", version=3),
        event(4, 10.0, 20.0, 5.0, event_id=ivorn(3), kind="retraction", version=4),
        event(5, 10.0, 20.0, 5.0, event_id=ivorn(6)),  # these two cite each other
        event(6, 10.0, 20.0, 5.0, event_id=ivorn(5)),
    ]
    found = latest_ids(spark, tmp_path, chain[::-1])
    assert found.pop(ivorn(1)) == "notice-0004"
    assert sorted(found.values()) == ["notice-0005", "notice-0006"]


def test_a_test_that_bears_the_name_of_a_notice_moves_no_event(spark, tmp_path):
    ivorn = "ivo://org.example/x#{}".format
    first = event(1, 10.0, 20.0, 5.0, event_id=ivorn(1))
    update = event(2, 10.0, 20.0, 5.0, event_id=ivorn(1), kind="update", version=2)
    test = event(3, 1.0, 2.0, 5.0, event_id=ivorn(9), tense="test", ivorn=ivorn(1))
    found = latest_ids(spark, tmp_path, [first, update, test])
    assert found == {ivorn(1): "notice-0002"}


def test_events_of_one_time_and_overlapping_regions_are_related(spark, tmp_path):
    """A burst seen by two instruments; others are too late, elsewhere or retracted."""
    same = {"time": T0}
    events = [
        event(1, 10.0, 20.0, 5.0, **same),
        event(2, 12.0, 20.0, 0.05, time=T0 + timedelta(seconds=60)),
        event(3, 12.0, 20.0, 0.05, time=T0 + timedelta(seconds=-60, microseconds=-1)),
        event(4, 190.0, -20.0, 5.0, **same),
        event(5, 10.0, 20.0, 5.0, kind="retraction", **same),
        event(6, 10.0, 20.0, 5.0, cells=None, **same),
    ]
    df = frame(spark, tmp_path / "r.parquet", "events", events)
    rows = collect(versions.latest(df, ("observation",)))
    related = {r["event_id"]: r["related_event_ids"] for r in rows}
    assert related == {
        "event-1": ["event-2"],
        "event-2": ["event-1"],
        "event-3": [],
        "event-4": [],
        "event-5": None,
        "event-6": [],
    }


@pytest.fixture
def statuses(spark, tmp_path):
    """Return what a new version makes of pairs told before: {alert_id: status}."""

    def tell(told: list[dict], after: list[dict], alerts: list[dict]) -> dict:
        def kept(df):
            """Cut the plan that made the rows: long plans take long to compile."""
            path = str(tmp_path / str(uuid.uuid4()))
            df.write.parquet(path)
            return spark.read.parquet(path)

        df = kept(thin(spark, tmp_path / "alerts.parquet", alerts))
        lives = [
            kept(
                versions.latest(
                    frame(spark, tmp_path / f"{i}.parquet", "events", events),
                    ("observation",),
                )
            )
            for i, events in enumerate((told, told + after))
        ]
        old, new = (
            kept(pairing.pairs(df, versions.matchable(live), LEVEL, 5, batch))
            for batch, live in enumerate(lives)
        )
        first = kept(pairing.with_status(old, "new"))
        before, now = map(summary.summarise, lives)
        changed = kept(versions.select_events(lives[1], summary.changed(now, before)))
        again = new.join(changed.select("event_id"), "event_id", "left_semi")
        second = kept(revisions.revise(again, revisions.view(first), changed, 1))
        # what a row says of its notice is of the one that made it
        said = ("event_id", "notice_id", "notice_sha256", "ivorn", "notice_received_at")
        notices = {tuple(r[c] for c in said) for r in collect(lives[1].select(*said))}
        assert {tuple(r[c] for c in said) for r in collect(second)} <= notices
        held = collect(revisions.view(first.unionByName(second)))
        return tuple(
            {r["alert_id"]: r["status"] for r in rows}
            for rows in (collect(second), held)
        )

    return tell


ALERTS = [
    alert(1, 10.0, 20.0, 1.0),
    alert(2, 10.0, 25.0, 1.0),
    alert(3, 10.0, 32.0, 1.0),
]


def test_a_new_position_updates_withdraws_and_adds(statuses):
    first = version(1)  # holds 1 and 2
    moved = version(2, version=2) | {
        k: v
        for k, v in event(2, 10.0, 29.0, 5.0).items()
        if k in ("ra", "dec", "cells")
    }
    told, held = statuses([first], [moved], ALERTS)
    assert told == {1: "withdrawn", 2: "update", 3: "new"}
    assert held == told


def test_a_retraction_takes_back_all_that_was_told(statuses):
    gone = version(2, version=2, kind="retraction", cells=None, tense="utility")
    told, _ = statuses([version(1)], [gone], ALERTS)
    assert told == {1: "retracted", 2: "retracted"}


def test_a_retraction_that_is_a_test_takes_nothing_back(statuses):
    gone = version(2, version=2, kind="retraction", cells=None, tense="test")
    told, held = statuses([version(1)], [gone], ALERTS)
    assert told == {}
    assert held == {1: "new", 2: "new"}


def test_a_late_older_version_changes_nothing(statuses):
    told, held = statuses([version(2, version=2)], [version(1, version=1)], ALERTS)
    assert told == {}
    assert held == {1: "new", 2: "new"}


def test_a_late_trigger_time_matches_the_event_again(statuses):
    """The follow-up came first, hours after the burst, the burst's own notice later."""
    seen = T0 + timedelta(days=1, hours=12)
    follow_up = version(2, version=2, time=seen, time_source="observation")
    told, _ = statuses([follow_up], [version(7, version=1)], ALERTS)
    assert told == {1: "new", 2: "new"}


def test_a_retracted_event_can_be_raised_again(statuses):
    gone = version(2, version=2, kind="retraction", cells=None)
    again = version(3, version=3)
    told, held = statuses([version(1), gone], [again], ALERTS)
    assert told == {1: "new", 2: "new"}
    assert held == told


def test_another_instrument_that_sees_the_event_updates_what_was_told(statuses):
    other = event(7, 12.0, 20.0, 0.05, time=T0)
    told, held = statuses([version(7)], [other], ALERTS)
    assert told == {1: "update", 2: "update"}
    assert held == told


def test_a_late_notice_that_brings_the_region_matches_the_event(statuses):
    """The update without a position came first, the detection that has one later."""
    update = version(7, version=2) | dict.fromkeys(("cells", "ra", "dec", "fisher"))
    told, held = statuses([update], [version(1)], ALERTS)
    assert told == {1: "new", 2: "new"}
    assert held == told
