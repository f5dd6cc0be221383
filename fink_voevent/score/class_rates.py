# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Rates of unrelated objects by class, and what they predict for a region.

Rates are measured from `class_counts.Counts`: appearances (the classes ``fresh...``)
per deg2 covered and night, flares (``flaring``) per deg2. A region's list of a class
expects the integral of rate times coverage over the region and the window.

From the first night on there are rates. Until `MIN_NIGHTS` nights were counted they are
upper limits (90 %), and say so. A snapshot of the rates is a Parquet file that never
changes; its name is a digest of the counts, which each score records. (A file and no
table: a reader needs all of one snapshot, by its name, and nothing of the others.)
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fink_voevent.score import ranks
from fink_voevent.score.cells import (
    CELLS,
    ORDER,
    PART_DEG2,
    PARTS,
    PRIOR_COUNTS,
    smoothed_rate,
)
from fink_voevent.score.integrals import (
    integrate_circle,
    integrate_ellipse,
    integrate_map,
)
from fink_voevent.sky.localization import Ellipse, Fisher
from fink_voevent.store.filesystem import Store, open_store

_LOG = logging.getLogger(__name__)
if TYPE_CHECKING:
    from fink_voevent.score.class_counts import Counts, Found

MIN_NIGHTS = 10  # from so many on, rates are measured and no longer upper limits
# A second detection comes up to so many nights after the first: before, the rate of
# objects with two detections is that of all.
SECOND_NIGHTS = 5
# Variance over mean of counts that is assumed until it is measured.
UNKNOWN_DISPERSION = 2.0
CONFIDENCE_SIGMA = 1.2816  # of an upper limit of 90 %
# Counts are compared with the rates in cells of this order (54 deg2, the size of a
# large region) and in single nights.
DISPERSION_ORDER = 3
STEPS = 64  # steps of the credible level of a circle or an ellipse
HOSTS = 499  # host distances of a class that a snapshot keeps
MIN_HOSTS = 50  # with fewer, hosts are taken to be spread evenly in space
FLARES = 499  # changes of the flux of flares that a snapshot keeps
MIN_FLARES = 50  # with fewer, flares are not ranked by their strength
HORIZON_MPC = 400.0  # up to which they are, as far as catalogues of hosts go
# Budget of an event: share of candidates with one detection (most counterparts have the
# second in the same night), and of the flares of a neutrino. See `budget`.
SINGLE_SHARE, FLARING_SHARE = 0.4, 0.9
FOLDER = "background"  # of the snapshots, below the root
_FILES = "classes-"  # first part of the names of files


@dataclass(frozen=True)
class ClassRate:
    """Rate of one class.

    Parameters
    ----------
    rate : ndarray, shape (CELLS,)
        Objects per deg2 covered and night (``fresh...``), or per deg2 (``flaring``).
    objects : int
        How many were counted.
    is_upper_limit : bool
        Whether it is an upper limit, because few nights or objects were counted.
    dispersion : float
        Variance over mean of the counts of nights and cells, 1 or more: expected
        numbers are multiplied by it. 1 if the counts do not scatter significantly more
        than Poisson, and for an upper limit, which contains `UNKNOWN_DISPERSION`.
    host_distance, host_error : ndarray, shape (m,)
        Distances of hosts of the class (Mpc), up to `HOSTS` of them, rising.
    growth : float, optional
        Of ``flaring``: the number of different objects grows with the number of nights
        to this power, 0-1. 1 for the other classes.
    flux_change : ndarray, shape (k,), optional
        Of ``flaring``: brightness against the reference (mag), up to `FLARES` of them,
        rising.
    """

    rate: np.ndarray
    objects: int
    is_upper_limit: bool
    dispersion: float
    host_distance: np.ndarray
    host_error: np.ndarray
    growth: float = 1.0
    flux_change: np.ndarray = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class ClassSnapshot:
    """Rates of all classes of one survey.

    Parameters
    ----------
    survey : str
    name : str
        Identity: the survey and a digest of the counts.
    nights : int
        Number of nights that were counted.
    first_night, last_night : str
        YYYYMMDD.
    coverage : ndarray, shape (CELLS,)
        Mean part of each cell that is observed in a night, 0-1.
    seen : ndarray, shape (CELLS,)
        Part of each cell that was observed in any night, 0-1.
    classes : dict of str to ClassRate
    """

    survey: str
    name: str
    nights: int
    first_night: str
    last_night: str
    coverage: np.ndarray
    seen: np.ndarray
    classes: dict[str, ClassRate]

    @property
    def is_upper_limit(self) -> bool:
        """Whether the rates are upper limits, because few nights were counted."""
        return self.nights < MIN_NIGHTS

    def expected_part(self, name: str) -> np.ndarray:
        """Part of each cell in which objects of a class are expected, a night.

        That of the nights that were counted. A cell that was not observed in any of
        few nights counts like the others, on average; after more nights it is expected
        to be observed in half of the next one, of all of them.

        Returns
        -------
        ndarray, shape (CELLS,)
            0-1, above 0 everywhere.
        """
        part = self.seen if name == "flaring" else self.coverage
        seldom = 0.5 / (self.nights + 1)
        unseen = part[part > 0].mean() if self.is_upper_limit else seldom
        return np.where(part > 0, part, unseen)


