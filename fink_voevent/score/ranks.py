# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The rank of a candidate: how many unrelated candidates would rank as high.

A candidate has up to three shares: of the region (place), of the window (onset) and of
the hosts of unrelated candidates (distance), or, for a flare, of the region and of
unrelated flares (strength). Each is the share of what is at least as good as this
candidate, so that it is uniform between 0 and 1 for an unrelated one, and they are
independent. The product s of n such shares is as small by chance with the
probability (Fisher 1932, Statistical Methods for Research Workers, section 21.1)::

    P(product <= s) = s * sum((-ln s)^k / k!, k = 0 .. n - 1)

Of N unrelated candidates in the region and the window of an event, mu = N P are
expected to rank as high. The number of them is Poisson, so that there is at least one
with the probability ``p_chance = 1 - exp(-mu)``: the smallest `p_chance` of an event is
uniform, if all its candidates are unrelated.

A share that is not known is left out: n is one less, and N is the same. A smaller share
never gives a larger mu, and a second detection changes no share: the onset is that of
the first detection. Only a share that becomes known can raise mu, if it is large: the
host is at the wrong distance.

All functions take numbers or arrays that broadcast; NaN is an unknown value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

# Added in quadrature to the error of a distance: galaxies move with about 300 km/s
# (Carrick et al. 2015, MNRAS 450, 317), which is 4.3 Mpc for a Hubble constant of 70.
PECULIAR_MPC = 4.3
# Relative error of a distance that comes without one, about that of photometric
# redshifts of nearby galaxies (Bilicki et al. 2014, ApJS 210, 9: 0.015 at z = 0.07).
UNKNOWN_ERROR = 0.2


def product_chance(product: ArrayLike, factors: ArrayLike) -> np.ndarray:
    """Probability that a product of uniform numbers is as small by chance.

    Parameters
    ----------
    product : array_like
        Product s, 0-1.
    factors : array_like of int
        Number n of the factors; without factors the probability is 1.

    Returns
    -------
    ndarray
        P(product <= s), 0-1; NaN if s is NaN and n is not 0.

    Raises
    ------
    ValueError
        If a product is not within 0-1, or a number of factors is negative.
    """
    s, n = np.broadcast_arrays(np.asarray(product, float), np.asarray(factors, int))
    _check_share("product", s)
    if (n < 0).any():
        raise ValueError(f"the number of factors is {n.min()}, below 0")
    with np.errstate(divide="ignore"):
        minus_log = -np.log(s)
    term, total = np.ones(s.shape), np.zeros(s.shape)
    for k in range(int(n.max(initial=0))):
        total = np.where(k < n, total + term, total)
        term = term * minus_log / (k + 1)
    # 0 times infinity, at s = 0, is 0: the sum grows as a power of the logarithm
    chance = np.where(s == 0, 0.0, s * np.where(s == 0, 0.0, total))
    return np.where(n == 0, 1.0, np.minimum(chance, 1.0))


def expected_unrelated(
    total: ArrayLike,
    place: ArrayLike,
    onset: ArrayLike,
    distance: ArrayLike,
    strength: ArrayLike = np.nan,
) -> np.ndarray:
    """Compute the expected number of unrelated candidates that rank as high.

    Parameters
    ----------
    total : array_like
        Expected number N of unrelated candidates of the class in the region and the
        window, 0 or more; see `charged` if several classes or windows share a budget.
    place, onset, distance, strength : array_like
        Shares, 0-1, that are uniform under chance: see `place_share`, `onset_share`,
        `distance_share` and `class_rates.ClassList.strength_share`. NaN is left out.

    Returns
    -------
    ndarray
        mu = N P(product <= s); NaN if N is NaN. Without any share it is N.

    Raises
    ------
    ValueError
        If a share is not within 0-1, or a total is negative.
    """
    number, *shares = np.broadcast_arrays(
        *(np.asarray(v, float) for v in (total, place, onset, distance, strength))
    )
    if (number < 0).any():
        raise ValueError(f"the expected number is {np.nanmin(number)}, below 0")
    names = ("place", "onset", "distance", "strength")
    for name, share in zip(names, shares, strict=True):
        _check_share(name, share)
    stacked = np.stack(shares)
    is_known = ~np.isnan(stacked)
    product = np.where(is_known, stacked, 1.0).prod(axis=0)
    return number * product_chance(product, is_known.sum(axis=0))


