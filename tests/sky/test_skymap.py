# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Levels, densities and areas of sky maps agree with a simple computation."""

from __future__ import annotations

import base64
import gzip
import io
import json
import math
import re

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from cdshealpix.nested import healpix_to_lonlat
from cdshealpix.ring import lonlat_to_healpix as ring_index
from helpers.fits_maps import (
    CELL_SR,
    ORDER,
    PIXELS,
    file_of_cards,
    fits_bytes,
    flat_map,
    multi_order_map,
    normalised,
    table_bytes,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from fink_voevent import limits
from fink_voevent.errors import NoticeError
from fink_voevent.notices import normalisation
from fink_voevent.sky import skymap


def expected_levels(values: np.ndarray) -> np.ndarray:
    """Return, for each pixel, the probability of all denser pixels."""
    shares = values / values.sum()
    return np.array([shares[shares > s].sum() for s in shares])


def values_by_cell(sky_map: skymap.SkyMap) -> dict[int, tuple[float, float]]:
    """Return level and density of each cell of order `ORDER` in the region."""
    found = {}
    step = 1 << 2 * (29 - ORDER)
    for lo, hi, level, density in zip(
        sky_map.lo, sky_map.hi, sky_map.level, sky_map.density, strict=True
    ):
        assert lo % step == 0
        for cell in range(lo // step, hi // step):
            assert cell not in found
            found[cell] = (level, density)
    return found


def check(sky_map: skymap.SkyMap, values: np.ndarray) -> None:
    """Compare the region of a map with the nested values of its pixels."""
    levels, shares = expected_levels(values), values / values.sum()
    found = values_by_cell(sky_map)
    # Rounding decides whether a pixel exactly on the edge is included.
    is_certain = np.abs(levels - 0.99) > 1e-12
    expected = set(np.flatnonzero((levels < 0.99) & (values > 0)))
    assert {c for c in expected ^ set(found) if is_certain[c]} == set()
    for cell in expected & set(found):
        assert found[cell][0] == pytest.approx(levels[cell], abs=1e-9)
        assert found[cell][1] == pytest.approx(shares[cell] / CELL_SR, rel=1e-9)


VALUES = st.lists(
    st.sampled_from([0.0, 0.25, 1.0, 3.0, 1e-9, 7.5]), min_size=PIXELS, max_size=PIXELS
).map(np.array)


@settings(deadline=None)
@given(values=VALUES.filter(lambda v: v.sum() > 0))
def test_levels_and_densities_agree_with_a_simple_computation(values):
    check(skymap.read(multi_order_map(values)), values)
    check(skymap.read(flat_map(values)), values)


def test_a_map_in_ring_ordering_is_the_same_map():
    values = np.random.default_rng(1).gamma(0.3, size=PIXELS)
    lon, lat = healpix_to_lonlat(np.arange(PIXELS), ORDER)
    ring = np.empty(PIXELS)
    ring[ring_index(lon, lat, nside=2**ORDER)] = values
    check(skymap.read(flat_map(ring, "RING", "PROBABILITY")), values)


def test_a_flat_map_in_rows_of_many_pixels_is_read():
    """Like healpy, which writes 1024 pixels a row; here all pixels are in one row."""
    values = np.random.default_rng(2).gamma(0.3, size=PIXELS)
    rows = normalised(values)[None, :]
    content = table_bytes(
        [fits.Column("T", f"{PIXELS}D", array=rows)], ORDERING="NESTED"
    )
    check(skymap.read(content), values)


def test_equal_neighbours_are_merged_without_changing_the_region():
    values = np.repeat(np.random.default_rng(3).gamma(0.3, size=PIXELS // 16), 16)
    sky_map = skymap.read(flat_map(values))
    check(sky_map, values)
    assert len(sky_map.lo) <= PIXELS // 16


def test_a_credible_region_includes_the_pixel_that_crosses_its_edge():
    values = np.zeros(PIXELS)
    values[[5, 9, 700]] = [0.5, 0.3, 0.2]
    sky_map = skymap.read(flat_map(values))
    assert sky_map.area_deg2(0.49) == pytest.approx(CELL_SR * skymap.DEG2_PER_SR)
    assert sky_map.area_deg2(0.51) == pytest.approx(2 * CELL_SR * skymap.DEG2_PER_SR)


def test_a_map_of_one_pixel_is_read():
    sky_map = skymap.read(
        fits_bytes({"UNIQ": np.array([4]), "PROBDENSITY": np.array([3 / math.pi])})
    )
    assert sky_map.ranges() == [(0, 1 << 58)]
    assert sky_map.level.tolist() == [0.0]
    assert sky_map.density == pytest.approx(12 / (4 * math.pi))


@pytest.mark.parametrize("order", [0, 11, 20, 24, 28, 29])
def test_the_last_pixel_of_an_order_is_decoded_exactly(order):
    uniq = 16 * 4**order - 1
    density = 12 * 4**order / (4 * math.pi)
    columns = {"UNIQ": np.array([uniq]), "PROBDENSITY": np.array([density])}
    sky_map = skymap.read(fits_bytes(columns))
    size = 4 ** (29 - order)
    assert sky_map.ranges() == [(12 * 4**29 - size, 12 * 4**29)]


@pytest.mark.parametrize("write", [flat_map, multi_order_map])
def test_a_map_with_too_many_pixels_keeps_its_probability(monkeypatch, write):
    monkeypatch.setattr(limits, "MAP_REGION_PIXELS", 100)
    values = np.random.default_rng(4).uniform(1, 2, size=PIXELS)
    sky_map = skymap.read(write(values))
    cells = sky_map.hi - sky_map.lo
    enclosed = (sky_map.density * cells * 4 * math.pi / (12 << 58)).sum()
    assert len(sky_map.lo) <= 100
    assert enclosed > 0.99


def test_gzipped_maps_and_distances_are_read():
    values = np.arange(1.0, PIXELS + 1)
    header = {"ORDERING": "NESTED", "DISTMEAN": 40.5, "DISTSTD": 7.5}
    compressed = gzip.compress(fits_bytes({"PROB": normalised(values)}, **header))
    assert skymap.read(compressed).distance == (40.5, 7.5)


@pytest.mark.parametrize(
    ("cards", "distance"),
    [
        ({"DISTMEAN": 10**60, "DISTSTD": -(10**60)}, (1e60, -1e60)),
        ({"DISTMEAN": True, "DISTSTD": 7.5}, None),
        ({"DISTMEAN": 40, "DISTSTD": False}, (40.0, None)),
        ({"DISTMEAN": "near"}, None),
    ],
)
def test_a_distance_is_any_number_and_nothing_else(cards, distance):
    assert skymap.read(file_of_cards(**cards)).distance == distance


def test_the_total_probability_is_checked_and_stated():
    values = np.arange(1.0, PIXELS + 1)
    for total, is_read in ((0.89, 0), (0.91, 1), (1.09, 1), (1.11, 0), (5e4, 0)):
        content = fits_bytes({"PROB": normalised(values) * total}, ORDERING="NESTED")
        if is_read:
            check(skymap.read(content), values)
        else:
            reason = re.escape(f"adds up to {total:.4g}, not to 1")
            with pytest.raises(NoticeError, match=reason):
                skymap.read(content)


@pytest.mark.parametrize("values", [np.zeros(PIXELS), np.full(PIXELS, np.nan)])
def test_a_map_without_probability_is_refused(values):
    with pytest.raises(NoticeError, match="no probability"):
        skymap.read(flat_map(values))


@pytest.mark.parametrize("uniq", [[4, 4], [4, 16], [17, 4, 5], [4 << 58, 4, 5]])
def test_pixels_that_overlap_are_refused(uniq):
    columns = {"UNIQ": np.array(uniq), "PROBDENSITY": np.full(len(uniq), 0.5)}
    with pytest.raises(NoticeError, match=f"1 of {len(uniq)} pixels .* overlap"):
        skymap.read(fits_bytes(columns))


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_a_partition_of_the_sky_in_any_orders_agrees_with_a_simple_computation(data):
    """Pixels are divided at random, down to order 29, and shuffled."""
    pixels = [(0, index) for index in range(12)]
    for _ in range(data.draw(st.integers(0, 40))):
        order, index = pixels.pop(data.draw(st.integers(0, len(pixels) - 1)))
        depth = min(data.draw(st.sampled_from([1, 1, 1, 2, 9])), 29 - order)
        for _ in range(depth):  # one path down, and the neighbours along it
            order, index = order + 1, 4 * index + data.draw(st.integers(0, 3))
            pixels += [(order, index ^ k) for k in (1, 2, 3)]
        pixels.append((order, index))
    pixels = data.draw(st.permutations(pixels))
    weights = [data.draw(st.sampled_from([0, 0, 1, 2, 5, 50])) for _ in pixels]
    if not any(weights):
        weights[0] = 1
    densities = [
        w * 12 * 4**order / sum(weights) / (4 * math.pi)
        for w, (order, _) in zip(weights, pixels, strict=True)
    ]
    uniq = np.array([4 ** (order + 1) + index for order, index in pixels])
    columns = {"UNIQ": uniq, "PROBDENSITY": np.array(densities)}
    sky_map = skymap.read(fits_bytes(columns, ORDERING="NUNIQ"))
    expected = {}
    for density, (order, index) in zip(densities, pixels, strict=True):
        ranked = zip(weights, densities, strict=True)
        level = sum(w for w, d in ranked if d > density * (1 + 1e-12)) / sum(weights)
        size = 4 ** (29 - order)
        expected[index * size, (index + 1) * size] = (level, density)
    found = dict(
        zip(
            zip(sky_map.lo.tolist(), sky_map.hi.tolist(), strict=True),
            zip(sky_map.level.tolist(), sky_map.density.tolist(), strict=True),
            strict=True,
        )
    )
    for place, (level, density) in expected.items():
        if abs(level - 0.99) > 1e-9:
            assert (place in found) == (density > 0 and level < 0.99)
        if place in found:
            assert found[place] == pytest.approx((level, density), rel=1e-9, abs=1e-9)
    assert set(found) <= set(expected)


def test_areas_of_real_maps_agree_with_a_simple_computation(real):
    raw = (real / "lvk" / "S230518h-initial.json").read_bytes()
    content = base64.b64decode(json.loads(raw)["event"]["skymap"])
    sky_map = skymap.read(content)
    table = Table.read(io.BytesIO(content), format="fits")
    order = np.floor(np.log2(np.asarray(table["UNIQ"], dtype=float) / 4) / 2)
    area = 4 * math.pi / (12 * 4.0**order)
    densest = np.argsort(-np.asarray(table["PROBDENSITY"]))
    enclosed = np.cumsum((np.asarray(table["PROBDENSITY"]) * area)[densest])
    for level in (0.5, 0.9):
        crossing = np.searchsorted(enclosed, level * enclosed[-1]) + 1
        expected = area[densest][:crossing].sum() * skymap.DEG2_PER_SR
        assert sky_map.area_deg2(level) == pytest.approx(expected, rel=1e-3)
    ranges = sky_map.ranges()
    assert all(a[1] < b[0] for a, b in zip(ranges, ranges[1:], strict=False))


def multi_order(order: int, count: int, **columns) -> bytes:
    """Map of the first pixels of an order, with equal density."""
    uniq = 4 ** (order + 1) + np.arange(count, dtype=np.int64)
    density = np.full(count, 1 / (count * 4 * np.pi / (12 * 4**order)))
    table = {"UNIQ": uniq, "PROBDENSITY": density * np.linspace(1.2, 0.8, count)}
    return fits_bytes(table | columns, ORDERING="NUNIQ", COORDSYS="C")


def test_the_distances_of_pixels_are_kept_with_them():
    names = ("DISTMU", "DISTSIGMA", "DISTNORM")
    values = np.random.default_rng(1).random((3, 48)) + 1
    values[0, 7] = np.inf
    content = multi_order(3, 48, **dict(zip(names, values, strict=True)))
    read = skymap.read(content)
    pixel = read.lo >> 2 * (29 - 3)
    assert np.array_equal(read.distances, values.T[pixel])
    # without one of them there are none
    assert skymap.read(multi_order(3, 48, DISTMU=values[0])).distances is None
    rows = normalisation.distance_rows(read)
    assert rows[np.flatnonzero(pixel == 7)[0]]["distmu"] is None
    assert rows[0]["distsigma"] == read.distances[0, 1]
    assert normalisation.distance_rows(None) is None


def test_a_merged_pixel_has_the_distances_of_its_first_part(monkeypatch):
    monkeypatch.setattr(skymap.limits, "MAP_REGION_PIXELS", 20)
    values = np.arange(3 * 48, dtype=float).reshape(3, 48)
    names = ("DISTMU", "DISTSIGMA", "DISTNORM")
    read = skymap.read(multi_order(3, 48, **dict(zip(names, values, strict=True))))
    assert len(read.lo) <= 20
    assert np.array_equal(read.distances[:, 0], read.lo >> 2 * (29 - 3))
