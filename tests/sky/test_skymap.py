# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Sky maps of every kind against a plain computation; maps that are none."""

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
from helpers.fits_maps import CELL_SR, ORDER, PIXELS, as_fits, flat, multi_order
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.errors import NoticeError
from fink_voevent.sky import skymap


def plain_levels(values: np.ndarray) -> np.ndarray:
    """Probability of all that is denser, pixel by pixel."""
    shares = values / values.sum()
    return np.array([shares[shares > s].sum() for s in shares])


def lookup(read: skymap.SkyMap) -> dict[int, tuple[float, float]]:
    """Level and density of each cell of `ORDER` that the region holds."""
    found = {}
    step = 1 << 2 * (29 - ORDER)
    for lo, hi, level, density in zip(
        read.lo, read.hi, read.level, read.density, strict=True
    ):
        assert lo % step == 0
        for cell in range(lo // step, hi // step):
            assert cell not in found
            found[cell] = (level, density)
    return found


def check(read: skymap.SkyMap, values: np.ndarray) -> None:
    levels, shares = plain_levels(values), values / values.sum()
    found = lookup(read)
    sure = np.abs(levels - 0.99) > 1e-12  # on the very edge rounding decides
    wanted = set(np.flatnonzero((levels < 0.99) & (values > 0)))
    assert {c for c in wanted ^ set(found) if sure[c]} == set()
    for cell in wanted & set(found):
        assert found[cell][0] == pytest.approx(levels[cell], abs=1e-9)
        assert found[cell][1] == pytest.approx(shares[cell] / CELL_SR, rel=1e-9)


VALUES = st.lists(
    st.sampled_from([0.0, 0.25, 1.0, 3.0, 1e-9, 7.5]), min_size=PIXELS, max_size=PIXELS
).map(np.array)


@given(values=VALUES.filter(lambda v: v.sum() > 0))
def test_levels_and_densities_are_those_of_a_plain_computation(values):
    check(skymap.read(multi_order(values)), values)
    check(skymap.read(flat(values)), values)


def test_a_map_in_ring_order_is_the_same_map():
    values = np.random.default_rng(1).gamma(0.3, size=PIXELS)
    lon, lat = healpix_to_lonlat(np.arange(PIXELS), ORDER)
    ring = np.empty(PIXELS)
    ring[ring_index(lon, lat, nside=2**ORDER)] = values
    check(skymap.read(flat(ring, "RING", "PROBABILITY")), values)


def test_a_flat_map_in_rows_of_many_pixels_is_read():
    """As healpy writes them: 1024 pixels a row, or here as many as the map has."""
    values = np.random.default_rng(2).gamma(0.3, size=PIXELS)
    column = fits.Column("T", f"{PIXELS}D", array=values[None, :])
    table = fits.BinTableHDU.from_columns([column])
    table.header["ORDERING"] = "NESTED"
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    check(skymap.read(stream.getvalue()), values)


def test_equal_neighbours_become_one_pixel_and_nothing_else_changes():
    values = np.repeat(np.random.default_rng(3).gamma(0.3, size=PIXELS // 16), 16)
    read = skymap.read(flat(values))
    check(read, values)
    assert len(read.lo) <= PIXELS // 16


def test_the_region_of_a_level_holds_the_pixel_that_crosses_it():
    values = np.zeros(PIXELS)
    values[[5, 9, 700]] = [0.5, 0.3, 0.2]
    read = skymap.read(flat(values))
    assert read.area_deg2(0.49) == pytest.approx(CELL_SR * skymap.DEG2_PER_SR)
    assert read.area_deg2(0.51) == pytest.approx(2 * CELL_SR * skymap.DEG2_PER_SR)


def test_a_map_of_one_pixel_is_that_pixel():
    read = skymap.read(as_fits({"UNIQ": np.array([4]), "PROBDENSITY": np.array([2.0])}))
    assert read.ranges() == [(0, 1 << 58)]
    assert read.level.tolist() == [0.0]
    assert read.density == pytest.approx(12 / (4 * math.pi))


def test_a_map_with_too_many_pixels_keeps_its_probability(monkeypatch):
    monkeypatch.setattr(skymap, "MAX_PIXELS", 100)
    values = np.random.default_rng(4).uniform(1, 2, size=PIXELS)
    read = skymap.read(flat(values))
    held = (read.density * (read.hi - read.lo) * 4 * math.pi / (12 << 58)).sum()
    assert len(read.lo) <= 100
    assert held > 0.99


def test_gzipped_maps_and_distances_are_read():
    values = np.arange(1.0, PIXELS + 1)
    packed = gzip.compress(
        as_fits({"PROB": values}, ORDERING="NESTED", DISTMEAN=40.5, DISTSTD=7.5)
    )
    assert skymap.read(packed).distance == (40.5, 7.5)


def test_values_that_are_no_number_are_no_probability():
    values = np.arange(1.0, PIXELS + 1)
    values[:3] = [np.nan, -5.0, np.inf]
    check(skymap.read(flat(values)), np.where(np.arange(PIXELS) < 3, 0.0, values))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cannot be read"),
        (b"not FITS at all", "cannot be read"),
        (b"\x1f\x8bnot gzip", "cannot be read"),
        (flat(np.ones(PIXELS))[:3000], "cannot be read"),
        (flat(np.ones(PIXELS), "SPIRAL"), "no sky"),
        (flat(np.ones(100)), "no sky"),
        (flat(np.zeros(PIXELS)), "no probability"),
        (flat(np.full(PIXELS, np.nan)), "no probability"),
        (flat(np.ones(PIXELS), name="SIGNIFICANCE"), "no column"),
        (as_fits({"UNIQ": np.array([1]), "PROBDENSITY": np.array([1.0])}), "UNIQ"),
        (as_fits({"PROB": np.ones(12)}, ORDERING="RING", COORDSYS="G"), "frame"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_is_no_sky_map_says_why(content, reason):
    with pytest.raises(NoticeError, match=reason):
        skymap.read(content)


def test_real_maps_have_the_area_of_a_plain_computation(real):
    raw = (real / "lvk" / "S230518h-initial.json").read_bytes()
    content = base64.b64decode(json.loads(raw)["event"]["skymap"])
    read = skymap.read(content)
    table = Table.read(io.BytesIO(content), format="fits")
    order = np.floor(np.log2(np.asarray(table["UNIQ"], dtype=float) / 4) / 2)
    area = 4 * math.pi / (12 * 4.0**order)
    densest = np.argsort(-np.asarray(table["PROBDENSITY"]))
    held = np.cumsum((np.asarray(table["PROBDENSITY"]) * area)[densest])
    for level in (0.5, 0.9):
        crossing = np.searchsorted(held, level * held[-1]) + 1
        plain = area[densest][:crossing].sum() * skymap.DEG2_PER_SR
        assert read.area_deg2(level) == pytest.approx(plain, rel=1e-3)
    ranges = read.ranges()
    assert all(a[1] < b[0] for a, b in zip(ranges, ranges[1:], strict=False))