def upper_limit(counts: Any) -> np.ndarray:
    """Upper limit (90 %) of the mean of a Poisson distribution.

    Gehrels 1986 (ApJ 303, 336), equation 9; within 2 % of the exact limit.

    Parameters
    ----------
    counts : array_like
        Number that was counted, 0 or more.
    """
    n = np.asarray(counts, float) + 1
    return n * (1 - 1 / (9 * n) + CONFIDENCE_SIGMA / (3 * np.sqrt(n))) ** 3


def measure(counts: Counts) -> ClassSnapshot:
    """Compute the rates of all classes.

    The rate of two detections is at most that of one: an object that has the second is
    never ranked lower for it.

    Parameters
    ----------
    counts : class_counts.Counts
    """
    covered = counts.covered
    classes = {}
    for name, found in counts.objects.items():
        base, area = covered, covered.sum(axis=0) * PART_DEG2
        if name == "flaring":
            area = counts.seen * PART_DEG2
        elif name.endswith("_2") and len(covered) > SECOND_NIGHTS:
            found, base = found.since(SECOND_NIGHTS), covered[SECOND_NIGHTS:]
            area = base.sum(axis=0) * PART_DEG2
        classes[name] = _class_rate(name, found, base, area, len(covered) < MIN_NIGHTS)
    for name in ("fresh", "fresh_unknown"):
        one, two = classes[f"{name}_1"], classes[f"{name}_2"]
        if len(covered) <= SECOND_NIGHTS:
            two = replace(two, rate=one.rate)
        classes[f"{name}_2"] = _at_most(two, one)
    digest = hashlib.sha256(f"{counts.survey} {' '.join(counts.nights)}".encode())
    digest.update(np.ascontiguousarray(covered, "<i2").tobytes())
    for name, found in sorted(counts.objects.items()):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray([found.night, found.hpx29], "<i8").tobytes())
    return ClassSnapshot(
        counts.survey,
        f"{counts.survey}-{digest.hexdigest()[:16]}",
        len(counts.nights),
        counts.nights[0],
        counts.nights[-1],
        covered.mean(axis=0) / PARTS,
        counts.seen / PARTS,
        classes,
    )


def _class_rate(
    name: str, found: Found, covered: np.ndarray, area: np.ndarray, few_nights: bool
) -> ClassRate:
    """Rate of one class, given the objects and the parts of cells by night."""
    in_cell = np.bincount(found.cell, minlength=CELLS)
    rate, dispersion = smoothed_rate(in_cell, area), 1.0
    is_limit = few_nights or len(found.night) < PRIOR_COUNTS
    if is_limit:
        rate = _limit(rate, in_cell, area)
    elif name != "flaring":
        dispersion = _dispersion(found, rate, covered)
    growth = 1.0
    if name == "flaring" and not is_limit:
        growth = _growth(found, len(covered))
    hosts = _thinned(found.host_distance, found.host_error)
    strengths = _evenly(np.sort(found.flux_change[~np.isnan(found.flux_change)]))
    return ClassRate(
        rate, len(found.night), is_limit, dispersion, *hosts, growth, strengths
    )


