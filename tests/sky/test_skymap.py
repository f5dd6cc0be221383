# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Sky maps of every kind agree with a simple computation; faulty maps are refused."""

from __future__ import annotations

import base64
import gzip
import io
import json
import math

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
    fits_bytes,
    flat_map,
    multi_order_map,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from fink_voevent.errors import NoticeError
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
    column = fits.Column("T", f"{PIXELS}D", array=values[None, :])
    table = fits.BinTableHDU.from_columns([column])
    table.header["ORDERING"] = "NESTED"
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    check(skymap.read(stream.getvalue()), values)


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
        fits_bytes({"UNIQ": np.array([4]), "PROBDENSITY": np.array([2.0])})
    )
    assert sky_map.ranges() == [(0, 1 << 58)]
    assert sky_map.level.tolist() == [0.0]
    assert sky_map.density == pytest.approx(12 / (4 * math.pi))


@pytest.mark.parametrize("order", [0, 11, 20])
def test_the_last_pixel_of_an_order_is_decoded_exactly(order):
    uniq = 16 * 4**order - 1
    columns = {"UNIQ": np.array([uniq]), "PROBDENSITY": np.array([1.0])}
    sky_map = skymap.read(fits_bytes(columns))
    size = 4 ** (29 - order)
    assert sky_map.ranges() == [(12 * 4**29 - size, 12 * 4**29)]


def test_a_map_with_too_many_pixels_keeps_its_probability(monkeypatch):
    monkeypatch.setattr(skymap, "MAX_PIXELS", 100)
    values = np.random.default_rng(4).uniform(1, 2, size=PIXELS)
    sky_map = skymap.read(flat_map(values))
    cells = sky_map.hi - sky_map.lo
    enclosed = (sky_map.density * cells * 4 * math.pi / (12 << 58)).sum()
    assert len(sky_map.lo) <= 100
    assert enclosed > 0.99


def test_gzipped_maps_and_distances_are_read():
    values = np.arange(1.0, PIXELS + 1)
    compressed = gzip.compress(
        fits_bytes({"PROB": values}, ORDERING="NESTED", DISTMEAN=40.5, DISTSTD=7.5)
    )
    assert skymap.read(compressed).distance == (40.5, 7.5)


def test_values_that_are_not_finite_or_negative_have_no_probability():
    values = np.arange(1.0, PIXELS + 1)
    values[:3] = [np.nan, -5.0, np.inf]
    check(skymap.read(flat_map(values)), np.where(np.arange(PIXELS) < 3, 0.0, values))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cannot be read"),
        (b"not FITS at all", "cannot be read"),
        (b"\x1f\x8bnot gzip", "cannot be read"),
        (flat_map(np.ones(PIXELS))[:3000], "cannot be read"),
        (flat_map(np.ones(PIXELS), "SPIRAL"), "not a HEALPix map"),
        (flat_map(np.ones(100)), "not a HEALPix map"),
        (flat_map(np.zeros(PIXELS)), "no probability"),
        (flat_map(np.full(PIXELS, np.nan)), "no probability"),
        (flat_map(np.ones(PIXELS), name="SIGNIFICANCE"), "no column"),
        (fits_bytes({"UNIQ": np.array([1]), "PROBDENSITY": np.array([1.0])}), "UNIQ"),
        (fits_bytes({"PROB": np.ones(12)}, ORDERING="RING", COORDSYS="G"), "frame"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_the_error_of_a_faulty_map_states_the_reason(content, reason):
    with pytest.raises(NoticeError, match=reason):
        skymap.read(content)


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
