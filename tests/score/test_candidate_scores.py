# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Candidates with rates by class: expected numbers in the region of their event."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix
from helpers.coincidence_rows import WINDOWS, at, pair, table

from fink_voevent.score import candidate_scores, candidates
from fink_voevent.score.candidate_scores import CandidateScorer, EventRegion
from fink_voevent.score.cells import CELLS
from fink_voevent.score.class_counts import CLASSES
from fink_voevent.score.class_rates import (
    FLARING_SHARE,
    SINGLE_SHARE,
    ClassRate,
    ClassSnapshot,
)
from fink_voevent.sky.localization import Fisher, area_deg2

LEVEL = 0.95
NONE = np.zeros(0)
CIRCLE = Fisher(1.0, 20_000.0, 20_000.0)
AREA = area_deg2(CIRCLE.radius_deg(LEVEL))  # deg2
REGION = {
    **{"event_ra": 40.0, "event_dec": 30.0, "ellipse": None, "pixels": None},
    "fisher": {"fraction": 1.0, "core_kappa": 20_000.0, "tail_kappa": 20_000.0},
}
RATES = {name: 0.04 if name.endswith("_2") else 0.1 for name in CLASSES}


def scorer(rates: dict[str, float] = RATES, nights: int = 30) -> CandidateScorer:
    """Return a scorer with rates that are the same everywhere."""
    everywhere = np.ones(CELLS)
    classes = {
        name: ClassRate(rate * everywhere, 100, nights < 10, 1.0, NONE, NONE)
        for name, rate in rates.items()
    }
    span = ("20260101", "20260130")
    return CandidateScorer(
        ClassSnapshot(
            *("ztf", "ztf-1", nights, *span, everywhere, everywhere),
            classes,
        )
    )


def read(events):
    return [EventRegion("r1", REGION, LEVEL) for _ in events]


def scored(*rows: dict, by: CandidateScorer | None = None) -> dict[str, dict]:
    made = candidates.from_coincidences(table(list(rows)), 0, WINDOWS)
    with_scores = (by or scorer()).score(made, {"E1": "r1"}, WINDOWS, read)
    return {row["object_id"]: row for row in with_scores.to_pylist()}


def test_the_expected_number_is_rate_area_and_window_by_the_share_of_the_class():
    row = scored(pair(1, first_detection=at(0.7), credible_level=0.5))["Z1"]
    total = 0.1 * AREA * 7 / SINGLE_SHARE
    assert row["total_unrelated"] == pytest.approx(total, rel=1e-3)
    # of a Gaussian, the area up to a credible level C grows as -ln(1 - C)
    place = math.log(0.5) / math.log(0.05)
    assert row["place_share"] == pytest.approx(place, rel=1e-3)
    s = place * 0.5 / 7
    expected = total * s * (1 - math.log(s))
    assert row["expected_unrelated"] == pytest.approx(expected, rel=1e-3)
    assert row["p_chance"] == pytest.approx(-math.expm1(-expected), rel=1e-3)
    assert (row["background_id"], row["is_upper_limit"]) == ("ztf-1", False)


def test_a_second_detection_gives_a_smaller_number():
    once = scored(pair(1))["Z1"]
    twice = scored(pair(1, detections=2, detection_span=0.02))["Z1"]
    assert twice["expected_unrelated"] < once["expected_unrelated"]
    soon = scored(pair(1, detections=2, detection_span=0.01))["Z1"]
    assert soon["expected_unrelated"] == once["expected_unrelated"]


def test_flares_of_neutrinos_are_ranked_by_their_strength_if_enough_are_known():
    flare = {"active_nucleus": True, "messenger": "neutrino"}
    judge = scorer()
    flaring = judge.snapshot.classes["flaring"]
    known = replace(flaring, flux_change=np.arange(1, 100) / 100)
    judge.snapshot.classes["flaring"] = known
    weak, strong = (
        scored(pair(1, flux_change=change, **flare), by=judge)["Z1"]
        for change in (0.5, 0.96)
    )
    assert (weak["strength_share"], strong["strength_share"]) == (0.51, 0.05)
    s = strong["place_share"] * 0.05
    expected = strong["total_unrelated"] * s * (1 - math.log(s))
    assert strong["expected_unrelated"] == pytest.approx(expected)
    assert strong["expected_unrelated"] < weak["expected_unrelated"]
    new = scored(pair(1, flux_change=0.96), by=judge)["Z1"]
    assert (new["class"], new["strength_share"]) == ("fresh", None)