def _growth(found: Found, nights: int) -> float:
    """Power of the nights with which the number of different objects grows."""
    half = np.count_nonzero(found.night < nights // 2)
    if not half:
        return 1.0
    ratio = np.log(len(found.night) / half) / np.log(nights / (nights // 2))
    return float(min(ratio, 1.0))


def _limit(rate: np.ndarray, counts: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """Upper limit of a rate that was smoothed; all shape (CELLS,)."""
    total = counts.sum()
    if not total:
        limit = UNKNOWN_DISPERSION * upper_limit(0) / exposure.sum()
        return np.full(CELLS, limit)
    # as many objects as the rate of a cell is known from: see `cells.PRIOR_COUNTS`
    known_from = np.minimum(total, counts + PRIOR_COUNTS) / UNKNOWN_DISPERSION
    return rate * upper_limit(known_from) / known_from


def _dispersion(found: Found, rate: np.ndarray, covered: np.ndarray) -> float:
    """Variance over mean of the counts of a class over nights and large cells."""
    size = 1 << 2 * (ORDER - DISPERSION_ORDER)
    large = CELLS // size
    expected = (covered * (rate * PART_DEG2)).reshape(len(covered), large, size)
    expected = expected.sum(axis=2)
    counted = np.zeros(expected.shape)
    np.add.at(counted, (found.night, found.cell // size), 1)
    mean, used = expected.sum(), np.count_nonzero(expected)
    if not mean > 0:
        return 1.0
    value = ((counted - expected) ** 2).sum() / mean
    # of Poisson counts: their fourth moment gives 2 mean^2 + mean
    error = np.sqrt(2 * (expected**2).sum() + mean) / mean
    return float(value) if used and value - 2 * error > 1 else 1.0


def _thinned(distance: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most `HOSTS` of the known distances, evenly over their order."""
    known = np.flatnonzero(np.isfinite(distance) & (distance > 0))
    known = known[np.argsort(distance[known], kind="stable")]
    if len(known) > HOSTS:
        known = known[np.linspace(0, len(known) - 1, HOSTS).round().astype(int)]
    return distance[known], error[known]


def _evenly(values: np.ndarray) -> np.ndarray:
    """At most `FLARES` of sorted values, evenly over their order."""
    if len(values) <= FLARES:
        return values
    return values[np.linspace(0, len(values) - 1, FLARES).round().astype(int)]


def _at_most(rate: ClassRate, other: ClassRate) -> ClassRate:
    """Rate with the values and the dispersion of another one, where they are lower."""
    return replace(
        rate,
        rate=np.minimum(rate.rate, other.rate),
        dispersion=min(rate.dispersion, other.dispersion),
    )


# ------------------------------------------------------------------------- the files
def save(snapshot: ClassSnapshot, store: Store) -> str:
    """Write a snapshot, and return the name of its file.

    Parameters
    ----------
    snapshot : ClassSnapshot
    store : Store
        Folder of the background: see `background.folder`.
    """
    columns = {"coverage": snapshot.coverage, "seen": snapshot.seen}
    columns |= {name: c.rate for name, c in snapshot.classes.items()}
    facts = {
        "survey": snapshot.survey,
        "nights": snapshot.nights,
        "first_night": snapshot.first_night,
        "last_night": snapshot.last_night,
        "classes": {
            name: {
                "objects": c.objects,
                "is_upper_limit": c.is_upper_limit,
                "dispersion": c.dispersion,
                "growth": c.growth,
                "host_distance": c.host_distance.tolist(),
                "host_error": [None if np.isnan(e) else e for e in c.host_error],
                "flux_change": c.flux_change.tolist(),
            }
            for name, c in snapshot.classes.items()
        },
    }
    table = pa.table(columns).replace_schema_metadata({"facts": json.dumps(facts)})
    name = f"{_FILES}{snapshot.name}.parquet"
    store.write(name, lambda stream: pq.write_table(table, stream))
    return name


def newest_below(root: str, survey: str) -> ClassSnapshot | None:
    """Read the newest snapshot of a survey, below the root of our tables."""
    return newest(open_store(root).subfolder(FOLDER), survey)


def newest(store: Store, survey: str) -> ClassSnapshot | None:
    """Read the newest snapshot of a survey that is not damaged; None if there is none.

    Parameters
    ----------
    store : Store
        See `save`.
    survey : str
    """
    start = f"{_FILES}{survey}-"
    files = [f for f in store.files(".parquet") if f.base_name.startswith(start)]
    newest_first = sorted(files, key=lambda f: (f.mtime_ns, f.base_name), reverse=True)
    for file in newest_first:
        content = store.read(file.base_name)
        try:
            return _read(file.base_name, content)
        except (pa.ArrowException, ValueError, LookupError, TypeError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            _LOG.warning(
                "%s/%s is damaged, and not used: %s", FOLDER, file.base_name, reason
            )
    return None


def _read(file: str, content: bytes) -> ClassSnapshot:
    """Read a snapshot from the content of its file."""
    table = pq.read_table(io.BytesIO(content))
    metadata = table.schema.metadata or {}
    facts = json.loads(metadata[b"facts"])
    classes = {
        name: ClassRate(
            table[name].to_numpy(),
            of["objects"],
            of["is_upper_limit"],
            of["dispersion"],
            np.array(of["host_distance"], float),
            np.array(of["host_error"], float),
            of["growth"],
            np.array(of.get("flux_change", ()), float),  # not of an earlier version
        )
        for name, of in facts["classes"].items()
    }
    return ClassSnapshot(
        facts["survey"],
        file.removeprefix(_FILES).removesuffix(".parquet"),
        facts["nights"],
        facts["first_night"],
        facts["last_night"],
        table["coverage"].to_numpy(),
        table["seen"].to_numpy(),
        classes,
    )


# ------------------------------------------------------------------- a region's lists
@dataclass(frozen=True)
class ClassList:
    """What the rates predict for one class in the region of an event.

    Parameters
    ----------
    levels : ndarray, shape (k,)
        Rising credible levels up to the edge of the region.
    integral : ndarray, shape (k,)
        Objects up to each of `levels`: per day, or flares.
    rate : ClassRate
    nights : int
        In which the rate was counted.
    """

    levels: np.ndarray
    integral: np.ndarray
    rate: ClassRate
    nights: int

    def place_share(self, credible_level: Any) -> np.ndarray:
        """Return x of candidates: see `ranks.place_share`."""
        return ranks.place_share(credible_level, self.levels, self.integral)

    def total(self, days: float) -> float:
        """Return N, the expected number of unrelated candidates that appear.

        Parameters
        ----------
        days : float
            Length of the window.
        """
        return float(self.integral[-1] * days * self.rate.dispersion)

    def flares(self, days: float) -> float:
        """Return N, the expected number of unrelated flares, in a window of `days`.

        Flares were counted as different objects in a number of nights. In a longer
        window there are more: see `ClassRate.growth`.
        """
        factor = flare_days(days, self.nights, self.rate.growth)
        return float(self.integral[-1] * factor)

    def distance_share(
        self,
        distance: np.ndarray,
        error: np.ndarray,
        distmu: np.ndarray,
        distsigma: np.ndarray,
        distnorm: np.ndarray,
    ) -> np.ndarray:
        """Return z of candidates: see `ranks.distance_share`, shape (n,).

        Where fewer than `MIN_HOSTS` hosts of the class were counted, unrelated ones are
        spread evenly in space up to `HORIZON_MPC`.
        """
        unrelated = self.rate.host_distance, self.rate.host_error
        if len(unrelated[0]) < MIN_HOSTS:
            spread = ranks.volume_distances(HORIZON_MPC)
            unrelated = spread, np.full(len(spread), np.nan)
        return ranks.distance_share(
            distance, error, distmu, distsigma, distnorm, *unrelated
        )

    def strength_share(self, flux_change: np.ndarray) -> np.ndarray:
        """Return the share of unrelated flares that are as strong, shape (n,).

        Parameters
        ----------
        flux_change : ndarray, shape (n,)
            Of the candidates, mag.

        Returns
        -------
        ndarray
            (1 + number of m unrelated flares as strong) / (1 + m), as of
            `ranks.distance_share`; NaN where the change is, or if fewer than
            `MIN_FLARES` flares were counted.
        """
        unrelated = self.rate.flux_change
        own = np.asarray(flux_change, float)
        if len(unrelated) < MIN_FLARES:
            return np.full(own.shape, np.nan)
        weaker = np.searchsorted(unrelated, own, side="left")
        share = (1 + len(unrelated) - weaker) / (1 + len(unrelated))
        return np.where(np.isnan(own), np.nan, share)


def flare_days(window_days: float, nights: int, growth: float = 1.0) -> float:
    """Return the factor of the number of flares for a window, 1 or more.

    Parameters
    ----------
    window_days : float
    nights : int
        In which the flares were counted as different objects.
    growth : float, optional
        See `ClassRate`; by default as many new ones in each night.
    """
    return max(1.0, window_days / nights) ** growth


def class_list(
    snapshot: ClassSnapshot, name: str, region: Mapping[str, Any], limit: float
) -> ClassList:
    """Integrate the rate of a class over the region of an event.

    Parameters
    ----------
    snapshot : ClassSnapshot
    name : str
        One of `class_counts.CLASSES`.
    region : mapping
        `event_ra`, `event_dec` (deg), `fisher`, `ellipse` and `pixels`, as rows of
        events and regions have them.
    limit : float
        Credible level up to which the region is matched, 0-1.
    """
    rate = snapshot.classes[name]
    seen = rate.rate * snapshot.expected_part(name)
    if region["pixels"]:
        pixels = [p for p in region["pixels"] if p["level"] <= limit]
        levels = np.unique([p["level"] for p in pixels])
        integral = integrate_map(pixels, seen, levels)
        return ClassList(levels, integral, rate, snapshot.nights)
    levels = np.linspace(0, limit, STEPS + 1)
    centre = (region["event_ra"], region["event_dec"])
    if region["ellipse"]:
        shape = Ellipse(**region["ellipse"])
        integral = integrate_ellipse(centre, shape, seen, levels)
    else:
        integral = integrate_circle(centre, Fisher(**region["fisher"]), seen, levels)
    return ClassList(levels, integral, rate, snapshot.nights)


def budget(second_share: float, flaring_share: float = 0.0) -> dict[str, float]:
    """Shares of the lists of an event in its budget, for `ranks.charged`.

    Objects with two detections are among those with one. If one-detection candidates
    are silver up to P <= a / N1 and others up to P <= b / N2, the expected number of
    unrelated silvers is a + b - a N2 / N1. It is 1 for b = 1 - a + a N2 / N1, with a =
    `SINGLE_SHARE`. Where flares are ranked too, all are multiplied by what they leave.

    Parameters
    ----------
    second_share : float
        N2 / N1, share of unrelated candidates with a second detection, 0-1.
    flaring_share : float, optional
        Share of flares: `FLARING_SHARE` of neutrinos, else 0.

    Returns
    -------
    dict of str to float
        By class: ``fresh_1``, ``fresh_2`` and, if they have a share, ``flaring``.
    """
    rest = 1 - flaring_share
    single = SINGLE_SHARE * rest
    shares = {"fresh_1": single, "fresh_2": rest - single * (1 - second_share)}
    return shares | ({"flaring": flaring_share} if flaring_share else {})


def readiness(snapshot: ClassSnapshot | None, survey: str) -> str:
    """Return one sentence: from when silver and gold can fire, and how sure it is.

    Parameters
    ----------
    snapshot : ClassSnapshot or None
        The newest one of the survey: see `newest`.
    survey : str
    """
    if snapshot is None:
        return (
            f"no night of {survey} has been counted: silver and gold can fire after the"
            " first complete night, or after `fink_voevent background`"
        )
    counted = f"{snapshot.nights} night{'s' if snapshot.nights > 1 else ''}"
    counted = f"{counted} of {survey} up to {snapshot.last_night}"
    fresh = snapshot.classes["fresh_1"].objects
    if snapshot.is_upper_limit:
        return (
            f"silver and gold can fire, with upper limits (90 %) of the background from"
            f" {counted} ({fresh} new objects): fewer candidates than later, because"
            f" rates are measured from {MIN_NIGHTS} nights on"
        )
    return (
        f"silver and gold can fire: the background is measured in {counted} ({fresh}"
        " new objects)"
    )
