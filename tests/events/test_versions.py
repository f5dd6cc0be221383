# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The current notice of an event, and how a new one changes reported pairs."""

from __future__ import annotations

import uuid
from datetime import timedelta, timezone

import pytest
from helpers.made_up_sky import (
    LEVEL,
    OBSERVED,
    T0,
    alert,
    collect,
    event,
    frame,
    thin,
    version,
)

from fink_voevent.events import versions
from fink_voevent.match import pairing, revisions


def latest_ids(spark, tmp_path, events) -> dict[str, str]:
    """Identity of the current notice of each event."""
    df = frame(spark, tmp_path / "v.parquet", "notices", events)
    rows = collect(versions.latest(df, OBSERVED))
    return {r["event_id"]: r["notice_id"] for r in rows}


@pytest.mark.parametrize("is_reversed", [False, True])
def test_the_current_notice_has_the_highest_version_in_any_order_of_arrival(
    spark, tmp_path, is_reversed
):
    events = [version(1, version=3), version(2, version=1), version(3, version=2)]
    rows = events[::-1] if is_reversed else events
    assert latest_ids(spark, tmp_path, rows) == {"one": "notice-0001"}


def test_of_equal_versions_the_one_issued_later_is_current(spark, tmp_path):
    later = T0 + timedelta(hours=1)
    events = [version(1, issued=later), version(2), version(3, issued=None)]
    assert latest_ids(spark, tmp_path, events) == {"one": "notice-0001"}


def test_a_follow_up_takes_the_time_of_the_trigger(spark, tmp_path):
    observed = T0 + timedelta(hours=5)
    follow_up = version(2, version=9, time=observed, time_source="observation")
    df = frame(spark, tmp_path / "f.parquet", "notices", [version(0), follow_up])
    (row,) = collect(versions.latest(df, OBSERVED))
    assert row["notice_id"] == "notice-0002"
    assert row["event_time"].replace(tzinfo=timezone.utc) == T0


@pytest.mark.parametrize("retracting", [2, 4])
def test_at_equal_version_and_time_a_retraction_is_last(spark, tmp_path, retracting):
    events = [version(n) for n in (1, 3, 5)]
    events.append(version(retracting, kind="retraction"))
    expected = {"one": f"notice-{retracting:04d}"}
    assert latest_ids(spark, tmp_path, events) == expected


def test_notices_without_date_or_number_are_in_the_order_of_landing(spark, tmp_path):
    landed = {1: 5, 2: 9, 3: 2}  # minutes, by number
    events = [
        version(n, issued=None, received_at=T0 + timedelta(minutes=m))
        for n, m in landed.items()
    ]
    assert latest_ids(spark, tmp_path, events) == {"one": "notice-0002"}


def test_the_order_of_landing_does_not_matter_for_dated_notices(spark, tmp_path):
    late = T0 + timedelta(days=1)
    events = [version(1, received_at=late), version(2)]
    assert latest_ids(spark, tmp_path, events) == {"one": "notice-0002"}


def test_of_issue_times_alone_the_earliest_is_the_time_of_the_event(spark, tmp_path):
    times = {1: 3, 2: 1, 3: 2}  # hours after T0, by version
    events = [
        version(n, version=n, time=T0 + timedelta(hours=h), time_source="issued")
        for n, h in times.items()
    ]
    df = frame(spark, tmp_path / "i.parquet", "notices", events)
    (row,) = collect(versions.latest(df, OBSERVED))
    assert row["notice_id"] == "notice-0003"
    moment = row["event_time"].replace(tzinfo=timezone.utc)
    assert moment == T0 + timedelta(hours=1)


def test_an_undated_retraction_is_the_last_of_its_version(spark, tmp_path):
    retraction = version(3, version=1, kind="retraction", issued=None, tense="utility")
    assert latest_ids(spark, tmp_path, [version(1), retraction, version(2)]) == {
        "one": "notice-0003"
    }


def test_notices_that_each_cite_only_the_last_are_one_event(spark, tmp_path):
    """The event of the first notice is retracted, though only its update is cited."""
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


def test_a_test_with_the_ivorn_of_a_notice_renames_no_event(spark, tmp_path):
    ivorn = "ivo://org.example/x#{}".format
    first = event(1, 10.0, 20.0, 5.0, event_id=ivorn(1))
    update = event(2, 10.0, 20.0, 5.0, event_id=ivorn(1), kind="update", version=2)
    test = event(3, 1.0, 2.0, 5.0, event_id=ivorn(9), tense="test", ivorn=ivorn(1))
    found = latest_ids(spark, tmp_path, [first, update, test])
    assert found == {ivorn(1): "notice-0002"}


def test_events_of_one_time_and_overlapping_regions_are_related(spark, tmp_path):
    """One burst of two instruments; others are too late, elsewhere or retracted."""
    same = {"time": T0}
    events = [
        event(1, 10.0, 20.0, 5.0, **same),
        event(2, 12.0, 20.0, 0.05, time=T0 + timedelta(seconds=60)),
        event(3, 12.0, 20.0, 0.05, time=T0 + timedelta(seconds=-60, microseconds=-1)),
        event(4, 190.0, -20.0, 5.0, **same),
        event(5, 10.0, 20.0, 5.0, kind="retraction", **same),
        event(6, 10.0, 20.0, 5.0, cells=None, **same),
    ]
    df = frame(spark, tmp_path / "r.parquet", "notices", events)
    rows = collect(versions.latest(df, OBSERVED))
    related = {r["event_id"]: r["related_event_ids"] for r in rows}
    assert related == {
        "event-1": ["event-2"],
        "event-2": ["event-1"],
        "event-3": [],
        "event-4": [],
        "event-5": None,
        "event-6": [],
    }


