# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Candidates of coincidences: grouped by object, ranked, left out with a reason."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import pytest
from helpers.example_events import judged
from hypothesis import given, settings
from hypothesis import strategies as st

from fink_voevent.show.candidates import Ranked, of_event

EVENT = datetime(2024, 1, 1, tzinfo=timezone.utc)


def row(alert_id: int, name: str | None = None, **changes) -> dict:
    """Return the columns of a coincidence that candidates are made of."""
    day = changes.pop("day", 1.0)
    return {
        "event_id": "event",
        "messenger": "grb",
        "event_significant": None,
        "positive": True,
        "detections": 1,
        "detection_span": 0.0,
        "survey": "ztf",
        "alert_id": alert_id,
        "object_id": name,
        "alert_ra": 10.0,
        "alert_dec": 20.0,
        "alert_time": EVENT + timedelta(days=day),
        "event_time": EVENT,
        "first_detection": None,
        "last_non_detection": EVENT - timedelta(days=1),
        "magnitude": 19.0,
        "magnitude_rate": None,
        "band": "r",
        "quality": 0.9,
        "extragalactic": None,
        "p_chance": None,
        "prior_activity": "new",
        "credible_level": 0.5,
        "status": "new",
        "batch": 0,
    } | changes


def from_coincidences(rows: list[dict], messenger: str) -> Ranked:
    return of_event(rows, judged(rows), messenger)


def test_an_object_is_one_candidate_with_its_best_tier():
    rows = [
        row(1, "A", p_chance=0.5),
        row(2, "A", day=2.0, p_chance=0.001, magnitude_rate=0.6),
        row(3, "B", p_chance=0.001),
        row(4, None),
    ]
    found = from_coincidences(rows, "grb")
    assert [(c.rank, c.name, c.tier) for c in found.candidates] == [
        (1, "A", "gold"),
        (2, "B", "silver"),
        (3, "alert-4", "bronze"),
    ]
    assert found.candidates[0].detections == 2
    assert found.candidates[0].onset_to == 1.0
    assert (found.alerts, found.objects) == (4, 3)


def test_the_expected_number_is_that_of_the_chance():
    """1 - exp(-mu) is the probability of one or more."""
    (one,) = from_coincidences([row(1, p_chance=1 - math.exp(-3.0))], "gw").candidates
    assert one.expected_unrelated == pytest.approx(3.0)
    (none,) = from_coincidences([row(1)], "gw").candidates
    assert none.expected_unrelated is None


def test_objects_that_cannot_belong_are_counted_with_a_reason():
    rows = [
        row(1, "star", extragalactic=False),
        row(2, "artefact", quality=0.1),
        row(3, "unscored", quality=None),
        row(4, "old", first_detection=EVENT - timedelta(days=20)),
        row(5, "good"),
    ]
    found = from_coincidences(rows, "grb")
    assert [c.name for c in found.candidates] == ["good"]
    assert sorted(found.left_out.values()) == [1, 1, 2]
    assert found.objects == 5
    lasting = from_coincidences(rows, "neutrino")
    assert {c.name for c in lasting.candidates} == {"good", "old"}


def test_the_latest_row_of_an_alert_decides():
    rows = [row(1, "A"), row(1, "A", status="withdrawn", batch=1)]
    found = from_coincidences(rows, "gw")
    assert found.candidates == ()
    assert [(c.name, c.status) for c in found.withdrawn] == [("A", "withdrawn")]
    again = from_coincidences([*rows, row(1, "A", status="new", batch=2)], "gw")
    assert [c.name for c in again.candidates] == ["A"]
    assert again.withdrawn == ()


def test_an_object_is_withdrawn_with_its_last_alert_only():
    rows = [row(1, "A", status="withdrawn"), row(2, "A", day=2.0)]
    found = from_coincidences(rows, "gw")
    assert [c.detections for c in found.candidates] == [1]
    assert found.withdrawn == ()


@settings(max_examples=30, deadline=None)
@given(st.data(), st.lists(st.floats(0, 1), max_size=12))
def test_the_order_of_alerts_does_not_matter(data, chances):
    rows = [
        row(n, f"object {n % 5}", day=n % 3, p_chance=chance)
        for n, chance in enumerate(chances)
    ]
    shuffled = data.draw(st.permutations(rows))
    found = from_coincidences(rows, "grb")
    assert from_coincidences(shuffled, "grb") == found
    ranks = [c.rank for c in found.candidates]
    assert ranks == list(range(1, len(ranks) + 1))


def test_nothing_is_nothing():
    found = from_coincidences([], "gw")
    assert (found.candidates, found.withdrawn, found.alerts) == ((), (), 0)
