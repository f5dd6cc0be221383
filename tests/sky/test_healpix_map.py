# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which columns, pixels, frames and units of HEALPix maps are read, and which not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.io import fits
from cdshealpix.nested import healpix_to_lonlat
from cdshealpix.ring import lonlat_to_healpix as ring_index
from helpers.fits_maps import (
    CELL_SR,
    ORDER,
    PIXELS,
    fits_bytes,
    flat_map,
    multi_order_map,
    normalised,
    table_bytes,
)

from fink_voevent import limits
from fink_voevent.errors import NoticeError
from fink_voevent.sky import skymap

VALUES = normalised(np.random.default_rng(11).gamma(0.3, size=PIXELS))
NSIDE = 2**ORDER
DEG2_PER_SR = (180 / math.pi) ** 2


def same(one: skymap.SkyMap, other: skymap.SkyMap) -> bool:
    """Whether two maps have the same pixels, within rounding."""
    return (
        np.array_equal(one.lo, other.lo)
        and np.array_equal(one.hi, other.hi)
        and np.allclose(one.level, other.level, rtol=1e-9, atol=1e-12)
        and np.allclose(one.density, other.density, rtol=1e-9)
    )


WHOLE = skymap.read(flat_map(VALUES))


def refused(content: bytes) -> str:
    with pytest.raises(NoticeError) as error:
        skymap.read(content)
    return str(error.value)


@pytest.mark.parametrize(
    "frame",
    [
        *("C", "c", "CEL", "Celestial", "Q", "EQU", "EQUATORIAL", "Equatorial (J2000)"),
        *("ICRS", "FK5", "FK5 J2000", ""),
    ],
)
def test_maps_in_equatorial_coordinates_are_read(frame):
    assert same(skymap.read(fits_bytes({"PROB": VALUES}, **header(frame))), WHOLE)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ("G", "'G' (galactic), not equatorial"),
        ("GAL", "'GAL' (galactic)"),
        ("Galactic", "'GALACTIC' (galactic)"),
        ("E", "'E' (ecliptic), not equatorial"),
        ("ECLIPTIC", "'ECLIPTIC' (ecliptic)"),
        ("FK4", "'FK4', not equatorial"),
        ("x" * 60, "'XXXXXXXXXXXXXXXXXXXX', not equatorial"),
    ],
)
def test_the_frame_of_other_maps_is_named(frame, reason):
    assert reason in refused(fits_bytes({"PROB": VALUES}, **header(frame)))


def test_radesys_is_the_frame_if_coordsys_is_missing():
    columns = {"PROB": VALUES}
    read = skymap.read(fits_bytes(columns, ORDERING="NESTED", RADESYS="ICRS"))
    assert same(read, WHOLE)
    content = fits_bytes(columns, ORDERING="NESTED", RADESYS="GALACTIC")
    assert "galactic" in refused(content)
    assert same(skymap.read(fits_bytes(columns, **header("C"), RADESYS="FK4")), WHOLE)


def header(frame: str) -> dict:
    return {"ORDERING": "NESTED", "COORDSYS": frame}


@pytest.mark.parametrize(
    "name",
    [
        "PROB",
        "prob",
        "PROBABILITY",
        "T",
        "TEMPERATURE",
        "I_STOKES",
        "SIGNAL",
        "c0",
    ],
)
def test_the_first_column_is_read_whatever_its_name_is(name):
    columns = {name: VALUES, "DISTMU": np.full(PIXELS, 40.0)}
    assert same(skymap.read(fits_bytes(columns, ORDERING="NESTED")), WHOLE)


def test_a_column_of_probabilities_is_found_after_others():
    columns = {"SIGNIFICANCE": np.ones(PIXELS), "PROBABILITY": VALUES}
    assert same(skymap.read(fits_bytes(columns, ORDERING="NESTED")), WHOLE)


