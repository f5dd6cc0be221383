# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The size of a region in numbers is that of its cells and pixels."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.made_up_sky import ellipse_event, event, frame, map_event, random_sky
from helpers.sized_notices import cell_array, pixel_arrays
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.events import regions
from fink_voevent.sky import region_size as sizes
from fink_voevent.sky.localization import ORDER, ORDER_29_CELLS
from fink_voevent.sky.region_size import AREA_LEVELS, LevelPixels, region_size

FINEST = 2 * (ORDER - sizes.ORDERS[0])
WHOLE_SKY = [(0, ORDER_29_CELLS)]


def test_sizes_are_those_that_spark_computes(spark, tmp_path):
    circles, _ = random_sky(5, 150, 0)
    ellipses = [ellipse_event(200 + i, 40.0 * i, 20.0, (9.0, 3, 30.0)) for i in (1, 2)]
    maps = [map_event(300 + i, i, order=i) for i in (1, 2, 3)]
    whole = event(400, 0, 0, 1, cells=[{"lo": 0, "hi": ORDER_29_CELLS}])
    rows = [*circles, *ellipses, *maps, whole]
    df = frame(spark, tmp_path / "events.parquet", "notices", rows)
    counts = F.array(*[regions.row_count(order) for order in sizes.ORDERS])
    found = df.select("notice_id", counts.alias("rows"), regions.sky_cells())
    expected = {row[0]: (tuple(row[1]), row[2]) for row in found.collect()}
    assert len(expected) == len(rows)
    for row in rows:
        size = region_size(cell_array(row), pixel_arrays(row))
        assert (size.rows, size.sky) == expected[row["notice_id"]]


def ranges():
    """Strategy of ranges that are small enough to count one by one."""
    start = st.integers(0, ORDER_29_CELLS - (200 << FINEST))
    length = st.integers(1, 200 << FINEST)
    pair = st.tuples(start, length).map(lambda p: (p[0], p[0] + p[1]))
    return st.lists(pair, min_size=1, max_size=6)


@settings(deadline=None)
@given(ranges())
def test_cells_are_counted_once_in_any_order_and_if_ranges_overlap(cells):
    size = region_size(cells)
    for order, rows in zip(sizes.ORDERS, size.rows, strict=True):
        shift = 2 * (ORDER - order)
        overlapped = [range(lo >> shift, ((hi - 1) >> shift) + 1) for lo, hi in cells]
        assert rows == len(set().union(*overlapped))
    shift = 2 * (ORDER - sizes.SKY_ORDER)
    coarse = {
        c for lo, hi in cells for c in range(lo >> shift, ((hi - 1) >> shift) + 1)
    }
    assert size.sky == sum(1 << cell for cell in coarse)
    assert region_size(cells[::-1] + cells) == size


@settings(deadline=None)
@given(ranges(), st.lists(st.floats(0, 0.99), min_size=6, max_size=6))
def test_areas_are_those_of_the_pixels_below_each_level(cells, levels):
    lo, hi = np.array(cells, np.int64).T
    size = region_size(cells, LevelPixels(lo, hi, np.array(levels[: len(cells)])))
    for area, level in zip(size.areas, AREA_LEVELS, strict=True):
        inside = [b - a for (a, b), x in zip(cells, levels, strict=False) if x < level]
        assert area == sum(inside)


@pytest.mark.parametrize("pixels", [None, LevelPixels(*np.zeros((3, 0), np.int64))])
def test_no_cells_have_no_size(pixels):
    size = region_size([], pixels)
    assert (size.rows, size.sky) == ((0,) * len(sizes.ORDERS), 0)


def test_the_whole_sky_has_all_cells():
    size = region_size(WHOLE_SKY)
    assert size.rows == tuple(12 * 4**order for order in sizes.ORDERS)
    assert size.sky == (1 << 48) - 1
