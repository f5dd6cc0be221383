# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Asymmetric errors, against an integral over right ascension and declination."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from helpers.fits_maps import centres
from hypothesis import given, settings
from hypothesis import strategies as st
from notices import Notice, xml

from fink_voevent.notices import streams
from fink_voevent.notices.normalisation import normalise
from fink_voevent.sky import asymmetric_errors
from fink_voevent.sky.skymap import SkyMap

# IceCube-170922A (GCN Circular 21916): RA 77.43 -0.65 +0.95, Dec 5.72 -0.30 +0.50, 90 %
PLACE = (77.43, 5.72)
ERRORS = (0.95, 0.65, 0.50, 0.30)
TXS_0506 = (77.3582, 5.6931)
BLOCK = """
[[stream]]
name = "mine"
pattern = 'ivo://org\\.example/tracks#'
messenger = "neutrino"
containment = 0.9
asymmetric_params = ["ra_plus", "ra_minus", "dec_plus", "dec_minus"]
"""
NAMES = ("ra_plus", "ra_minus", "dec_plus", "dec_minus")


def distance(place, errors, ra, dec):
    """Compute d of the law, of places within 180 degrees of right ascension."""
    east, west, north, south = errors
    right, up = ra - place[0], dec - place[1]
    return np.hypot(
        np.where(right < 0, right / west, right / east),
        np.where(up < 0, up / south, up / north),
    )


def enclosed(place, errors, containment):
    """Probability within d, as a function of d: summed over a grid of coordinates."""
    east, west, north, south = (3.0 * e / np.sqrt(1 - containment) for e in errors)
    ra = place[0] + np.linspace(max(-west, -180), min(east, 180), 901)
    dec = np.linspace(max(place[1] - south, -90), min(place[1] + north, 90), 901)
    ra, dec = ((c[1:] + c[:-1]) / 2 for c in (ra, dec))
    there = distance(place, errors, ra[:, None], dec[None, :])
    mass = (1 - containment) ** (there**2) * np.cos(np.radians(dec))
    rank = np.argsort(there, axis=None)
    held = np.cumsum(mass.ravel()[rank])
    return lambda d: np.interp(d, there.ravel()[rank], held / held[-1])


@settings(deadline=None)
@given(
    ra=st.one_of(st.floats(0, 359.99), st.sampled_from([0.0, 359.9])),
    dec=st.one_of(st.floats(-89.5, 89.5), st.sampled_from([-89.0, 0.0, 89.5])),
    on_sky=st.tuples(*[st.floats(0.1, 0.8)] * 4),
    containment=st.floats(0.5, 0.97),
)
def test_level_is_the_integral_of_the_law(ra, dec, on_sky, containment):
    east, west = (min(e / np.cos(np.radians(dec)), 170) for e in on_sky[:2])
    errors = (east, west, *on_sky[2:])
    found = asymmetric_errors.region(ra, dec, errors, containment)
    places = centres(found)
    wrapped = (places.ra.deg - ra + 180) % 360 - 180 + ra
    there = distance((ra, dec), errors, wrapped, places.dec.deg)
    within = enclosed((ra, dec), errors, containment)
    pixel = 1 / 12  # as a distance, of the narrow side
    low, high = within(there - pixel), within(there + pixel)
    assert np.all((found.level >= low - 0.01) & (found.level <= high + 0.01))


@settings(deadline=None)
@given(
    dec=st.floats(-60, 60),
    errors=st.tuples(*[st.floats(0.01, 0.2)] * 4),
    containment=st.floats(0.3, 0.98),
)
def test_the_errors_hold_what_they_are_said_to(dec, errors, containment):
    found = asymmetric_errors.region(10.0, dec, errors, containment)
    east, west, north, south = errors
    quarters = (east + west) * (north + south) * np.pi / 4
    area = quarters * np.cos(np.radians(dec))
    assert found.area_deg2(containment) == pytest.approx(area, rel=0.05)
    inside = found.level < containment
    held = np.sum((found.density * (found.hi - found.lo))[inside])
    assert held * 4 * np.pi / (12 << 58) == pytest.approx(containment, abs=0.02)


