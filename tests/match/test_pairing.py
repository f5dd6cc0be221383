# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Matching alerts with events: compared with brute force on random skies."""

from __future__ import annotations

import uuid

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from helpers.made_up_sky import (
    LEVEL,
    alert,
    ellipse_event,
    event,
    map_event,
    match,
    random_sky,
    version,
)
from helpers.oracle import assert_equal, pairs
from helpers.sizes import nightly

from fink_voevent.tables.schema import NAMESPACE, column_names


@pytest.mark.parametrize("seed", [1, *nightly(2, 3)])
def test_pairs_on_a_random_sky_are_those_of_brute_force(spark, tmp_path, seed):
    events, alerts = random_sky(seed, 60, 400)
    expected = pairs(events, alerts, LEVEL)
    assert len(expected) > 100
    assert_equal(match(spark, tmp_path, events, alerts), expected)


@pytest.mark.parametrize("order", [3, 8, *nightly(4, 5, 6, 7)])
def test_the_result_is_the_same_at_any_cell_order(spark, tmp_path, order):
    events, alerts = random_sky(7, 25, 150)
    found = match(spark, tmp_path, events, alerts, order)
    assert_equal(found, pairs(events, alerts, LEVEL))


def test_a_higher_level_adds_pairs_and_removes_none(spark, tmp_path):
    events, alerts = random_sky(11, 30, 300)
    keys = [
        {
            (r["event_id"], r["alert_id"])
            for r in match(spark, tmp_path, events, alerts, 0, p)
        }
        for p in (0.5, 0.9, 0.99)
    ]
    assert keys[0] < keys[1] < keys[2]


def test_without_events_or_alerts_there_are_no_pairs(spark, tmp_path):
    events, alerts = random_sky(5, 5, 5)
    assert match(spark, tmp_path, [], alerts) == []
    assert match(spark, tmp_path, events, []) == []


def test_pairs_of_ellipses_are_those_of_brute_force(spark, tmp_path):
    """At poles and right ascension 0, with either axis longer, at any angle."""
    places = [(0.0, 90.0), (359.9, 0.0), (120.0, -89.0), (200.0, 35.0), (80.0, -20.0)]
    shapes = [(12.0, 3.0, 30.0), (2.0, 9.0, 0.0), (8.0, 1.0, 200.0), (15.0, 5.0, -75.0)]
    events = [
        ellipse_event(i, *place, shapes[i % len(shapes)])
        for i, place in enumerate(places)
    ]
    alerts = []
    rng = np.random.default_rng(23)
    for row in events:
        centre = SkyCoord(row["ra"], row["dec"], unit="deg")
        near = centre.directional_offset_by(
            rng.uniform(0, 360, 60) * u.deg, rng.uniform(0, 20, 60) * u.deg
        )
        for place in near:
            number = len(alerts)
            alerts.append(alert(number, float(place.ra.deg), float(place.dec.deg), 1.0))
    expected = pairs(events, alerts, LEVEL)
    circles = [e | {"ellipse": None} for e in events]
    assert 50 < len(expected) < len(pairs(circles, alerts, LEVEL))
    assert_equal(match(spark, tmp_path, events, alerts), expected)


@pytest.mark.parametrize("order", [0, 8, *nightly(2, 4, 5, 6)])
def test_the_exact_pixel_of_a_sky_map_decides_at_any_cell_order(spark, tmp_path, order):
    circles, alerts = random_sky(13, 10, 400)
    events = [*circles, map_event(100, 1), map_event(101, 2, order=2)]
    expected = pairs(events, alerts, LEVEL)
    assert sum(key[0] in ("event-100", "event-101") for key in expected) > 20
    assert_equal(match(spark, tmp_path, events, alerts, order), expected)


def test_of_a_notice_with_a_circle_and_a_map_the_map_is_matched(spark, tmp_path):
    circle = {k: event(7, 45.0, 10.0, 0.5)[k] for k in ("ra", "dec", "fisher")}
    one = map_event(7, 3) | circle
    _, alerts = random_sky(17, 4, 300)
    found = match(spark, tmp_path, [one], alerts)
    assert len(found) > 3
    assert_equal(found, pairs([one], alerts, LEVEL))
    assert all(row["density"] > 0 for row in found)


def test_a_notice_without_position_keeps_the_region_of_an_earlier_one(spark, tmp_path):
    """As do updates of CHIME, which only give a better dispersion measure."""
    better = version(2, version=2) | dict.fromkeys(("cells", "ra", "dec", "fisher"))
    (found,) = match(spark, tmp_path, [version(1), better], [alert(1, 10.0, 20.0, 1.0)])
    assert found["notice_id"] == "notice-0002"
    assert found["separation"] == 0.0


def test_events_that_are_not_matchable_have_no_pairs(spark, tmp_path):
    faults = [
        {"cells": None}, {"time": None}, {"kind": "retraction"}, {"live": False},
        {"tense": "test"}, {"tense": "injection"}, {"tense": "utility"},
    ]  # fmt: skip
    unusable = [
        event(2 + n, 10.0, 20.0, 5.0, **fault) for n, fault in enumerate(faults)
    ]
    usable = event(1, 10.0, 20.0, 5.0)
    found = match(spark, tmp_path, [usable, *unusable], [alert(1, 10.0, 20.0, 1.0)])
    assert [row["event_id"] for row in found] == ["event-1"]


def test_the_window_includes_its_edges_and_no_more(spark, tmp_path):
    days = (-1.0001, -0.9999, 0.0, 6.9999, 7.0001)
    one = event(0, 10.0, 20.0, 5.0, window_before=1.0)
    alerts = [alert(n, 10.0, 20.0, delay) for n, delay in enumerate(days)]
    found = match(spark, tmp_path, [one], alerts)
    assert sorted(row["alert_id"] for row in found) == [1, 2, 3]


def test_ids_are_version_5_uuids_of_the_pair(spark, tmp_path):
    (found,) = match(
        spark, tmp_path, [event(3, 1.0, 2.0, 5.0)], [alert(9, 1.0, 2.0, 1.0)]
    )
    oracle = uuid.uuid5(NAMESPACE, "coincidence notice-0003 ztf 9")
    assert found["coincidence_id"] == str(oracle)


def test_every_column_of_coincidences_is_given(spark, tmp_path):
    (row,) = match(
        spark, tmp_path, [event(1, 1.0, 2.0, 5.0)], [alert(1, 1.0, 2.0, 1.0)]
    )
    assert list(row) == column_names("coincidences")
    assert row["p_chance"] is None
    assert row["density"] > 0
