# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A message says what is new of an object, once, and when it ends."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from helpers.routed_rows import row
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.show import messages
from fink_voevent.show.messages import Reported, next_change

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["new", "update", "withdrawn", "retracted"]),
        st.integers(1, 3),
        st.sets(st.sampled_from(["bronze", "silver", "gold"]), min_size=1),
    ),
    max_size=12,
)


def follow(steps) -> list[messages.Change]:
    state, changes = Reported(), []
    for status, alert, filters in steps:
        state, change = next_change(state, row(alert, status=status), filters)
        changes += [change] if change else []
    return changes


def test_an_object_is_reported_when_it_reaches_a_filter_and_when_it_ends():
    changes = follow(
        [
            ("new", 1, {"silver"}),
            ("new", 2, {"silver"}),  # another alert of the object: nothing to say
            ("update", 1, {"silver", "gold"}),
            ("withdrawn", 1, {"silver"}),  # its other alert is still a coincidence
            ("withdrawn", 2, {"silver"}),
            ("new", 1, {"silver"}),
        ]
    )
    kinds = [(change.kind, change.filters) for change in changes]
    assert kinds == [
        ("new", ("silver",)),
        ("further", ("gold",)),
        ("withdrawn", ()),
        ("new", ("silver",)),
    ]


@given(STEPS)
def test_each_end_follows_a_report_and_each_filter_is_reported_once_before_it(steps):
    reached: set[str] = set()
    for change in follow(steps):
        if change.kind in messages.ENDS:
            assert reached
            reached = set()
        else:
            assert (change.kind == "new") == (not reached)
            assert not reached & set(change.filters)
            reached |= set(change.filters)


def test_the_sentence_has_the_numbers_of_the_coincidence():
    judged = row(candidate_class="fresh", expected_unrelated=0.0123)
    _, change = next_change(Reported(), judged, {"grb_gold"})
    assert change.text == (
        "grb_gold: ZTF221, r 17.5 mag, at RA 288.26450 Dec +19.77350 deg,"
        " 4.8 h after the event, credible level 0.1, new since the event, 0.012"
        " unrelated objects like it expected, Fink: Galaxy https://ztf.fink-portal.org/ZTF221"
    )


@pytest.mark.parametrize(
    ("delay", "text"),
    [
        (0.01, "14 min after the event"),
        (-0.5, "12.0 h before the event"),
        (3.04, "3.0 d after the event"),
    ],
)
def test_the_time_is_in_words(delay, text):
    _, change = next_change(Reported(), row(delay=delay), {"grb_gold"})
    assert text in change.text


def test_what_is_not_known_is_left_out():
    unknown = dict.fromkeys(
        ("magnitude", "credible_level", "p_chance", "classification", "object_id")
    )
    _, change = next_change(Reported(), row(**unknown), {"frb_bronze"})
    assert change.text == (
        "frb_bronze: alert 1, at RA 288.26450 Dec +19.77350 deg, 4.8 h after the event"
    )


@pytest.mark.parametrize(
    "name", ["<!channel> hello", "@everyone", "a\nb\x1b[31m", "x" * 5000, "`rm`"]
)
def test_names_of_others_are_no_commands(name):
    _, change = next_change(Reported(), row(event=name), {"grb_gold"})
    title = messages.of_event([change]).title
    assert not set("<>@`\n\x1b") & set(title)
    assert len(title) < 200


def test_a_message_lists_ends_first_and_is_not_too_long():
    changes = [
        next_change(Reported(), row(n, object_id=f"ZTF{n}"), {"grb_gold"})[1]
        for n in range(30)
    ]
    before = Reported(frozenset({"grb_gold"}), frozenset({1}))
    changes.append(next_change(before, row(1, status="retracted"), {"grb_gold"})[1])
    lines = messages.of_event(changes).body.splitlines()
    assert lines[0].startswith("retracted: ZTF221")
    assert len(lines) == messages.MOST_LINES + 1
    assert lines[-1] == "and 21 more"


def test_a_digest_names_each_event_with_its_number_of_changes():
    changes = [
        next_change(Reported(), row(event=f"event{n % 3}"), {"grb_gold"})[1]
        for n in range(7)
    ]
    message = messages.digest(changes)
    assert message.title == "7 changes in 3 events"
    assert "Gamma-ray burst event0: 3 changes" in message.body
    assert "Gamma-ray burst event2: 2 changes" in message.body


def test_a_test_message_says_that_it_is_one():
    made = messages.test_message(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc))
    assert "test" in made.title
    assert "2026-01-02 03:04:05 UTC" in made.body
