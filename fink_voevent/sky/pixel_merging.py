# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Fewer pixels for the same sky map: equal ones are merged, and those that are many."""

from __future__ import annotations

import numpy as np

from fink_voevent import limits
from fink_voevent.sky.localization import COVER_LEVEL, ORDER


def merge_flat(
    values: np.ndarray, order: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merge pixels of a flat map: four equal neighbours become one pixel.

    Four neighbours that differ are merged too, as long as the 99 % region of the map
    has more than `limits.MAP_REGION_PIXELS` pixels.

    Parameters
    ----------
    values : ndarray of float64
        Value of each pixel, 0 or more, in nested ordering.
    order : int
        Order of the pixels.

    Returns
    -------
    lo, hi : ndarray of int64, shape (n,)
        Range of order-29 nested indices of each pixel, half-open, in any order.
    values : ndarray of float64, shape (n,)
        Mean of the values in each.
    """
    while order > 0 and _region_size(values) > limits.MAP_REGION_PIXELS:
        values, order = values.reshape(-1, 4).mean(axis=1), order - 1
    index = np.arange(len(values), dtype=np.int64)
    parts = []
    while order > 0 and len(index):
        first = np.flatnonzero(index % 4 == 0)
        first = first[first + 3 < len(index)]
        are_equal = (index[first + 3] == index[first] + 3) & np.all(
            [values[first + k] == values[first] for k in (1, 2, 3)], axis=0
        )
        merged = first[are_equal]
        remaining = np.ones(len(index), dtype=bool)
        for k in range(4):
            remaining[merged + k] = False
        parts.append((index[remaining], order, values[remaining]))
        index, values, order = index[merged] // 4, values[merged], order - 1
    parts.append((index, order, values))
    lo = np.concatenate([i << 2 * (ORDER - o) for i, o, _ in parts])
    hi = np.concatenate([(i + 1) << 2 * (ORDER - o) for i, o, _ in parts])
    return lo, hi, np.concatenate([v for _, _, v in parts])


def merge_within(
    lo: np.ndarray, hi: np.ndarray, density: np.ndarray, order: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merge the pixels within each cell of an order; coarser ones remain.

    Parameters
    ----------
    lo, hi : ndarray of int64, shape (n,)
        Range of order-29 nested indices of each pixel, half-open; disjoint, in any
        order.
    density : ndarray of float64, shape (n,)
        Density of each; it is 0 where no pixel is.
    order : int
        Order of the cells.

    Returns
    -------
    lo, hi : ndarray of int64, shape (m,)
        The same for the merged pixels, sorted.
    density : ndarray of float64, shape (m,)
        Mean of the density in each.
    """
    rank = np.argsort(lo)
    lo, hi, density = lo[rank], hi[rank], density[rank]
    shift = 2 * (ORDER - order)
    cell = lo >> shift
    first = np.flatnonzero(np.append(True, np.diff(cell) > 0))
    integral = np.add.reduceat(density * (hi - lo), first)
    lo = np.minimum(lo[first], cell[first] << shift)
    hi = np.maximum(hi[first], (cell[first] + 1) << shift)
    return lo, hi, integral / (hi - lo)


def count_cells(lo: np.ndarray, order: int) -> int:
    """Count what `merge_within` would leave of sorted pixels."""
    return int(np.count_nonzero(np.diff(lo >> 2 * (ORDER - order)))) + 1


def _region_size(values: np.ndarray) -> int:
    """Count the pixels of the 99 % region, given pixels of equal area."""
    descending = np.sort(values[np.isfinite(values) & (values > 0)])[::-1]
    if len(descending) == 0:
        return 0
    enclosed = np.cumsum(descending)
    return int(np.searchsorted(enclosed, COVER_LEVEL * enclosed[-1])) + 1