def _changed(before: list[dict], after: list[dict]) -> list[str]:
    """Events that are new or not the same."""
    state = ("notice_id", "event_time", "region_id", "related_event_ids")
    old = {row["event_id"]: [row[c] for c in state] for row in before}
    new = {row["event_id"]: [row[c] for c in state] for row in after}
    return [event for event, found in new.items() if old.get(event) != found]


# Columns of a coincidence that identify its notice.
IDENTITY = ("notice_id", "notice_sha256", "ivorn", "notice_received_at")


@pytest.fixture
def statuses(spark, tmp_path):
    """Return a function that gives the statuses after new notices arrive.

    It takes the notices before, the new notices and the alerts. It returns the statuses
    of the new coincidences, and those of `revisions.view` afterwards, by alert.
    """

    def saved(df):
        """Read a DataFrame back from a file: a long plan takes long to compile."""
        path = str(tmp_path / str(uuid.uuid4()))
        df.write.parquet(path)
        return spark.read.parquet(path)

    def find(before: list[dict], new: list[dict], alerts: list[dict]) -> tuple:
        df = saved(thin(spark, tmp_path / "alerts.parquet", alerts))
        events = [
            saved(
                versions.latest(
                    frame(spark, tmp_path / f"{i}.parquet", "notices", notices),
                    OBSERVED,
                )
            )
            for i, notices in enumerate((before, before + new))
        ]
        pairs = [
            saved(pairing.pairs(df, versions.matchable(current), LEVEL, 5, batch))
            for batch, current in enumerate(events)
        ]
        first = saved(pairing.with_status(pairs[0], "new"))
        names = _changed(*(collect(current) for current in events))
        changed = saved(versions.select_events(events[1], names))
        again = pairs[1].join(changed.select("event_id"), "event_id", "left_semi")
        second = saved(revisions.revise(again, revisions.view(first), changed, 1))
        # Each coincidence has the identity of the notice that made it.
        columns = ("event_id", *IDENTITY)
        notices = {tuple(r) for r in events[1].select(*columns).collect()}
        assert {tuple(r) for r in second.select(*columns).collect()} <= notices
        view = collect(revisions.view(first.unionByName(second)))
        return tuple(
            {r["alert_id"]: r["status"] for r in rows}
            for rows in (collect(second), view)
        )

    return find


ALERTS = [
    alert(1, 10.0, 20.0, 1.0),
    alert(2, 10.0, 25.0, 1.0),
    alert(3, 10.0, 32.0, 1.0),
]


def test_a_new_position_updates_withdraws_and_adds(statuses):
    first = version(1)  # contains alerts 1 and 2
    moved = version(2, version=2) | {
        k: v
        for k, v in event(2, 10.0, 29.0, 5.0).items()
        if k in ("ra", "dec", "cells")
    }
    new, current = statuses([first], [moved], ALERTS)
    assert new == {1: "withdrawn", 2: "update", 3: "new"}
    assert current == new


def test_a_retraction_retracts_all_reported_pairs(statuses):
    retraction = version(2, version=2, kind="retraction", cells=None, tense="utility")
    new, _ = statuses([version(1)], [retraction], ALERTS)
    assert new == {1: "retracted", 2: "retracted"}


def test_a_retraction_that_is_a_test_retracts_nothing(statuses):
    retraction = version(2, version=2, kind="retraction", cells=None, tense="test")
    new, current = statuses([version(1)], [retraction], ALERTS)
    assert new == {}
    assert current == {1: "new", 2: "new"}


def test_a_late_older_version_changes_nothing(statuses):
    new, current = statuses([version(2, version=2)], [version(1, version=1)], ALERTS)
    assert new == {}
    assert current == {1: "new", 2: "new"}


def test_a_late_trigger_time_matches_the_event_again(statuses):
    """The follow-up, hours after the burst, arrives before the notice of the burst."""
    observed = T0 + timedelta(days=1, hours=12)
    follow_up = version(2, version=2, time=observed, time_source="observation")
    new, _ = statuses([follow_up], [version(7, version=1)], ALERTS)
    assert new == {1: "new", 2: "new"}


def test_a_retracted_event_can_be_reported_again(statuses):
    retraction = version(2, version=2, kind="retraction", cells=None)
    again = version(3, version=3)
    new, current = statuses([version(1), retraction], [again], ALERTS)
    assert new == {1: "new", 2: "new"}
    assert current == new


def test_another_instrument_that_detects_the_event_updates_the_reported_pairs(statuses):
    other = event(14, 12.0, 20.0, 0.05, time=T0)
    new, current = statuses([version(7)], [other], ALERTS)
    assert new == {1: "update", 2: "update"}
    assert current == new


def test_a_late_notice_that_brings_the_region_matches_the_event(statuses):
    """An update without a position arrives before the notice that has one."""
    update = version(7, version=2) | dict.fromkeys(("cells", "ra", "dec", "fisher"))
    new, current = statuses([update], [version(1)], ALERTS)
    assert new == {1: "new", 2: "new"}
    assert current == new
