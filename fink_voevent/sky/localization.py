# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Where a notice says its event is: an error radius becomes a Fisher mixture.

The Fisher (von Mises-Fisher) distribution is the Gaussian of the sphere (Fisher 1953,
Proc. R. Soc. A 217, 295). Written with u = sin2(theta/2), one quarter of the squared
chord, it needs no trigonometry for each alert and does not overflow::

    P(< theta) = (1 - exp(-2 kappa u)) / (1 - exp(-2 kappa))

Systematic errors enter as two such distributions, core and tail, each widened in
quadrature on the same containment (Connaughton et al. 2015, ApJS 216, 32).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from cdshealpix import cdshealpix as healpix


@dataclass(frozen=True)
class Systematic:
    """Systematic error of a localisation: two Fisher distributions, 68 % radii."""

    core_fraction: float
    core_deg: float
    tail_deg: float


COVER_LEVEL = 0.99  # cells hold this credible region; no selection may go beyond it
SYSTEMATIC_CONTAINMENT = 0.68  # radii of streams.toml's [systematic]
ORDER_29_CELLS = 12 << 58
DEG2_PER_SR = math.degrees(1) ** 2
BRIGGS = 0.66
# cdshealpix 0.9.0 leaves out parts of cones beyond about 130 deg: stay well below.
WIDE_DEG = 100.0
WIDEST_DEG = 20.0  # half-axis; a wider ellipse is taken as the circle around it
NARROW_DEG = 5.0  # smaller regions meet few alerts: coarser cells do
_NARROW_KAPPA = 20.0  # above, exp(-2 kappa) is below the rounding of 1
_MIN_KAPPA = 1e-9  # flatter than this is the whole sky


@dataclass(frozen=True)
class Fisher:
    """Mixture of two concentric Fisher distributions.

    Parameters
    ----------
    fraction : float
        Weight of the core, 0-1; the tail has the rest.
    core_kappa, tail_kappa : float
        Concentrations.
    """

    fraction: float
    core_kappa: float
    tail_kappa: float

    def enclosed(self, half_chord2: float) -> float:
        """Probability within theta, given sin2(theta/2) in [0, 1]."""
        return self.fraction * _enclosed(self.core_kappa, half_chord2) + (
            1 - self.fraction
        ) * _enclosed(self.tail_kappa, half_chord2)

    def radius_deg(self, probability: float) -> float:
        """Radius (deg) that encloses `probability` (0-1)."""
        if self.core_kappa == self.tail_kappa:
            scale = -math.expm1(-2 * self.core_kappa) * probability
            return _angle_deg(-math.log1p(-scale) / (2 * self.core_kappa))
        return _radius_of_two(self, probability)