@pytest.mark.parametrize("dec", [-90.0, -89.999, 89.999, 90.0])
@pytest.mark.parametrize("errors", [(1, 1, 1, 1), (170, 20, 0.1, 2), (0.01, 9, 9, 9)])
def test_at_a_pole_there_are_pixels_or_none(dec, errors):
    found = asymmetric_errors.region(10.0, dec, errors, 0.9)
    assert found is None or 0 < len(found.lo) <= 200_000


@pytest.mark.parametrize("containment", [1e-9, 1e-4, 0.05, 0.999999, 1 - 1e-12])
def test_any_containment_is_of_pixels_that_can_be_met_or_of_none(containment):
    found = asymmetric_errors.region(*PLACE, ERRORS, containment)
    assert found is None or 0 < len(found.lo) <= 200_000


@pytest.mark.parametrize(
    "errors",
    [(1e-7, 1e-7, 1e-7, 1e-7), (25, 1, 1, 1), (1, 1, 1, 25)],
    ids=["too small", "too wide", "too high"],
)
def test_what_pixels_cannot_hold_has_no_region(errors):
    assert asymmetric_errors.region(*PLACE, errors, 0.9) is None


def track(errors: dict[str, str], radius_deg: float) -> bytes:
    params = tuple((name, value, "deg") for name, value in errors.items())
    when = "2017-09-22T20:54:30.43"
    ivorn = "ivo://org.example/tracks#1"
    return xml(Notice("t", ivorn, when, when, params, (*PLACE, radius_deg))).encode()


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(BLOCK)
    return streams.load(str(path))


def level_at(row: dict, place: tuple[float, float]) -> float:
    """Credible level of the pixel nearest to a place."""
    names = ("lo", "hi", "level", "density")
    found = SkyMap(*(np.array([p[name] for p in row["pixels"]]) for name in names))
    there = centres(found)
    return found.level[np.argmin(there.separation(SkyCoord(*place, unit="deg")))]


def test_the_blazar_of_icecube_170922a_is_where_the_errors_put_it(mine):
    signs = dict(zip(NAMES, ("+0.95", "-0.65", "+0.50", "-0.30"), strict=True))
    row = normalise(track(signs, 0.0), mine)
    right, up = (TXS_0506[0] - PLACE[0]) / 0.65, (TXS_0506[1] - PLACE[1]) / 0.30
    expected = 1 - 0.1 ** (right**2 + up**2)
    assert level_at(row, TXS_0506) == pytest.approx(expected, abs=0.03)
    area = np.pi / 4 * 1.6 * 0.8 * np.cos(np.radians(PLACE[1]))
    assert row["area_90"] == pytest.approx(area, rel=0.02)
    # the circle, where the notice gives none, is that of the largest error
    largest = 0.95 * np.cos(np.radians(PLACE[1]))
    assert row["error_r90"] == pytest.approx(largest, rel=1e-4)


@pytest.mark.parametrize(
    "errors",
    [
        {},
        {"ra_plus": "1", "ra_minus": "1", "dec_plus": "1"},
        {"ra_plus": "1", "ra_minus": "0", "dec_plus": "1", "dec_minus": "1"},
        {"ra_plus": "1", "ra_minus": "nan", "dec_plus": "1", "dec_minus": "1"},
        {"ra_plus": "1", "ra_minus": "none", "dec_plus": "1", "dec_minus": "1"},
    ],
    ids=["none", "three", "a zero", "not a number", "a word"],
)
def test_errors_that_are_not_whole_leave_the_circle(mine, errors):
    row = normalise(track(errors, 0.4), mine)
    assert row["pixels"] is None
    assert row["error_r90"] == pytest.approx(0.4)
