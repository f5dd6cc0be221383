# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Circular and elliptical regions: an error radius becomes a Fisher distribution.

The Fisher (von Mises-Fisher) distribution is the Gaussian of the sphere (Fisher 1953,
Proc. R. Soc. A 217, 295). It is written here with the square of half the chord between
two places, u = sin2(theta/2), where theta is their separation: u needs no trigonometry
for each alert, and the formula does not overflow::

    P(< theta) = (1 - exp(-2 kappa u)) / (1 - exp(-2 kappa))

Systematic errors are a mixture of two such distributions, core and tail. The radius of
each is added in quadrature to the statistical error (Connaughton et al. 2015, ApJS 216,
32).
"""

from __future__ import annotations

import functools
import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import PathFinder
from typing import Any

import numpy as np

COVER_LEVEL = 0.99  # cells cover this credible region; no selection may exceed it
SYSTEMATIC_CONTAINMENT = 0.68  # of the radii in the table [systematic] of streams.toml
ORDER = 29  # of the finest HEALPix cells, in which regions are given
ORDER_29_CELLS = 12 << 58  # HEALPix cells of order 29 on the whole sky
DEG2_PER_SR = math.degrees(1) ** 2
# cdshealpix 0.9.0 leaves out parts of cones wider than about 130 deg; this limit keeps
# well below.
MAX_CONE_DEG = 100.0
MAX_HALF_AXIS_DEG = 20.0  # a wider ellipse is replaced by the circle around it
SMALL_CONE_DEG = 5.0  # smaller cones contain few alerts, so coarser cells are enough
_BRIGGS_FACTOR = 0.66
_CELL_DEG = 58.63  # side of a HEALPix cell of order 0
_LARGE_KAPPA = 20.0  # above it, 1 - exp(-2 kappa) is rounded to 1
_MIN_KAPPA = 1e-9  # practically the uniform distribution on the whole sky


@dataclass(frozen=True)
class Systematic:
    """Systematic error of a localization: a mixture of two Fisher distributions.

    Parameters
    ----------
    core_fraction : float
        Weight of the core, 0-1; the tail has the rest.
    core_deg, tail_deg : float
        Radii (deg) that contain 68 % of each distribution.
    """

    core_fraction: float
    core_deg: float
    tail_deg: float


@dataclass(frozen=True)
class Fisher:
    """Mixture of two concentric Fisher distributions.

    Parameters
    ----------
    fraction : float
        Weight of the core, 0-1; the tail has the rest.
    core_kappa, tail_kappa : float
        Concentrations of the core and of the tail.
    """

    fraction: float
    core_kappa: float
    tail_kappa: float

    def enclosed(self, half_chord2: float) -> float:
        """Return the probability (0-1) within theta, given sin2(theta/2) in [0, 1]."""
        return self.fraction * _enclosed(self.core_kappa, half_chord2) + (
            1 - self.fraction
        ) * _enclosed(self.tail_kappa, half_chord2)

    def radius_deg(self, probability: float) -> float:
        """Return the radius (deg) of the circle that encloses `probability` (0-1)."""
        if self.core_kappa == self.tail_kappa:
            return _angle_deg(_enclosing_half_chord2(self.core_kappa, probability))
        return _mixture_radius_deg(self, probability)


@functools.lru_cache(maxsize=4096)
def _mixture_radius_deg(mixture: Fisher, probability: float) -> float:
    """Radius (deg) that encloses a probability of two different distributions."""
    return _angle_deg(_bisected(mixture.enclosed, probability, 0.0, 1.0, 1e-14))


@dataclass(frozen=True)
class Ellipse:
    """Elliptical Fisher distribution: the concentration varies with position angle.

    The density is proportional to exp(-2 kappa(phi) u), where kappa(phi) is major
    cos2(phi) + minor sin2(phi) and phi is measured from the major axis. The probability
    within the ellipse through a place is 1 - exp(-2 kappa u). This neglects
    exp(-2 kappa), which is below 1e-6 for half-axes (90 %) up to `MAX_HALF_AXIS_DEG`.

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
        """Return the longer half-axis (deg) of the ellipse that encloses `probability`.

        Parameters
        ----------
        probability : float
            Between 0 and 1, exclusive of 1.
        """
        smallest = min(self.major_kappa, self.minor_kappa)
        return _angle_deg(-math.log1p(-probability) / (2 * smallest))

    def area_deg2(self, probability: float) -> float:
        """Return the area (deg2) of the ellipse that encloses `probability` (0-1)."""
        mean = math.sqrt(self.major_kappa * self.minor_kappa)
        return -math.log1p(-probability) * 2 * math.pi / mean * DEG2_PER_SR