def chance(mu: ArrayLike) -> np.ndarray:
    """Probability that at least one unrelated candidate ranks as high.

    Parameters
    ----------
    mu : array_like
        Expected number of such candidates: see `expected_unrelated`.

    Returns
    -------
    ndarray
        1 - exp(-mu), 0-1; NaN if mu is NaN.
    """
    return -np.expm1(-np.asarray(mu, float))


def charged(total: ArrayLike, share: float) -> np.ndarray:
    """Return the expected number of a list that has a share of an event's budget.

    The lists of an event, one a class and window, have one budget: so many unrelated
    candidates with mu up to m as m, over all lists together. A list with the share w
    gives m w of them, if its mu is computed with N / w. The shares of the lists of an
    event must add up to 1 or less.

    Parameters
    ----------
    total : array_like
        Expected number N of unrelated candidates of the list.
    share : float
        Share w of the list in the budget, above 0 and up to 1.

    Returns
    -------
    ndarray
        N / w.

    Raises
    ------
    ValueError
        If the share is out of its range.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share of the budget is {share}, not above 0 and up to 1")
    return np.asarray(total, float) / share


def place_share(
    credible_level: ArrayLike, levels: np.ndarray, integral: np.ndarray
) -> np.ndarray:
    """Share of unrelated candidates in a region that lie at places as probable.

    x = integral of the rate over all places at least as probable / integral over the
    region. It is linear between the levels that are given.

    Parameters
    ----------
    credible_level : array_like
        Of the candidates, 0-1, as coincidences have it.
    levels : ndarray, shape (k,)
        Rising credible levels; the last one is the edge of the region. For a sky map
        they are the levels of its pixels, so that the result is exact.
    integral : ndarray, shape (k,)
        Integral of the rate of the class over the region up to each of `levels`, in any
        unit: see `integrals`.

    Returns
    -------
    ndarray
        0-1; NaN if the level is, or if the integral is 0. Beyond the last level it
        is 1.
    """
    level = np.asarray(credible_level, float)
    if not integral[-1] > 0:
        return np.full(level.shape, np.nan)
    return np.interp(level, levels, integral / integral[-1])


def onset_share(
    onset_to: ArrayLike, window_before: ArrayLike, window_after: ArrayLike
) -> np.ndarray:
    """Share of the window that is at least as near to the event as the onset.

    First detections of unrelated candidates are spread evenly over the window, because
    the event is at any phase of the nights.

    Parameters
    ----------
    onset_to : array_like
        First detection, days from the event (elapsed).
    window_before, window_after : array_like
        Length of the window before and after the event, days, 0 or more; 0 before for
        classes whose onset is after the event.

    Returns
    -------
    ndarray
        y = (min(abs(t), before) + min(abs(t), after)) / (before + after), 0-1; 0 for a
        window without length, NaN if the onset is.
    """
    nearness = np.abs(np.asarray(onset_to, float))
    before, after = np.asarray(window_before, float), np.asarray(window_after, float)
    nearer = np.minimum(nearness, before) + np.minimum(nearness, after)
    length = before + after
    share = nearer / np.where(length > 0, length, 1.0)
    return np.where(length > 0, share, np.where(np.isnan(nearness), np.nan, 0.0))


def total_error(distance: ArrayLike, error: ArrayLike) -> np.ndarray:
    """Error of a host's distance with all that it contains.

    Parameters
    ----------
    distance : array_like
        Luminosity distance, Mpc.
    error : array_like
        Its standard deviation from the redshift, Mpc; where it is NaN or not positive,
        `UNKNOWN_ERROR` of the distance.

    Returns
    -------
    ndarray
        Mpc, with `PECULIAR_MPC` added in quadrature.
    """
    mean, given = np.asarray(distance, float), np.asarray(error, float)
    is_given = np.greater(
        given, 0, where=~np.isnan(given), out=np.zeros_like(mean, bool)
    )
    return np.hypot(np.where(is_given, given, UNKNOWN_ERROR * mean), PECULIAR_MPC)


def distance_odds(
    distance: ArrayLike,
    error: ArrayLike,
    distmu: ArrayLike,
    distsigma: ArrayLike,
    distnorm: ArrayLike,
) -> np.ndarray:
    """Logarithm of the odds that a host has the distance of the event.

    The sky map gives the distance at a pixel as p(r) = DISTNORM r^2 N(r; DISTMU,
    DISTSIGMA) (Singer et al. 2016, ApJL 829, L15), the host as N(r; d, e), and galaxies
    are spread as r^2. The overlap of the two distributions (Ashton et al. 2018, ApJ
    860, 6) is::

        DISTNORM N(d; DISTMU, S) (m^2 + v) / (d^2 + e^2)
        S^2 = DISTSIGMA^2 + e^2, v = DISTSIGMA^2 e^2 / S^2
        m = (DISTMU e^2 + d DISTSIGMA^2) / S^2

    Parameters
    ----------
    distance : array_like
        Luminosity distance d of the host, Mpc.
    error : array_like
        Its whole error e, Mpc, above 0: see `total_error`.
    distmu, distsigma : array_like
        Of the pixel, Mpc.
    distnorm : array_like
        Of the pixel, Mpc^-2.

    Returns
    -------
    ndarray
        Natural logarithm; NaN if the pixel has no distance (a value that is not finite,
        DISTSIGMA or DISTNORM of 0 or less), or the host has none.
    """
    d, e, mu, sigma, norm = np.broadcast_arrays(
        *(np.asarray(v, float) for v in (distance, error, distmu, distsigma, distnorm))
    )
    values = np.stack([d, e, mu, sigma, norm])
    is_known = np.isfinite(values).all(axis=0)
    is_known &= (values[[0, 1, 3, 4]] > 0).all(axis=0)
    d, e, mu, sigma, norm = np.where(is_known, values, 1.0)
    variance = sigma**2 + e**2
    mean = (mu * e**2 + d * sigma**2) / variance
    spread = sigma**2 * e**2 / variance
    odds = -((d - mu) ** 2) / (2 * variance) - np.log(2 * np.pi * variance) / 2
    odds = odds + np.log(norm) + np.log((mean**2 + spread) / (d**2 + e**2))
    return np.where(is_known, odds, np.nan)


def distance_share(
    distance: ArrayLike,
    error: ArrayLike,
    distmu: ArrayLike,
    distsigma: ArrayLike,
    distnorm: ArrayLike,
    unrelated_distance: np.ndarray,
    unrelated_error: np.ndarray,
) -> np.ndarray:
    """Share of unrelated hosts whose distance agrees as well with the sky map.

    z = (1 + number of m unrelated hosts with `distance_odds` as high) / (1 + m): for a
    host that is one of them, each of its m + 1 ranks is as probable (Davison & Hinkley
    1997, Bootstrap Methods, section 4.2).

    Parameters
    ----------
    distance, error : array_like, shape (n,)
        Of the candidates' hosts, Mpc, as alerts have them; NaN for no host.
    distmu, distsigma, distnorm : array_like, shape (n,)
        Of the pixels of the candidates (Mpc, Mpc, Mpc^-2).
    unrelated_distance, unrelated_error : ndarray, shape (m,)
        Of the hosts of unrelated candidates of the class: measured in past nights, or
        `volume_distances`.

    Returns
    -------
    ndarray, shape (n,)
        Above 0 and up to 1; NaN without host, without distance of the pixel, or without
        unrelated hosts.
    """
    d, e, mu, sigma, norm = np.broadcast_arrays(
        *np.atleast_1d(distance, error, distmu, distsigma, distnorm)
    )
    own = distance_odds(d, total_error(d, e), mu, sigma, norm)
    share = np.full(own.shape, np.nan)
    others = total_error(unrelated_distance, unrelated_error)
    count = len(unrelated_distance)
    for i in np.flatnonzero(~np.isnan(own)) if count else ():
        odds = distance_odds(unrelated_distance, others, mu[i], sigma[i], norm[i])
        # an unrelated host whose distance is not known cannot agree
        share[i] = (1 + (odds >= own[i]).sum()) / (1 + count)
    return share


def volume_distances(horizon_mpc: float, count: int = 999) -> np.ndarray:
    """Distances of hosts that are spread evenly in space, for where none are counted.

    Parameters
    ----------
    horizon_mpc : float
        Largest distance, Mpc.
    count : int, optional
        Number of hosts.

    Returns
    -------
    ndarray, shape (count,)
        Quantiles of the density 3 r^2 / horizon^3, Mpc.
    """
    return horizon_mpc * np.cbrt((np.arange(count) + 0.5) / count)


def _check_share(name: str, share: np.ndarray) -> None:
    is_outside = (share < 0) | (share > 1)
    if is_outside.any():
        raise ValueError(f"{name} is {share[is_outside].flat[0]}, not within 0-1")
