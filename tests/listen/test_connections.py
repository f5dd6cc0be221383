# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The periods of a source, whatever happens to its connection and to the listener."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.listen import connections
from fink_voevent.listen.connections import (
    CONNECTED,
    KEEP_US,
    LOST,
    MOST_PERIODS,
    STARTING,
    STOPPED,
    Connection,
    History,
    Period,
)

NEW = History(Period(LOST, 0, reason=STARTING))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["connected", "lost", "failed", "heard", "received", "start"]),
        st.integers(-5, 100),  # the clock can be set back
    ),
    max_size=40,
)


def after(steps) -> tuple[History, int]:
    """Return the history after steps, as a listener makes it, and the time."""
    history, at = NEW, 0
    for step, wait in steps:
        at += wait
        if step == "connected":
            history = history.changed(CONNECTED, at)
        elif step == "lost":
            history = history.changed(LOST, at, "closed")
        elif step == "failed":
            history = history.failed("refused")
        elif step == "heard":
            history = history.heard(at)
        elif step == "received":
            history = history.received(1, at)
        else:
            history = history.ended(at - 2).changed(LOST, at, STARTING)
    return history, at


@given(STEPS)
def test_each_period_begins_when_the_one_before_it_ends(steps):
    history, _ = after(steps)
    assert history.periods[0].since_us == 0
    for one, following in pairwise(history.periods):
        assert one.until_us == following.since_us
        assert one.since_us <= one.until_us
        assert one.state != following.state
    assert history.current.until_us is None


@given(STEPS)
def test_all_documents_are_counted_once_and_the_last_ones_are_remembered(steps):
    history, _ = after(steps)
    assert sum(p.documents for p in history.periods) == [s for s, _ in steps].count(
        "received"
    )
    times = [sum(w for _, w in steps[: i + 1]) for i in range(len(steps))]
    received = [t for (s, _), t in zip(steps, times, strict=True) if s == "received"]
    assert history.current.last_document_us == (received[-1] if received else None)


@given(STEPS)
def test_a_source_that_is_not_connected_has_a_reason(steps):
    history, _ = after(steps)
    assert all(bool(p.reason) == (p.state != CONNECTED) for p in history.periods)


def test_the_first_reason_says_why_a_connection_was_lost():
    history = NEW.failed("refused").failed("no route")
    assert history.current.reason == "refused"
    history = history.changed(CONNECTED, 1).changed(LOST, 2, "closed").failed("refused")
    assert history.current.reason == "closed"


def test_a_killed_listener_was_connected_until_it_was_last_known_to_run():
    history = NEW.changed(CONNECTED, 10).ended(50).changed(LOST, 90, STARTING)
    states = [(p.state, p.since_us, p.until_us) for p in history.periods[1:]]
    assert states == [(CONNECTED, 10, 50), (STOPPED, 50, 90), (LOST, 90, None)]


def test_the_number_and_the_age_of_periods_are_bounded():
    history = NEW
    for at in range(2 * MOST_PERIODS):
        history = history.changed((CONNECTED, LOST)[at % 2], at, "closed")
    assert len(history.periods) == MOST_PERIODS
    assert history.periods[-2].until_us == history.current.since_us
    history = history.changed(CONNECTED, KEEP_US + 2 * MOST_PERIODS)
    assert len(history.periods) == 2  # the one that has lasted for so long, and this


def test_nothing_changes_after_the_listener_has_stopped():
    times = iter(range(100))
    connection = Connection(clock=lambda: next(times))
    connection.connected()
    connection.stop()
    connection.lost("closed")
    connection.received()
    assert connection.history.current.state == STOPPED
    assert connection.history.current.documents == 0
    assert connection.changes == 2


def test_the_clock_is_microseconds_of_now():
    assert connections.now_us() > 1_700_000_000 * 10**6
