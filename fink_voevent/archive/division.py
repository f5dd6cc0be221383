# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Into which pixels the archive is divided when rows are added."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fink_voevent.archive.layout import ORDER, Pixel

FINEST = 8  # order of the smallest pixels, 0.23 deg
MOST_ROWS = 1_000_000  # of a pixel that is not one of the smallest
CELLS = 12 << 2 * FINEST
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Leaf:
    """A pixel that has to be written.

    Parameters
    ----------
    pixel : Pixel
    source : Pixel or None
        The pixel that has its rows now: itself, or the larger one that is divided. None
        if there are no rows yet.
    new : int
        Rows that are added.
    """

    pixel: Pixel
    source: Pixel | None
    new: int


def count_cells(index: npt.NDArray[np.int64]) -> Counts:
    """Count rows in the cells of order `FINEST`.

    Parameters
    ----------
    index : ndarray of int64, shape (n,)
        Nested HEALPix index of order 29 of each row.

    Returns
    -------
    ndarray of int64, shape (CELLS,)
    """
    return np.bincount(index >> 2 * (ORDER - FINEST), minlength=CELLS)


def divide(
    rows: Mapping[Pixel, int],
    new: Counts,
    count_old: Callable[[Pixel], Counts],
    most_rows: int = MOST_ROWS,
) -> list[Leaf]:
    """Return the pixels that have to be written so that the archive has new rows.

    Parameters
    ----------
    rows : mapping of Pixel to int
        Rows of the pixels that there are, which do not overlap.
    new : ndarray of int64, shape (CELLS,)
        New rows by cell: see `count_cells`.
    count_old : callable
        Returns the same of the rows of a pixel that there is. It is called for those
        that must be divided.
    most_rows : int, optional
        Rows of a pixel at most, unless it is of order `FINEST`.

    Returns
    -------
    list of Leaf
        Sorted by place. A pixel that is divided is replaced by its parts with rows; all
        others without new rows stay as they are.
    """
    larger = {above for pixel in rows for above in pixel.ancestors()}

    def visit(pixel: Pixel) -> Iterator[Leaf]:
        count = _within(new, pixel)
        if not count:
            return
        if pixel in larger:
            for child in pixel.children():
                yield from visit(child)
        elif pixel not in rows:
            yield from split(pixel, None, new)
        elif rows[pixel] + count <= most_rows or pixel.order >= FINEST:
            yield Leaf(pixel, pixel, count)
        else:
            yield from split(pixel, pixel, new + count_old(pixel))

    def split(pixel: Pixel, source: Pixel | None, total: Counts) -> Iterator[Leaf]:
        count = _within(total, pixel)
        if not count:
            return
        if count <= most_rows or pixel.order >= FINEST:
            yield Leaf(pixel, source, _within(new, pixel))
            return
        for child in pixel.children():
            yield from split(child, source, total)

    return [leaf for number in range(12) for leaf in visit(Pixel(0, number))]


def _within(counts: Counts, pixel: Pixel) -> int:
    """Rows in a pixel."""
    shift = 2 * (FINEST - pixel.order)
    return int(counts[pixel.number << shift : (pixel.number + 1) << shift].sum())