def test_columns_that_are_no_probability_are_named():
    columns = {"COUNTS": np.ones(PIXELS), "RATE": VALUES}
    reason = refused(fits_bytes(columns, ORDERING="NESTED"))
    assert "adds up to 768, not to 1" in reason
    assert "COUNTS (next to RATE)" in reason
    integers = {"COUNTS": np.ones(PIXELS, dtype=np.int64)}
    assert "without probabilities: it has COUNTS" in refused(fits_bytes(integers))


def test_long_lists_of_names_are_cut():
    columns = {f"{'X' * 40}{i}": np.ones(12) for i in range(60)}
    reason = refused(fits_bytes(columns, ORDERING="NESTED"))
    assert "and 53 more" in reason
    assert len(reason) < 300


@pytest.mark.parametrize(
    ("unit", "per_sr"),
    [
        *((u, 1) for u in ("sr-1", "1/sr", "sr^-1", "sr**-1", "1 / sr", "sr-1 ", "")),
        *((u, DEG2_PER_SR) for u in ("deg-2", "1/deg2", "deg^-2", "1 / deg**2")),
    ],
)
def test_the_unit_of_a_density_is_honoured(unit, per_sr):
    density = VALUES / CELL_SR / per_sr
    columns = [
        fits.Column("UNIQ", "K", array=np.arange(PIXELS) + 4 * 4**ORDER),
        fits.Column("PROBDENSITY", "D", unit=unit, array=density),
    ]
    content = table_bytes(columns, ORDERING="NUNIQ")
    assert np.allclose(np.sort(skymap.read(content).density), np.sort(WHOLE.density))


def test_an_unknown_unit_of_a_density_and_a_wrong_one_are_refused():
    column = fits.Column("PROBDENSITY", "D", unit="Mpc", array=VALUES)
    content = table_bytes([column], ORDERING="NESTED")
    assert "unit of PROBDENSITY is 'Mpc', not sr-1" in refused(content)
    column = fits.Column("PROBDENSITY", "D", unit="sr-1", array=VALUES)
    total = f"adds up to {CELL_SR:.4g}"
    assert total in refused(table_bytes([column], ORDERING="NESTED"))


def test_a_flat_map_of_densities_is_read():
    column = fits.Column("PROBDENSITY", "D", unit="sr-1", array=VALUES / CELL_SR)
    assert same(skymap.read(table_bytes([column], ORDERING="NESTED")), WHOLE)
    column = fits.Column(
        "PROB", "D", unit="deg-2", array=VALUES / CELL_SR / DEG2_PER_SR
    )
    assert same(skymap.read(table_bytes([column], ORDERING="NESTED")), WHOLE)


def test_a_multi_order_map_of_probabilities_is_read():
    uniq = np.arange(PIXELS) + 4 * 4**ORDER
    read = skymap.read(fits_bytes({"UNIQ": uniq, "PROB": VALUES}))
    assert same(read, skymap.read(multi_order_map(VALUES)))


@pytest.mark.parametrize("missing", [np.nan, -1.6375e30, float(np.float32(-1.6375e30))])
def test_pixels_without_a_value_have_no_probability(missing):
    known = np.where(np.arange(PIXELS) < 3, 0.0, VALUES)
    values = np.where(np.arange(PIXELS) < 3, missing, normalised(known))
    read = skymap.read(fits_bytes({"PROB": values}, ORDERING="NESTED"))
    assert same(read, skymap.read(flat_map(known)))


@pytest.mark.parametrize("value", [-5.0, -1e-9, -1e30, np.inf, -np.inf])
def test_values_that_are_no_probability_are_refused(value):
    values = VALUES.copy()
    values[3] = value
    reason = refused(fits_bytes({"PROB": values}, ORDERING="NESTED"))
    assert "is no probability" in reason


def ring_values() -> np.ndarray:
    lon, lat = healpix_to_lonlat(np.arange(PIXELS), ORDER)
    ring = np.empty(PIXELS)
    ring[ring_index(lon, lat, nside=NSIDE)] = VALUES
    return ring