def ellipse(
    half_axes_deg: tuple[float, float], angle_deg: float, containment: float
) -> Ellipse | None:
    """Return the elliptical distribution of an error ellipse.

    Parameters
    ----------
    half_axes_deg : tuple of float
        Half-axes (deg), the one along `angle_deg` first.
    angle_deg : float
        Position angle of the first half-axis, degrees from north through east.
    containment : float
        Probability within the ellipse, between 0 and 1, exclusive.

    Returns
    -------
    Ellipse or None
        None if the half-axes are equal, if one is not positive, or if one is longer
        than `MAX_HALF_AXIS_DEG`, as it is given or of the ellipse that contains 90 %.
    """
    major, minor = half_axes_deg
    if major == minor or minor <= 0 or max(major, minor) > MAX_HALF_AXIS_DEG:
        return None
    shape = Ellipse(kappa(major, containment), kappa(minor, containment), angle_deg)
    widest = min(shape.major_kappa, shape.minor_kappa)
    return shape if widest >= kappa(MAX_HALF_AXIS_DEG, 0.9) else None


def _enclosed(kappa: float, half_chord2: float) -> float:
    """Probability of a Fisher distribution within theta, given sin2(theta/2)."""
    return math.expm1(-2 * kappa * half_chord2) / math.expm1(-2 * kappa)


def _enclosing_half_chord2(kappa: float, probability: float) -> float:
    """Return sin2(theta/2) of the circle that encloses a probability."""
    scaled = -math.expm1(-2 * kappa) * probability
    return -math.log1p(-scaled) / (2 * kappa)


def _angle_deg(half_chord2: float) -> float:
    """Angle theta (deg), given sin2(theta/2)."""
    return math.degrees(2 * math.asin(math.sqrt(min(1.0, half_chord2))))


def _half_chord2(radius_deg: float) -> float:
    return math.sin(math.radians(min(radius_deg, 180.0)) / 2) ** 2


def _bisected(
    function: Callable[[float], float],
    value: float,
    low: float,
    high: float,
    tolerance: float,
) -> float:
    """Where a rising function reaches a value, by bisection of the logarithm.

    The results, to the last digit, are part of what identifiers of VOEvents are made
    of. scipy.optimize.brentq differs in that digit, is no shorter, and takes longer to
    load than everything else in this module.
    """
    for _ in range(100):
        middle = math.sqrt(low * high) if low > 0 else high * 1e-6
        if function(middle) < value:
            low = middle
        else:
            high = middle
        if high - low <= tolerance * high:
            break
    return high


def kappa(radius_deg: float, containment: float) -> float:
    """Return the concentration of the Fisher distribution of an error radius.

    Parameters
    ----------
    radius_deg : float
        Error radius (deg), greater than 0.
    containment : float
        Probability within it, between 0 and 1, exclusive.

    Returns
    -------
    float
        1e-9, practically the uniform distribution, if even a uniform distribution
        contains more within the radius.
    """
    half_chord2 = _half_chord2(radius_deg)
    if half_chord2 >= containment:
        return _MIN_KAPPA
    # The solution, if exp(-2 kappa) is neglected.
    value = -math.log1p(-containment) / (2 * half_chord2)
    if value > _LARGE_KAPPA:
        return value
    return _bisected(
        lambda kappa: _enclosed(kappa, half_chord2), containment, _MIN_KAPPA, value, 0.0
    )


