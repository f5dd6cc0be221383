# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Into which pixels the archive is divided."""

from __future__ import annotations

from functools import partial

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fink_voevent.archive.division import CELLS, FINEST, count_cells, divide
from fink_voevent.archive.layout import ORDER, Pixel

_INDEX = st.integers(0, (12 << 2 * ORDER) - 1)


def counts_of(indices: list[int]) -> np.ndarray:
    return count_cells(np.array(indices, np.int64))


def old_counts(there: dict[Pixel, list[int]], pixel: Pixel) -> np.ndarray:
    return counts_of(there[pixel])


def within(indices: list[int], pixel: Pixel) -> list[int]:
    return [i for i in indices if pixel.lo <= i < pixel.hi]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(_INDEX, max_size=40), max_size=5), st.integers(1, 20))
def test_pixels_never_overlap_and_have_all_rows_whatever_is_added(batches, most):
    there: dict[Pixel, list[int]] = {}
    expected: list[int] = []
    for new in batches:
        sizes = {pixel: len(rows) for pixel, rows in there.items()}
        before, there = there, dict(there)
        leaves = divide(sizes, counts_of(new), partial(old_counts, before), most)
        expected += new
        for leaf in leaves:
            there.pop(leaf.source, None)
        for leaf in leaves:
            old = [] if leaf.source is None else within(before[leaf.source], leaf.pixel)
            added = within(new, leaf.pixel)
            assert len(added) == leaf.new
            there[leaf.pixel] = old + added
        ranges = sorted((pixel.lo, pixel.hi) for pixel in there)
        assert all(a[1] <= b[0] for a, b in zip(ranges, ranges[1:], strict=False))
        assert sorted(i for rows in there.values() for i in rows) == sorted(expected)
        for pixel, rows in there.items():
            assert 0 < len(rows) <= most or pixel.order == FINEST


def test_a_pixel_without_new_rows_is_left_as_it_is():
    far = 11 << 2 * ORDER
    leaves = divide({Pixel(0, 0): 5}, counts_of([far]), lambda _: np.zeros(CELLS), 10)
    assert [(leaf.pixel, leaf.source) for leaf in leaves] == [(Pixel(0, 11), None)]