@pytest.mark.parametrize("name", ["PIXEL", "PIX", "INDEX", "N"])
@pytest.mark.parametrize("ordering", ["NESTED", "RING"])
def test_the_pixels_of_a_partial_map_are_those_that_it_names(name, ordering):
    values = VALUES if ordering == "NESTED" else ring_values()
    chosen = np.random.default_rng(5).permutation(PIXELS)[:500]
    columns = {name: chosen, "PROB": normalised(values[chosen])}
    read = skymap.read(
        fits_bytes(columns, ORDERING=ordering, INDXSCHM="EXPLICIT", NSIDE=NSIDE)
    )
    whole = np.zeros(PIXELS)
    whole[chosen] = values[chosen]
    assert same(read, skymap.read(explicit(whole, ordering)))
    assert read.area_deg2(0.99) < 500 * CELL_SR * DEG2_PER_SR


def explicit(values: np.ndarray, ordering: str) -> bytes:
    """Return a map of all pixels, each named."""
    columns = {"PIXEL": np.arange(PIXELS), "PROB": normalised(values)}
    return fits_bytes(columns, ORDERING=ordering, NSIDE=NSIDE, INDXSCHM="EXPLICIT")


def test_a_map_that_names_all_pixels_is_the_flat_map():
    for ordering, values in (("NESTED", VALUES), ("RING", ring_values())):
        read = skymap.read(explicit(values, ordering))
        assert same(read, skymap.read(multi_order_map(VALUES)))
        assert same(skymap.read(flat_map(values, ordering)), WHOLE)


def test_pixels_of_a_partial_map_may_be_finer_than_those_of_a_flat_one():
    columns = {"PIXEL": np.array([7, 9]), "PROB": np.array([0.75, 0.25])}
    content = fits_bytes(columns, ORDERING="RING", INDXSCHM="EXPLICIT", NSIDE=2**25)
    read = skymap.read(content)
    assert len(read.lo) == 2
    assert set((read.hi - read.lo).tolist()) == {4**4}


def test_a_partial_map_may_have_many_pixels_in_a_row():
    chosen = np.arange(100, 164)
    columns = [
        fits.Column("PIXEL", "32J", array=chosen.reshape(2, 32)),
        fits.Column("PROB", "32E", array=np.full((2, 32), 1 / 64)),
    ]
    header = {"ORDERING": "NESTED", "INDXSCHM": "EXPLICIT", "NSIDE": NSIDE}
    step = 4 ** (29 - ORDER)
    read = skymap.read(table_bytes(columns, **header))
    assert read.ranges() == [(100 * step, 164 * step)]


@pytest.mark.parametrize(
    ("pixels", "changes", "reason"),
    [
        ([3, 3, 4], {}, "1 of 3 pixels of the sky map overlap"),
        ([3, 4, PIXELS], {}, f"from 3 to {PIXELS}, out of range at nside {NSIDE}"),
        ([-1, 4, 5], {}, "from -1 to 5, out of range"),
        ([3, 4, 5], {"NSIDE": None}, "has no NSIDE"),
        ([3, 4, 5], {"NSIDE": 3}, "NSIDE of the sky map is 3, not a power of 2"),
        ([3, 4, 5], {"NSIDE": 2**30}, "not a power of 2 up to 2^29"),
        ([3, 4, 5], {"NSIDE": "8"}, "NSIDE of the sky map is 8"),
        ([3, 4, 5], {"ORDERING": "SPIRAL"}, "'SPIRAL', not NESTED or RING"),
        ([3, 4, 5], {"ORDERING": None}, "'', not NESTED or RING"),
    ],
    ids=str,
)
def test_a_faulty_partial_map_is_refused(pixels, changes, reason):
    header = {"ORDERING": "NESTED", "INDXSCHM": "EXPLICIT", "NSIDE": NSIDE} | changes
    columns = {"PIXEL": np.array(pixels), "PROB": np.full(3, 1 / 3)}
    given = {k: v for k, v in header.items() if v is not None}
    assert reason in refused(fits_bytes(columns, **given))


