# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The rank of a candidate, against integrals and random numbers of its own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammaincc
from scipy.stats import kstest, norm

from fink_voevent.score import ranks

SHARE = st.floats(0, 1)
TOTAL = st.floats(0, 1e6)


# ------------------------------------------------------------------------ the product
@given(s=st.floats(1e-300, 1), n=st.integers(1, 6))
def test_minus_the_logarithm_of_a_product_is_gamma_distributed(s, n):
    assert ranks.product_chance(s, n) == pytest.approx(
        gammaincc(n, -np.log(s)), rel=1e-9, abs=1e-300
    )


@pytest.mark.parametrize("factors", [1, 2, 3])
def test_the_probability_of_a_product_is_uniform_by_chance(factors):
    rng = np.random.default_rng(factors)
    product = rng.random((factors, 20_000)).prod(axis=0)
    assert kstest(ranks.product_chance(product, factors), "uniform").pvalue > 0.01


def test_the_limits_of_a_product():
    found = ranks.product_chance([0.0, 1.0, 0.3, np.nan, np.nan], [3, 3, 0, 2, 0])
    assert found[:3].tolist() == [0.0, 1.0, 1.0]
    assert np.isnan(found[3])
    assert found[4] == 1.0
    assert ranks.product_chance(np.array([]), np.array([], int)).shape == (0,)


# ------------------------------------------------------------------ the expected number
@given(total=TOTAL, shares=st.tuples(SHARE, SHARE, SHARE))
def test_an_unknown_share_is_left_out(total, shares):
    x, y, z = shares
    nan = np.nan
    assert ranks.expected_unrelated(total, x, nan, nan) == pytest.approx(total * x)
    assert ranks.expected_unrelated(total, nan, nan, nan) == total
    two = ranks.expected_unrelated(total, x, y, nan)
    assert two == ranks.expected_unrelated(total, nan, y, x)
    assert two == pytest.approx(total * ranks.product_chance(x * y, 2))
    three = total * ranks.product_chance(x * y * z, 3)
    assert ranks.expected_unrelated(total, x, y, z) == pytest.approx(three)


@given(total=TOTAL, shares=st.tuples(SHARE, SHARE, SHARE), better=SHARE)
def test_a_smaller_share_or_total_never_ranks_lower(total, shares, better):
    mu = ranks.expected_unrelated(total, *shares)
    for i in range(3):
        improved = list(shares)
        improved[i] *= better
        found = ranks.expected_unrelated(total, *improved)
        assert found <= mu * (1 + 1e-12)
    assert ranks.expected_unrelated(total * better, *shares) <= mu
    assert 0 <= mu <= total


def test_arrays_broadcast_and_an_unknown_rate_has_no_rank():
    mu = ranks.expected_unrelated([2.0, np.nan, 4.0], 0.5, np.nan, [np.nan, 0.1, 1.0])
    assert mu.shape == (3,)
    assert np.isnan(mu).tolist() == [False, True, False]
    assert np.isnan(ranks.chance(mu)[1])


@pytest.mark.parametrize(
    ("total", "place"), [(1.0, 1.1), (1.0, -0.1), (-1.0, 0.5), (1.0, np.inf)]
)
def test_what_is_no_share_or_no_number_is_refused(total, place):
    with pytest.raises(ValueError, match=r"place is|expected number is"):
        ranks.expected_unrelated(total, place, 0.5, np.nan)
    with pytest.raises(ValueError, match="factors is -1"):
        ranks.product_chance(0.5, -1)


def smallest_chance(rng, total: float, with_host: float, shares: dict) -> float:
    """Return `p_chance` of the best unrelated candidate of an event, over its lists."""
    best = np.inf
    for share in shares.values():
        count = rng.poisson(total)
        x, y, z = rng.random((3, count))
        z[rng.random(count) > with_host] = np.nan
        mu = ranks.expected_unrelated(ranks.charged(total, share), x, y, z)
        best = min(best, mu.min(initial=np.inf))
    if np.isfinite(best):
        return float(ranks.chance(best))
    return float(rng.uniform(np.exp(-total * len(shares)), 1))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_best_candidate_of_several_lists_is_uniform_by_chance(seed):
    """Some candidates have a host, some have none; the lists share one budget."""
    rng = np.random.default_rng(seed)
    shares = {"fresh": 0.6, "flaring": 0.3, "late": 0.1}
    chances = [smallest_chance(rng, 12.0, 0.4, shares) for _ in range(2000)]
    assert kstest(chances, "uniform").pvalue > 0.01