def test_flares_of_neutrinos_are_ranked_by_place_alone_if_few_are_known():
    flare = {"active_nucleus": True, "flux_change": 0.5, "messenger": "neutrino"}
    near = scored(pair(1, credible_level=0.1, **flare))["Z1"]
    assert near["class"] == "flaring"
    assert near["total_unrelated"] == pytest.approx(
        0.1 * AREA / FLARING_SHARE, rel=1e-3
    )
    share = math.log(0.9) / math.log(0.05)
    expected = near["total_unrelated"] * share
    assert near["expected_unrelated"] == pytest.approx(expected, rel=1e-2)
    assert near["onset_share"] is None


def test_what_has_no_rate_region_or_window_is_not_scored():
    rows = scored(
        pair(1, object_id="star", stellar=True),
        pair(2, object_id="elsewhere", event_id="E2"),
        pair(3, object_id="gone", status="withdrawn"),
    )
    for row in rows.values():
        for name in ("total_unrelated", "expected_unrelated", "background_id"):
            assert row[name] is None


def test_an_upper_limit_says_so():
    assert scored(pair(1), by=scorer(nights=3))["Z1"]["is_upper_limit"] is True


def test_a_class_without_any_unrelated_object_expects_none():
    nothing = scored(pair(1), by=scorer(dict.fromkeys(CLASSES, 0.0)))["Z1"]
    assert nothing["total_unrelated"] == nothing["expected_unrelated"] == 0


def test_the_region_of_an_event_is_read_once():
    one, requested = scorer(), []

    def counting(events):
        requested.append(list(events))
        return read(events)

    made = candidates.from_coincidences(table([pair(1)]), 0, WINDOWS)
    for _ in range(2):
        one.score(made, {"E1": "r1"}, WINDOWS, counting)
    assert requested == [["E1"]]


@pytest.mark.parametrize("messenger", ["grb", "neutrino"])
def test_the_lists_of_an_event_share_one_unrelated_silver(messenger):
    """Silver of one detection, of two, and of flares: one unrelated in all."""
    lists = scorer()._integrate(read(["E1"])[0])  # noqa: SLF001
    charged = candidate_scores.charged_totals(lists, (1.0, 7.0), messenger)
    plain = {n: one.total(7.0) for n, one in lists.items()} | {
        "flaring": lists["flaring"].flares(8.0)
    }
    # silver of N / w objects up to mu = 1 has w of N
    single = plain["fresh_1"] / charged["fresh_1"]
    double = plain["fresh_2"] / charged["fresh_2"]
    flaring = plain["flaring"] / charged["flaring"] if messenger == "neutrino" else 0.0
    both = single * plain["fresh_2"] / plain["fresh_1"]
    assert single + double - both + flaring == pytest.approx(1)


def test_a_host_at_the_distance_of_its_pixel_ranks_higher():
    """The pixel of the object decides; outside of the map there is no distance."""
    size = 1 << 2 * (29 - 6)
    lon, lat = Longitude(40.0, unit="deg"), Latitude(30.0, unit="deg")
    pixel = int(lonlat_to_healpix(lon, lat, 6)[0])
    bounds = {"lo": pixel * size, "hi": (pixel + 1) * size, "level": 0.0}
    far = {"lo": 0, "hi": size, "level": 0.5}
    region = {
        **REGION,
        "fisher": None,
        "pixels": [bounds | {"density": 1.0}, far | {"density": 0.5}],
        "pixel_distances": [
            {"distmu": 100.0, "distsigma": 10.0, "distnorm": 1e-4},
            {"distmu": None, "distsigma": None, "distnorm": 0.0},
        ],
    }

    def rows(**changes):
        host = {"host": "G", "host_chance": 0.01, "host_separation": 0.001}
        host |= {"host_distance": 100.0, "host_distance_error": 5.0}
        where = {"alert_ra": 40.0, "alert_dec": 30.0, "credible_level": 0.0}
        made = candidates.from_coincidences(
            table([pair(1, **host | where | changes)]), 0, WINDOWS
        )
        regions = [EventRegion("r1", region, LEVEL)]
        found = scorer().score(made, {"E1": "r1"}, WINDOWS, lambda _: regions)
        return found.to_pylist()[0]

    near, away = rows(), rows(host_distance=300.0)
    assert near["distance_share"] < 0.1 < away["distance_share"]
    assert near["expected_unrelated"] < away["expected_unrelated"]
    for changes in ({"host_distance": None}, {"alert_ra": 220.0, "alert_dec": -60.0}):
        assert rows(**changes)["distance_share"] is None
    lon, lat = healpix_to_lonlat(np.array([0]), 6)
    without = rows(alert_ra=float(lon.deg[0]), alert_dec=float(lat.deg[0]))
    assert without["distance_share"] is None