def test_an_explicit_map_without_indices_is_refused():
    header = {"ORDERING": "NESTED", "INDXSCHM": "EXPLICIT", "NSIDE": NSIDE}
    reason = refused(fits_bytes({"PROB": VALUES}, **header))
    assert "no column of indices: PROB" in reason
    reason = refused(fits_bytes({"PROB": VALUES}, **header | {"INDXSCHM": "SPARSE"}))
    assert "indexing 'SPARSE'" in reason


@pytest.mark.parametrize("ordering", ["NESTED", "RING"])
def test_firstpix_and_lastpix_say_which_part_a_map_covers(ordering):
    part = {"PROB": normalised(VALUES[100:200])}
    header = {"ORDERING": ordering, "NSIDE": NSIDE, "INDXSCHM": "IMPLICIT"}
    read = skymap.read(fits_bytes(part, **header, FIRSTPIX=100, LASTPIX=199))
    whole = np.zeros(PIXELS)
    whole[100:200] = VALUES[100:200]
    assert same(read, skymap.read(explicit(whole, ordering)))
    reason = refused(fits_bytes(part, **header))
    assert "100 pixels: it is not a HEALPix map of nside 8, and" in reason
    assert "HEALPix" in refused(fits_bytes(part, **header, FIRSTPIX=100, LASTPIX=150))
    for first in (PIXELS - 1, -1, 2**62):
        outside = {"FIRSTPIX": first, "LASTPIX": first + 99}
        assert "HEALPix" in refused(fits_bytes(part, **header, **outside))


def test_a_map_of_the_whole_sky_is_read_whatever_lastpix_says():
    """Some writers leave FIRSTPIX and LASTPIX at 0."""
    header = {"ORDERING": "NESTED", "NSIDE": NSIDE, "FIRSTPIX": 0, "LASTPIX": 0}
    assert same(skymap.read(fits_bytes({"PROB": VALUES}, **header)), WHOLE)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (flat_map(np.ones(100)), "100 pixels: it is not a HEALPix map"),
        (flat_map(np.ones(PIXELS), "SPIRAL"), "'SPIRAL', not NESTED or RING"),
        (flat_map(np.ones(PIXELS), ""), "'', not NESTED or RING"),
        (fits_bytes({"PROB": VALUES}, ORDERING="RING", NSIDE=4), "not a HEALPix map"),
        (
            fits_bytes({"UNIQ": np.array([1]), "PROB": np.ones(1)}),
            "1 to 1, out of",
        ),
        (
            fits_bytes({"UNIQ": np.array([2**62]), "PROB": np.ones(1)}),
            "UNIQ of the sky map is from .* out of range",
        ),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_is_not_a_healpix_map_is_refused(content, reason):
    with pytest.raises(NoticeError, match=reason):
        skymap.read(content)


def test_a_coverage_map_is_refused_as_what_it_is():
    """A MOC says which region, and nothing about the probability in it."""
    moc = {"UNIQ": np.array([4 * 64 + 11, 20])}
    assert "a MOC without probabilities" in refused(fits_bytes(moc, ORDERING="NUNIQ"))
    column = fits.Column("RANGE", "K", array=np.array([0, 1 << 40]))
    content = table_bytes([column], ORDERING="RANGE", MOCVERS="2.0", COORDSYS="C")
    assert "a MOC of ranges, without probabilities" in refused(content)


def test_maps_with_more_pixels_than_the_bounds_are_refused(monkeypatch):
    monkeypatch.setattr(limits, "MAP_FLAT_ORDER", 2)
    monkeypatch.setattr(limits, "MAP_SPARSE_PIXELS", 500)
    assert "has 768 pixels, more than 192" in refused(flat_map(VALUES))
    assert "has 768 pixels, more than 500" in refused(multi_order_map(VALUES))