def test_all_lists_together_give_one_unrelated_silver_an_event():
    rng = np.random.default_rng(4)
    totals = {0.6: 40.0, 0.3: 3.0, 0.1: 700.0}
    silver = 0
    for _ in range(2000):
        for share, total in totals.items():
            x, y = rng.random((2, rng.poisson(total)))
            mu = ranks.expected_unrelated(ranks.charged(total, share), x, y, np.nan)
            silver += (mu <= 1).sum()
    assert silver / 2000 == pytest.approx(1.0, abs=4 * np.sqrt(1 / 2000))
    for share in (0.0, -1.0, 1.1, np.nan):
        with pytest.raises(ValueError, match="share of the budget"):
            ranks.charged(1.0, share)


# ------------------------------------------------------------------------- the shares
def test_the_place_share_is_that_of_the_integral():
    levels, integral = np.array([0.0, 0.5, 0.95]), np.array([0.0, 1.0, 4.0])
    found = ranks.place_share([0.0, 0.25, 0.5, 0.95, 0.99, np.nan], levels, integral)
    assert found[:5].tolist() == [0.0, 0.125, 0.25, 1.0, 1.0]
    assert np.isnan(found[5])
    assert np.isnan(ranks.place_share(0.5, levels, 0 * integral))


@given(t=st.floats(-40, 40), before=st.floats(0, 20), after=st.floats(0.01, 20))
def test_the_onset_share_is_a_share_of_the_window(t, before, after):
    step = np.linspace(-before, after, 20_001)
    nearer = (np.abs(step) <= abs(t)).mean()
    assert ranks.onset_share(t, before, after) == pytest.approx(nearer, abs=2e-4)


def test_the_onset_share_of_no_window_and_of_no_onset():
    assert ranks.onset_share(1.0, 0.0, 0.0) == 0
    assert np.isnan(ranks.onset_share([np.nan, np.nan], [0.0, 1.0], [0.0, 7.0])).all()


@settings(max_examples=20, deadline=None)
@given(
    d=st.floats(20, 400),
    error=st.floats(1, 60),
    mu=st.floats(20, 300),
    sigma=st.floats(5, 60),
)
def test_the_odds_are_the_overlap_of_two_distributions(d, error, mu, sigma):
    low, high = -12 * (error + sigma), d + mu + 12 * (error + sigma)
    points = sorted({d, mu, (mu * error**2 + d * sigma**2) / (error**2 + sigma**2)})

    def integrate(function) -> float:
        return quad(function, low, high, points=points, limit=400, epsabs=0)[0]

    both = integrate(
        lambda r: r**2 * norm.pdf(r, mu, sigma) * norm.pdf(r, d, error)
    ) / integrate(lambda r: r**2 * norm.pdf(r, d, error))
    found = ranks.distance_odds(d, error, mu, sigma, 2e-4)
    if both > 1e-280:
        assert found == pytest.approx(np.log(2e-4 * both), abs=1e-5)


def test_a_pixel_or_a_host_without_distance_has_no_odds():
    nan, inf = np.nan, np.inf
    rows = [
        (nan, 5, 40, 8, 1),
        (40, 5, inf, 8, 1),
        (40, 5, 40, 0, 1),
        (40, 5, 40, 8, 0),
    ]
    assert np.isnan(ranks.distance_odds(*np.array(rows, float).T)).all()
    # DISTMU below 0 is the fit of a distribution that is cut off at 0
    assert np.isfinite(ranks.distance_odds(40, 5, -10.0, 80.0, 1e-4))


def test_the_distance_share_is_uniform_for_unrelated_hosts():
    rng = np.random.default_rng(5)
    hosts = 400 * np.cbrt(rng.random((2, 3000)))
    errors = 0.15 * hosts
    found = ranks.distance_share(
        hosts[0], errors[0], 120.0, 30.0, 1e-5, hosts[1], errors[1]
    )
    assert kstest(found, "uniform").pvalue > 0.01
    assert 0 < found.min()
    assert found.max() <= 1


def test_a_host_at_the_right_distance_ranks_higher():
    hosts = ranks.volume_distances(400.0)
    found = ranks.distance_share(
        [40.0, 60.0, 200.0, np.nan], 2.0, 40.0, 8.0, 1e-3, hosts, 0.1 * hosts
    )
    assert found[0] < 0.02
    assert found[0] < found[1] < found[2]
    assert found[2] > 0.1
    assert np.isnan(found[3])
    none = np.array([])
    assert np.isnan(ranks.distance_share(40.0, 2.0, 40.0, 8.0, 1e-3, none, none)).all()


def test_an_error_that_is_not_given_is_a_fraction_of_the_distance():
    found = ranks.total_error([100.0, 100.0, 100.0], [np.nan, 0.0, 3.0])
    expected = np.hypot([20.0, 20.0, 3.0], ranks.PECULIAR_MPC)
    assert found == pytest.approx(expected)
