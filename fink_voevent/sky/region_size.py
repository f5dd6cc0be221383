# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The size of a region in few numbers, from which a batch is planned.

They are computed once, when a notice is read. So the cells and pixels of a region,
which may be thousands, are read only if the region is matched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fink_voevent.sky.localization import ORDER

# HEALPix orders in which regions are matched: finer cells select better, but are more.
ORDERS = (6, 5, 4, 3)
SKY_ORDER = 1  # order of the coarse cells: all 48 are the bits of a 64-bit integer
# Credible levels at which the area of pixels is known; 0.99 is that of the cells.
AREA_LEVELS = (0.5, 0.68, 0.9, 0.95, 0.99)

_SHIFTS = tuple(2 * (ORDER - order) for order in ORDERS)
_SKY_SHIFT = 2 * (ORDER - SKY_ORDER)
Indices = npt.NDArray[np.int64]


class LevelPixels(NamedTuple):
    """Pixels of a sky map, of an error box or of asymmetric errors.

    Parameters
    ----------
    lo, hi : ndarray of int64, shape (n,)
        Range of order-29 nested indices of each pixel, half-open.
    level : ndarray of float64, shape (n,)
        Credible level of each, 0-1.
    """

    lo: Indices
    hi: Indices
    level: npt.NDArray[np.float64]


@dataclass(frozen=True)
class RegionSize:
    """Numbers that describe how large a region is.

    Parameters
    ----------
    rows : tuple of int
        Rows that alerts are joined with, at each of `ORDERS`: the cells that the region
        overlaps; of a region with pixels, about the cells that each of them overlaps.
    sky : int
        Cells of `SKY_ORDER` that the region overlaps, as bits.
    areas : tuple of int or None
        Area of the pixels with a credible level below each of `AREA_LEVELS`, in
        HEALPix cells of order 29; None if the region has no pixels.
    """

    rows: tuple[int, ...]
    sky: int
    areas: tuple[int, ...] | None


def region_size(cells: npt.ArrayLike, pixels: LevelPixels | None = None) -> RegionSize:
    """Compute the size of one region.

    Parameters
    ----------
    cells : array_like of int64, shape (n, 2)
        Ranges [lo, hi) of order-29 nested indices that cover the region: none is empty,
        but they may overlap, and be in any order.
    pixels : LevelPixels, optional
        Its pixels, if it has any.
    """
    ranges = np.asarray(cells, np.int64).reshape(-1, 2)
    lo, last = ranges[:, 0], ranges[:, 1] - 1
    if np.any(lo[1:] < lo[:-1]):
        rank = np.argsort(lo)
        lo, last = lo[rank], last[rank]
    last = np.maximum.accumulate(last)  # of overlapping ranges, the furthest
    sky = _bits(lo >> _SKY_SHIFT, last >> _SKY_SHIFT)
    if pixels is None:
        rows = tuple(_overlapped(lo >> shift, last >> shift) for shift in _SHIFTS)
        return RegionSize(rows, sky, None)
    size = pixels.hi - pixels.lo
    rows = tuple(int(np.maximum(1, size >> shift).sum()) for shift in _SHIFTS)
    areas = tuple(int(size[pixels.level < level].sum()) for level in AREA_LEVELS)
    return RegionSize(rows, sky, areas)


def _overlapped(first: Indices, last: Indices) -> int:
    """Count the numbers in sorted ranges, both ends included, each number once."""
    if not len(first):
        return 0
    counted = np.concatenate([first[:1] - 1, last[:-1]])  # up to here by those before
    return int(np.maximum(last - np.maximum(first - 1, counted), 0).sum())


def _bits(first: Indices, last: Indices) -> int:
    """Numbers in ranges, both ends included, as bits."""
    found = 0
    for start, end in set(zip(first.tolist(), last.tolist(), strict=True)):
        found |= ((1 << (end - start + 1)) - 1) << start
    return found
