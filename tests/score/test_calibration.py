# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Events at random in simulated nights: the best candidate of each is uniform.

The nights that are counted are not those that are tested. Objects recur from night to
night, most of them in all nights.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest
from helpers.chance_events import best_chance, random_circles
from helpers.sizes import nightly
from scipy.stats import kstest
from sky_simulator import ZTF, Simulation

from fink_voevent.score import class_counts, class_rates
from fink_voevent.score.class_rates import SECOND_NIGHTS

WINDOW = 7.0
DISTANCE = (150.0, 50.0, 1e-5)  # DISTMU, DISTSIGMA (Mpc), DISTNORM (Mpc^-2)
CLASSES = ("fresh_1", "fresh_2", "flaring")


@functools.lru_cache(maxsize=1)
def nights_of(seed: int, counted: int, tested: int, share: int):
    """Return the snapshot, the objects of the tested nights, and the fields."""
    fields = ZTF.fields()[::share]
    simulation = Simulation(ZTF, seed, fields)
    nights = list(simulation.nights(counted + tested))
    before = class_counts.count(nights[:counted], "ztf")
    after = class_counts.count(nights[counted:], "ztf")
    return class_rates.measure(before), after.objects, fields


def chances(name, seed, counted, tested, share, count, window=WINDOW):
    snapshot, objects, fields = nights_of(seed, counted, tested, share)
    rng = np.random.default_rng(seed)
    # the last nights complete what appeared in a window
    last = tested - window - SECOND_NIGHTS if name != "flaring" else 1.0
    events = random_circles(rng, fields, count, last)
    distance = DISTANCE if name == "fresh_1" else None
    return np.array(
        [
            best_chance(
                *(_shift(e, counted), objects[name], snapshot, name, window, rng),
                distance,
            )
            for e in events
        ]
    )


def _shift(event, nights: int):
    return type(event)(event.ra, event.dec, event.radius_90, event.time + nights)


SMALL = (12, 17, 5, 80)  # nights counted and tested, one field in so many, events
LARGE = (20, 30, 1, 600)


@pytest.mark.parametrize(
    ("seed", "size"),
    [(1, SMALL), (2, SMALL), (3, SMALL), *nightly((4, LARGE), (5, LARGE), (6, LARGE))],
)
def test_the_best_candidate_of_each_event_is_uniform(seed, size):
    for name in ("fresh_1", "fresh_2"):
        found = chances(name, seed, *size)
        assert kstest(found, "uniform").pvalue > 0.01, name
    # as many nights of alerts as were counted: the same number of different flares
    counted, tested, share, count = size
    found = chances("flaring", seed, *size, window=float(counted))
    assert kstest(found, "uniform").pvalue > 0.01, "flaring"


@pytest.mark.parametrize("nights", [1, 4])
def test_an_upper_limit_is_conservative(nights):
    """Few events reach a small probability: fewer than the probability says."""
    counted, tested, share, count = SMALL
    _, objects, fields = nights_of(3, counted, tested, share)
    few = Simulation(ZTF, 3, fields).nights(nights)
    limits = class_rates.measure(class_counts.count(few, "ztf"))
    assert limits.is_upper_limit
    rng = np.random.default_rng(7)
    events = random_circles(rng, fields, count, tested - WINDOW - SECOND_NIGHTS)
    for name in ("fresh_1", "fresh_2"):
        found = np.array(
            [
                best_chance(
                    *(_shift(e, counted), objects[name], limits, name, WINDOW, rng)
                )
                for e in events
            ]
        )
        assert kstest(found, "uniform", alternative="greater").pvalue > 0.05, name
        assert np.median(found) > 0.5
