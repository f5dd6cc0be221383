# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Sky maps: pixels, each with its probability density and credible level.

The credible level of a pixel is the probability of all pixels that are denser: it is 0
at the best place, and the region of a credible level includes the pixel that crosses
its edge. `healpix_map` says which files are read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fink_voevent import limits
from fink_voevent.errors import NoticeError
from fink_voevent.sky import healpix_map
from fink_voevent.sky.healpix_map import Pixels, solid_angle_sr
from fink_voevent.sky.localization import COVER_LEVEL, DEG2_PER_SR, ORDER
from fink_voevent.sky.pixel_merging import count_cells, merge_within


@dataclass(frozen=True)
class SkyMap:
    """Pixels of the 99 % region of a map, sorted by HEALPix index.

    Parameters
    ----------
    lo, hi : ndarray of int64, shape (n,)
        Range of order-29 nested indices of each pixel, half-open; sorted and disjoint.
    level : ndarray of float64, shape (n,)
        Probability of all pixels denser than this one, 0-1.
    density : ndarray of float64, shape (n,)
        Probability density, sr-1. It integrates to 1 over the whole map.
    distance : tuple of float or None
        Mean and standard deviation of the distance, Mpc.
    distances : ndarray of float64, shape (n, 3), or None
        DISTMU, DISTSIGMA (Mpc) and DISTNORM (Mpc^-2) of each pixel; of one that was
        merged, those of its first part.
    """

    lo: np.ndarray
    hi: np.ndarray
    level: np.ndarray
    density: np.ndarray
    distance: tuple[float, float | None] | None = None
    distances: np.ndarray | None = None

    def area_deg2(self, level: float) -> float:
        """Return the area (deg2) of a credible region.

        The pixel that crosses the edge of the region is included.

        Parameters
        ----------
        level : float
            Credible level, 0-0.99.
        """
        cells = (self.hi - self.lo)[self.level < level].sum()
        return float(cells * solid_angle_sr(1) * DEG2_PER_SR)

    def ranges(self) -> list[tuple[int, int]]:
        """Return sorted, disjoint ranges of the region; adjacent pixels are merged."""
        first = np.append(True, self.lo[1:] > self.hi[:-1])
        last = np.append(first[1:], True)
        return list(zip(self.lo[first].tolist(), self.hi[last].tolist(), strict=True))


def read(content: bytes) -> SkyMap:
    """Read a sky map.

    Parameters
    ----------
    content : bytes
        A FITS file, compressed with gzip or not.

    Returns
    -------
    SkyMap
        The pixels of the 99 % region.

    Raises
    ------
    NoticeError
        If it cannot be read as a sky map, exceeds the bounds of `limits`, has pixels
        that overlap, or has probabilities that do not add up to 1. The message is the
        reason.
    """
    pixels = healpix_map.read(content)
    sky_map = from_pixels(pixels.lo, pixels.hi, pixels.density)
    _check_total(pixels)
    few = _with_few_pixels(sky_map, pixels)
    distances = _distances(few, pixels)
    return replace(few, distance=pixels.distance, distances=distances)


def _distances(sky_map: SkyMap, pixels: Pixels) -> np.ndarray | None:
    """Distances of the pixels of a sky map, which has been made of `pixels`."""
    if pixels.distances is None:
        return None
    rank = np.argsort(pixels.lo)
    first = np.searchsorted(pixels.hi[rank], sky_map.lo, side="right")
    return pixels.distances[rank][first]


def from_pixels(lo: np.ndarray, hi: np.ndarray, density: np.ndarray) -> SkyMap:
    """Return the sky map of disjoint pixels.

    Parameters
    ----------
    lo, hi : ndarray of int64, shape (n,)
        Range of order-29 nested indices of each pixel, half-open, in any order.
    density : ndarray of float64, shape (n,)
        Probability density of each pixel, 0 or more, in any unit.

    Raises
    ------
    NoticeError
        If pixels overlap or contain no probability.
    """
    rank = np.argsort(lo)
    overlaps = np.count_nonzero(hi[rank[:-1]] > lo[rank[1:]])
    if overlaps:
        raise NoticeError(f"{overlaps} of {len(lo)} pixels of the sky map overlap")
    total = float(np.sum(density * solid_angle_sr(hi - lo)))
    if not 0 < total < np.inf:
        raise NoticeError("the sky map contains no probability")
    return SkyMap(*_credible_region(lo[rank], hi[rank], density[rank] / total))


def _check_total(pixels: Pixels) -> None:
    integral = float(np.sum(pixels.density * solid_angle_sr(pixels.hi - pixels.lo)))
    total = integral * pixels.unit_per_sr
    if not limits.MAP_LEAST_TOTAL <= total <= limits.MAP_LARGEST_TOTAL:
        raise NoticeError(
            f"the sky map adds up to {total:.4g}, not to 1, over its column"
            f" {pixels.column}"
        )


def _with_few_pixels(sky_map: SkyMap, pixels: Pixels) -> SkyMap:
    """Return the sky map of pixels, merged as far as its region has too many."""
    order = ORDER
    while len(sky_map.lo) > limits.MAP_REGION_PIXELS:
        order -= 1
        while count_cells(sky_map.lo, order) > limits.MAP_REGION_PIXELS:
            order -= 1
        merged = merge_within(pixels.lo, pixels.hi, pixels.density, order)
        sky_map = from_pixels(*merged)
    return sky_map


def _credible_region(
    lo: np.ndarray, hi: np.ndarray, density: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fields lo, hi, level and density of `SkyMap`, within `COVER_LEVEL`.

    Densities (sr-1) integrate to 1. Pixels of equal density have the same level.
    """
    distinct, place = np.unique(-density, return_inverse=True)
    mass = np.bincount(
        place, weights=density * solid_angle_sr(hi - lo), minlength=len(distinct)
    )
    denser = np.concatenate([[0.0], np.cumsum(mass)[:-1]])
    level = np.minimum(denser, 1.0)[place]
    kept = (level < COVER_LEVEL) & (density > 0)
    return lo[kept], hi[kept], level[kept], density[kept]