@functools.lru_cache(maxsize=4096)
def _radius_of_two(mixture: Fisher, probability: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(200):  # bisection in log u: radii span twelve decades
        middle = math.sqrt(low * high) if low > 0 else high * 1e-6
        if mixture.enclosed(middle) < probability:
            low = middle
        else:
            high = middle
        if high - low <= 1e-14 * high:
            break
    return _angle_deg(high)


@dataclass(frozen=True)
class Ellipse:
    """Elliptical Fisher distribution: the concentration varies with position angle.

    exp(-2 kappa(phi) u), kappa(phi) = major cos2(phi) + minor sin2(phi), phi measured
    from the major axis. P(within the ellipse through a place) = 1 - exp(-2 kappa u),
    exact but for exp(-2 kappa), below 1e-6 for half-axes (90 %) up to `WIDEST_DEG`.

    Parameters
    ----------
    major_kappa, minor_kappa : float
        Concentrations along the axes.
    angle : float
        Position angle of the major axis, degrees from north through east.
    """

    major_kappa: float
    minor_kappa: float
    angle: float

    def radius_deg(self, probability: float) -> float:
        """Longer half-axis (deg) of the ellipse that encloses `probability`."""
        smallest = min(self.major_kappa, self.minor_kappa)
        return _angle_deg(-math.log1p(-probability) / (2 * smallest))

    def area_deg2(self, probability: float) -> float:
        """Area of the ellipse that encloses `probability`."""
        mean = math.sqrt(self.major_kappa * self.minor_kappa)
        return -math.log1p(-probability) * 2 * math.pi / mean * DEG2_PER_SR


def ellipse(
    half_axes_deg: tuple[float, float], angle_deg: float, containment: float
) -> Ellipse | None:
    """Ellipse that holds `containment`; None where it is a circle, flat or too wide."""
    major, minor = half_axes_deg
    if major == minor or minor <= 0 or max(major, minor) > WIDEST_DEG:
        return None
    return Ellipse(kappa(major, containment), kappa(minor, containment), angle_deg)


def _enclosed(kappa: float, half_chord2: float) -> float:
    return math.expm1(-2 * kappa * half_chord2) / math.expm1(-2 * kappa)


def _angle_deg(half_chord2: float) -> float:
    return math.degrees(2 * math.asin(math.sqrt(min(1.0, half_chord2))))


def _half_chord2(radius_deg: float) -> float:
    return math.sin(math.radians(min(radius_deg, 180.0)) / 2) ** 2


def kappa(radius_deg: float, containment: float) -> float:
    """Concentration of the Fisher distribution that holds `containment` in a radius.

    Parameters
    ----------
    radius_deg : float
        Greater than 0.
    containment : float
        Between 0 and 1, exclusive.

    Returns
    -------
    float
        `_MIN_KAPPA`, practically uniform, where even a uniform sky holds more.
    """
    half_chord2 = _half_chord2(radius_deg)
    if half_chord2 >= containment:
        return _MIN_KAPPA
    high = -math.log1p(-containment) / (2 * half_chord2)  # exact but for exp(-2 kappa)
    if high > _NARROW_KAPPA:
        return high
    low = _MIN_KAPPA
    for _ in range(100):  # bisection: what is enclosed grows with kappa
        middle = math.sqrt(low * high)
        if _enclosed(middle, half_chord2) < containment:
            low = middle
        else:
            high = middle
    return high


@functools.lru_cache(maxsize=4096)  # error radii of a stream repeat
def fisher(
    radius_deg: float, containment: float, systematic: Systematic | None = None
) -> Fisher:
    """Distribution of an error radius, its systematic error added in quadrature.

    Parameters
    ----------
    radius_deg : float
        Error radius, greater than 0.
    containment : float
        Probability within it, 0-1.
    systematic : Systematic, optional
        Core and tail; their radii hold `SYSTEMATIC_CONTAINMENT`.
    """
    value = kappa(radius_deg, containment)
    if systematic is None:
        return Fisher(1.0, value, value)
    statistical = Fisher(1.0, value, value).radius_deg(SYSTEMATIC_CONTAINMENT)
    core, tail = (
        briggs_kappa(math.hypot(statistical, extra))
        for extra in (systematic.core_deg, systematic.tail_deg)
    )
    return Fisher(systematic.core_fraction, core, tail)


def briggs_kappa(radius_deg: float) -> float:
    """Concentration of a 68 % radius by Briggs et al. 1999 (ApJS 122, 503), eq. 3.

    An approximation, 2 % low in probability at 55 degrees; the published systematic
    models were fitted with it, so they are evaluated with it.
    """
    return 1 / (BRIGGS * math.radians(radius_deg)) ** 2


def area_deg2(radius_deg: float) -> float:
    """Area of a spherical cap."""
    return 4 * math.pi * _half_chord2(radius_deg) * DEG2_PER_SR


def cover(ra_deg: float, dec_deg: float, radius_deg: float) -> list[tuple[int, int]]:
    """HEALPix ranges, order 29 nested, that cover a cap: never less than the cap.

    Parameters
    ----------
    ra_deg, dec_deg : float
        Centre, ICRS.
    radius_deg : float
        Radius; above `WIDE_DEG` the whole sky is returned.

    Returns
    -------
    list of (lo, hi)
        Sorted, disjoint, half open. The cells measure about a quarter of the radius,
        half of it where that is below `NARROW_DEG`.
    """
    if radius_deg > WIDE_DEG:
        return [(0, ORDER_29_CELLS)]
    order = math.ceil(math.log2(58.63 / max(radius_deg, 1e-6)))
    order = max(0, min(order + (1 if radius_deg < NARROW_DEG else 2), 18))
    # The kernel of cdshealpix.nested.cone_search: its astropy quantities cost twice as
    # much as the search, for every notice.
    index, depth, _ = healpix.cone_search(
        np.uint8(order),
        np.uint8(0),
        math.radians(ra_deg),
        math.radians(dec_deg),
        # a hair wider: rounding must not drop a cell that the cap only touches
        math.radians(radius_deg * (1 + 1e-9) + 1e-9),
        False,  # noqa: FBT003 - cells of several depths
    )
    return _ranges(index.tolist(), depth.tolist())


def _ranges(index: list[int], depth: list[int]) -> list[tuple[int, int]]:
    """Ranges at order 29 of cells, sorted, those that touch made one."""
    shifts = [2 * (29 - d) for d in depth]
    cells = sorted((i << s, (i + 1) << s) for i, s in zip(index, shifts, strict=True))
    ranges: list[tuple[int, int]] = []
    for lo, hi in cells:
        touches = bool(ranges) and ranges[-1][1] == lo
        ranges.append((ranges.pop()[0], hi) if touches else (lo, hi))
    return ranges