@functools.lru_cache(maxsize=4096)  # the error radii of a stream repeat
def fisher(
    radius_deg: float, containment: float, systematic: Systematic | None = None
) -> Fisher:
    """Return the distribution of an error radius, with its systematic error.

    Parameters
    ----------
    radius_deg : float
        Statistical error radius (deg), greater than 0.
    containment : float
        Probability within it, between 0 and 1, exclusive.
    systematic : Systematic, optional
        Core and tail of the systematic error, each added in quadrature to the radius
        that contains 68 %.
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
    """Return the concentration of a radius (deg) that contains 68 %.

    Equation 3 of Briggs et al. 1999 (ApJS 122, 503). It is an approximation, 2 % low in
    probability at 55 degrees; the published systematic errors were fitted with it, so
    they are evaluated with it.
    """
    return 1 / (_BRIGGS_FACTOR * math.radians(radius_deg)) ** 2


def area_deg2(radius_deg: float) -> float:
    """Return the area (deg2) of a circle on the sky, given its radius (deg)."""
    return 4 * math.pi * _half_chord2(radius_deg) * DEG2_PER_SR


def cover(ra_deg: float, dec_deg: float, radius_deg: float) -> list[tuple[int, int]]:
    """Return HEALPix ranges that cover a circle on the sky completely.

    Parameters
    ----------
    ra_deg, dec_deg : float
        Centre (deg), ICRS.
    radius_deg : float
        Radius (deg). Above `MAX_CONE_DEG` the whole sky is returned.

    Returns
    -------
    list of (lo, hi)
        Nested indices of order 29: sorted, disjoint and half-open ranges. The cells
        measure about a quarter of the radius, or a half of it if the radius is below
        `SMALL_CONE_DEG`.
    """
    if radius_deg > MAX_CONE_DEG:
        return [(0, ORDER_29_CELLS)]
    order = math.ceil(math.log2(_CELL_DEG / max(radius_deg, 1e-6)))
    order = max(0, min(order + (1 if radius_deg < SMALL_CONE_DEG else 2), 18))
    # This is the kernel of cdshealpix.nested.cone_search, called directly because the
    # conversion to astropy quantities takes twice as long as the search itself.
    index, depth, _ = _cdshealpix().cone_search(
        np.uint8(order),
        np.uint8(0),
        math.radians(ra_deg),
        math.radians(dec_deg),
        # Slightly wider, so that rounding does not drop a cell on the edge.
        math.radians(radius_deg * (1 + 1e-9) + 1e-9),
        False,  # noqa: FBT003 - return cells of several orders
    )
    return _merged_ranges(index.tolist(), depth.tolist())


@functools.cache
def _cdshealpix() -> Any:
    """Return the compiled module of cdshealpix.

    It is loaded without the package around it, because that loads astropy.coordinates,
    which takes longer than all other imports of a command that reads a notice.
    """
    package = importlib.util.find_spec("cdshealpix")
    folders = None if package is None else package.submodule_search_locations
    spec = PathFinder.find_spec("cdshealpix.cdshealpix", folders)
    if spec is None or spec.loader is None:
        raise ImportError("cdshealpix has no compiled module: pip install cdshealpix")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _merged_ranges(index: list[int], depth: list[int]) -> list[tuple[int, int]]:
    """Sorted ranges at order 29 of nested cells; adjacent ranges are merged."""
    shifts = [2 * (29 - d) for d in depth]
    cells = sorted((i << s, (i + 1) << s) for i, s in zip(index, shifts, strict=True))
    ranges: list[tuple[int, int]] = []
    for lo, hi in cells:
        is_adjacent = bool(ranges) and ranges[-1][1] == lo
        ranges.append((ranges.pop()[0], hi) if is_adjacent else (lo, hi))
    return ranges
