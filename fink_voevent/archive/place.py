# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Places in which alerts are searched: circles, credible regions of events, and MOCs.

Each is given twice: as ranges of HEALPix indices, by which files and parts of files
are left out, and as an exact measure of each alert. The measure of a region is that by
which alerts are matched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fink_voevent.errors import InputError
from fink_voevent.sky.localization import COVER_LEVEL, cover

if TYPE_CHECKING:
    from fink_voevent.sky.region import Region, RegionPixels

Reals = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
SEPARATION, LEVEL = "separation", "credible_level"


@dataclass(frozen=True)
class Place:
    """A part of the sky.

    Parameters
    ----------
    ranges : ndarray of int64, shape (n, 2)
        Nested HEALPix indices of order 29 that cover it: sorted, disjoint, half-open.
    column : str
        What `measure` returns, as a column of the result: `SEPARATION` (deg) or
        `LEVEL`; empty if the ranges themselves are the place.
    measure : callable or None
        Given index, right ascension and declination (deg) of places within the ranges,
        returns what decides.
    most : float
        An alert is inside if its measure is not larger.
    """

    ranges: Indices
    column: str = ""
    measure: Callable[[Indices, Reals, Reals], Reals] | None = None
    most: float = 0.0

    def covers(self, index: Indices) -> npt.NDArray[np.bool_]:
        """Whether the ranges contain indices of order 29; of the shape of `index`."""
        return (np.searchsorted(self.ranges.ravel(), index, "right") & 1).astype(bool)

    def touches(self, lo: int, hi: int) -> bool:
        """Whether the ranges contain any index from `lo` to `hi`, both included."""
        number = int(np.searchsorted(self.ranges[:, 1], lo, "right"))
        return number < len(self.ranges) and bool(self.ranges[number, 0] <= hi)


def circle(ra_deg: float, dec_deg: float, radius_deg: float) -> Place:
    """Return the place within an angle of a position, both included.

    Parameters
    ----------
    ra_deg, dec_deg : float
        Centre (deg, ICRS).
    radius_deg : float
        0 to 180.

    Raises
    ------
    InputError
        If it is not a place on the sky.
    """
    if not (np.isfinite(ra_deg) and -90 <= dec_deg <= 90 and 0 <= radius_deg <= 180):
        raise InputError(
            "a circle is RA,DEC,RADIUS in degrees, with DEC from -90 to 90 and RADIUS"
            " from 0 to 180"
        )
    ra, dec = float(ra_deg) % 360.0, float(dec_deg)

    def separation(_: Indices, ras: Reals, decs: Reals) -> Reals:
        """Haversine formula: exact to 1e-12 deg but for antipodes."""
        lat, lats = np.radians(dec), np.radians(decs)
        half = (
            np.sin((lats - lat) / 2) ** 2
            + np.cos(lat) * np.cos(lats) * np.sin(np.radians(ras - ra) / 2) ** 2
        )
        return np.degrees(2 * np.arcsin(np.sqrt(np.minimum(half, 1.0))))

    ranges = _ranges(cover(ra, dec, float(radius_deg)))
    return Place(ranges, SEPARATION, separation, float(radius_deg))


def credible_region(region: Region, level: float) -> Place:
    """Return the credible region of an event.

    Parameters
    ----------
    region : Region
    level : float
        Credible level, up to `COVER_LEVEL`. The pixel that crosses the edge is
        included.

    Raises
    ------
    InputError
        If the level is not one.
    """
    if not 0 < level <= COVER_LEVEL:
        raise InputError(f"a credible level is above 0 and at most {COVER_LEVEL}")
    if region.pixels is not None:
        return _of_pixels(region.pixels, level)
    ranges = _ranges(cover(region.ra, region.dec, region.radius_deg(level)))
    return Place(ranges, LEVEL, lambda _, ra, dec: region.level_at(ra, dec), level)


def _of_pixels(pixels: RegionPixels, level: float) -> Place:
    inside = pixels.level <= level
    lo, hi, levels = pixels.lo[inside], pixels.hi[inside], pixels.level[inside]

    def level_of(index: Indices, _: Reals, __: Reals) -> Reals:
        return levels[np.searchsorted(lo, index, "right") - 1]

    return Place(_merged(lo, hi), LEVEL, level_of, level)


def coverage(moc: Any) -> Place:
    """Return the place of a MOC (mocpy.MOC)."""
    ranges = np.asarray(moc.to_depth29_ranges, np.uint64).astype(np.int64)
    return Place(ranges.reshape(-1, 2))


def _ranges(found: list[tuple[int, int]]) -> Indices:
    return np.array(found, np.int64).reshape(-1, 2)


def _merged(lo: Indices, hi: Indices) -> Indices:
    """Ranges of pixels, sorted and disjoint; adjacent ones are merged."""
    first = np.append(True, lo[1:] > hi[:-1])[: len(lo)]
    last = np.append(first[1:], True)[: len(lo)]
    return np.stack([lo[first], hi[last]], axis=1)
