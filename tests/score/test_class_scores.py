# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Scores of the candidates of an event, by the rates of their lists."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.chance_events import LEVEL, Circle
from sky_simulator import ZTF, Simulation

from fink_voevent.score import class_counts, class_rates, class_scores, ranks
from fink_voevent.score.class_scores import Hosts

EVENT = Circle(200.0, 40.0, 3.0, 0.0)


@pytest.fixture(scope="module")
def snapshot():
    nights = Simulation(ZTF, 2, ZTF.fields()[::8]).nights(11)
    return class_rates.measure(class_counts.count(nights, "ztf"))


def hosts(*distances: float, sky: tuple = (100.0, 20.0, 1e-5)) -> Hosts:
    distance = np.array(distances)
    ones = np.ones(len(distance))
    return Hosts(distance, 0.1 * distance, *(value * ones for value in sky))


def scores(snapshot, classes, levels, found, messenger="grb", detections=2):
    n = len(classes)
    names = class_scores.list_names(
        np.array(classes), np.full(n, detections), np.full(n, 0.02)
    )
    return class_scores.event_scores(
        *(snapshot, EVENT.region, LEVEL, 7.0, messenger, names, np.array(levels)), found
    )


def test_the_list_of_a_candidate():
    classes = np.array(["fresh", "fresh", "fresh_unknown", "fresh", "flaring", "other"])
    detections = np.array([1, 2, 3, 2, 1, 5.0])
    span = np.array([0, 0.02, 1.0, 0.005, np.nan, 1.0])
    found = class_scores.list_names(classes, detections, span).tolist()
    assert found == ["fresh_1", "fresh_2", "fresh_unknown_2", "fresh_1", "flaring", ""]


def test_totals_are_charged_and_shares_are_those_of_the_lists(snapshot):
    found = scores(snapshot, ["fresh", "other"], [0.3, 0.3], hosts(np.nan, np.nan))
    two = class_rates.class_list(snapshot, "fresh_2", EVENT.region, LEVEL)
    one = class_rates.class_list(snapshot, "fresh_1", EVENT.region, LEVEL)
    share = class_rates.budget(two.total(7.0) / one.total(7.0))["fresh_2"]
    assert found.total[0] == pytest.approx(two.total(7.0) / share)
    assert found.place[0] == two.place_share(0.3)
    assert np.isnan(found.total[1])
    assert np.isnan(found.distance).all()
    assert found.background_id == snapshot.name


def test_a_second_detection_never_ranks_lower(snapshot):
    levels = [0.05, 0.5, 0.9]
    one, two = (
        scores(snapshot, ["fresh"] * 3, levels, hosts(*[np.nan] * 3), detections=k)
        for k in (1, 2)
    )
    assert (two.total < one.total).all()
    for y in (0.01, 0.5):
        mu = [ranks.expected_unrelated(s.total, s.place, y, np.nan) for s in (one, two)]
        # the place is the same: the rates of both differ little from place to place
        assert (mu[1] <= mu[0]).all()


def test_flares_are_ranked_for_neutrinos_only(snapshot):
    args = ["flaring", "fresh"], [0.3, 0.3], hosts(np.nan, np.nan)
    burst, neutrino = (scores(snapshot, *args, m) for m in ("grb", "neutrino"))
    assert np.isnan(burst.total[0])
    assert neutrino.total[0] > 0
    assert neutrino.total[1] == pytest.approx(10 * burst.total[1])


def test_a_host_at_the_distance_of_the_map_ranks_higher(snapshot):
    found = scores(
        snapshot, ["fresh"] * 4, [0.3] * 4, hosts(100.0, 300.0, 20.0, np.nan)
    )
    near, far, short, none = found.distance
    assert near < min(far, short)
    assert np.isnan(none)
    without = scores(snapshot, ["fresh"], [0.3], hosts(100.0, sky=(np.inf, 1.0, 0.0)))
    assert np.isnan(without.distance).all()


def test_of_few_hosts_the_distances_are_those_of_even_space(snapshot):
    few = snapshot.classes["fresh_2"]
    none = replace(
        few, host_distance=few.host_distance[:3], host_error=few.host_error[:3]
    )
    other = replace(snapshot, classes=snapshot.classes | {"fresh_2": none})
    found = scores(other, ["fresh"], [0.3], hosts(100.0))
    spread = ranks.volume_distances(class_scores.HORIZON_MPC)
    expected = ranks.distance_share(
        *(100.0, 10.0, 100.0, 20.0, 1e-5, spread, np.full(len(spread), np.nan))
    )
    assert found.distance == expected


def test_an_event_without_candidates_has_no_scores(snapshot):
    found = scores(snapshot, [], [], hosts())
    assert found.total.shape == found.place.shape == found.distance.shape == (0,)


def test_unrelated_silvers_of_all_lists_are_one_an_event(snapshot):
    """Candidates drawn as the lists expect them, with all their detections."""
    rng = np.random.default_rng(3)
    lists = {
        name: class_rates.class_list(snapshot, name, EVENT.region, LEVEL)
        for name in ("fresh_1", "fresh_2", "flaring")
    }
    number = lists["fresh_1"].total(7.0), lists["flaring"].flares(7.0)
    second = lists["fresh_2"].total(7.0) / number[0]
    totals = class_scores.expected_totals(lists, 7.0, class_rates.FLARING_SHARE)
    silver = 0
    for _ in range(1500):
        x, y = rng.random((2, rng.poisson(20 * number[0])))
        s = {n: 20 * totals[n] for n in ("fresh_1", "fresh_2")}
        mu = {n: ranks.expected_unrelated(s[n], x, y, np.nan) for n in s}
        twice = rng.random(len(x)) < second
        silver += ((mu["fresh_1"] <= 1) | (twice & (mu["fresh_2"] <= 1))).sum()
        x = rng.random(rng.poisson(20 * number[1]))
        silver += (20 * totals["flaring"] * x <= 1).sum()
    assert silver / 1500 == pytest.approx(1.0, abs=4 / np.sqrt(1500))
    assert set(totals) == set(lists)
