# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the rates by class say of the candidates of one event.

For each candidate: the expected number of unrelated candidates of its list, charged
with the share of the list in the budget of the event, and the shares of place and
distance. `ranks.expected_unrelated` makes the rank of them, with the share of the onset
(`ranks.onset_share`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fink_voevent.score import class_rates, ranks
from fink_voevent.score.class_rates import FLARING_SHARE, ClassList, ClassSnapshot

SPAN_DAYS = 15 / 1440  # in which main-belt asteroids move by several arcsec
FLARING_MESSENGERS = ("neutrino",)  # whose events rank flares
# Hosts of which no class has more: their distances are as if spread evenly in space.
MIN_HOSTS = 50
HORIZON_MPC = 400.0  # to which they are, about that of catalogues of hosts


@dataclass(frozen=True)
class Hosts:
    """Distances of hosts of candidates, and of the sky map at their pixels.

    Parameters
    ----------
    distance, error : ndarray, shape (n,)
        Mpc; NaN if not known.
    distmu, distsigma, distnorm : ndarray, shape (n,)
        Of the pixel (Mpc, Mpc, Mpc^-2); NaN if the map has no distances.
    """

    distance: np.ndarray
    error: np.ndarray
    distmu: np.ndarray
    distsigma: np.ndarray
    distnorm: np.ndarray


@dataclass(frozen=True)
class EventScores:
    """Scores of the candidates of an event; arrays of shape (n,), NaN if not known.

    Parameters
    ----------
    total : ndarray
        Expected number N of unrelated candidates of the list, divided by the share of
        the list in the budget: see `ranks.charged`.
    place, distance : ndarray
        Shares, 0-1.
    background_id : str
        Name of the snapshot.
    """

    total: np.ndarray
    place: np.ndarray
    distance: np.ndarray
    background_id: str


def list_names(
    classes: np.ndarray, detections: np.ndarray, span_days: np.ndarray
) -> np.ndarray:
    """Name the list of each candidate: a class of `class_counts.CLASSES`, or empty.

    Parameters
    ----------
    classes : ndarray of str, shape (n,)
        ``fresh``, ``fresh_unknown``, ``flaring`` or ``other``.
    detections, span_days : ndarray, shape (n,)
        Number of detections, and time from the first to the last; NaN for none.
    """
    has_two = (detections >= 2) & (span_days >= SPAN_DAYS)
    suffix = np.where(has_two, "_2", "_1")
    names = np.asarray(classes, str)
    is_new = np.isin(names, ("fresh", "fresh_unknown"))
    named = np.where(is_new, np.char.add(names, suffix), names)
    return np.where(is_new | (names == "flaring"), named, "")


def event_scores(
    snapshot: ClassSnapshot,
    region: Mapping[str, Any],
    limit: float,
    window_days: float,
    messenger: str,
    names: np.ndarray,
    credible_level: np.ndarray,
    hosts: Hosts,
) -> EventScores:
    """Score the candidates of one event.

    Parameters
    ----------
    snapshot : ClassSnapshot
    region : mapping
        See `class_rates.class_list`.
    limit : float
        Credible level up to which the region is matched, 0-1.
    window_days : float
        Length of the window after the event, days.
    messenger : str
        Of the event: flares are ranked for `FLARING_MESSENGERS`.
    names : ndarray of str, shape (n,)
        Of `list_names`.
    credible_level : ndarray, shape (n,)
        0-1.
    hosts : Hosts
    """
    n = len(names)
    total, place, distance = (np.full(n, np.nan) for _ in range(3))
    flaring_share = FLARING_SHARE if messenger in FLARING_MESSENGERS else 0.0
    lists = {
        name: class_rates.class_list(snapshot, name, region, limit)
        for name in _needed(names, flaring_share)
    }
    totals = expected_totals(lists, window_days, flaring_share)
    for name in set(names.tolist()) & set(lists):
        rows = np.flatnonzero(names == name)
        total[rows] = totals[name]
        place[rows] = lists[name].place_share(credible_level[rows])
        if name != "flaring":
            distance[rows] = _distance_share(hosts, lists[name], rows)
    return EventScores(total, place, distance, snapshot.name)


def expected_totals(
    lists: Mapping[str, ClassList], window_days: float, flaring_share: float
) -> dict[str, float]:
    """Return the expected number of each list, charged with its share of the budget.

    Parameters
    ----------
    lists : mapping of str to ClassList
        By class; ``fresh_1`` and ``fresh_2`` at least.
    window_days : float
        Length of the window after the event, days.
    flaring_share : float
        Share of flares in the budget: see `class_rates.budget`.
    """
    totals = {
        name: of.flares(window_days) if name == "flaring" else of.total(window_days)
        for name, of in lists.items()
    }
    second = totals["fresh_2"] / totals["fresh_1"]
    shares = class_rates.budget(min(second, 1.0), flaring_share)
    # what cannot be silver has no part in the budget
    return {
        name: float(ranks.charged(total, shares.get(name, 1.0)))
        for name, total in totals.items()
    }


def _needed(names: np.ndarray, flaring_share: float) -> set[str]:
    """Return the lists to integrate: of candidates, and what shares the budget."""
    present = set(names.tolist()) - {""}
    if not flaring_share:
        present.discard("flaring")
    return present | {"fresh_1", "fresh_2"}


def _distance_share(hosts: Hosts, of: ClassList, rows: np.ndarray) -> np.ndarray:
    """Return z of candidates of one list."""
    unrelated = of.rate.host_distance, of.rate.host_error
    if len(unrelated[0]) < MIN_HOSTS:
        spread = ranks.volume_distances(HORIZON_MPC)
        unrelated = spread, np.full(len(spread), np.nan)
    return ranks.distance_share(
        hosts.distance[rows],
        hosts.error[rows],
        hosts.distmu[rows],
        hosts.distsigma[rows],
        hosts.distnorm[rows],
        *unrelated,
    )
