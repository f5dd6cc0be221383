# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Regions of asymmetric errors agree with a numerical integral over coordinates."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from helpers.fits_maps import pixel_centres
from helpers.sizes import few_examples
from hypothesis import given
from hypothesis import strategies as st
from notices import Notice, xml

from fink_voevent.notices import streams
from fink_voevent.notices.normalisation import normalise
from fink_voevent.sky import asymmetric_errors
from fink_voevent.sky.skymap import SkyMap

# IceCube-170922A (GCN Circular 21916): RA 77.43 -0.65 +0.95, Dec 5.72 -0.30 +0.50, 90 %
POSITION = (77.43, 5.72)
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


def contour_distance(position, errors, ra, dec):
    """Return d of each place, all within 180 degrees of right ascension."""
    east, west, north, south = errors
    d_ra, d_dec = ra - position[0], dec - position[1]
    return np.hypot(
        np.where(d_ra < 0, d_ra / west, d_ra / east),
        np.where(d_dec < 0, d_dec / south, d_dec / north),
    )


def enclosed_probability(position, errors, containment):
    """Return the probability within d as a function of d, summed over a grid."""
    east, west, north, south = (3.0 * e / np.sqrt(1 - containment) for e in errors)
    ra = position[0] + np.linspace(max(-west, -180), min(east, 180), 901)
    dec = np.linspace(max(position[1] - south, -90), min(position[1] + north, 90), 901)
    ra, dec = ((c[1:] + c[:-1]) / 2 for c in (ra, dec))
    distance = contour_distance(position, errors, ra[:, None], dec[None, :])
    mass = (1 - containment) ** (distance**2) * np.cos(np.radians(dec))
    rank = np.argsort(distance, axis=None)
    enclosed = np.cumsum(mass.ravel()[rank])
    return lambda d: np.interp(d, distance.ravel()[rank], enclosed / enclosed[-1])


@few_examples
@given(
    ra=st.one_of(st.floats(0, 359.99), st.sampled_from([0.0, 359.9])),
    dec=st.one_of(st.floats(-89.5, 89.5), st.sampled_from([-89.0, 0.0, 89.5])),
    on_sky=st.tuples(*[st.floats(0.1, 0.8)] * 4),
    containment=st.floats(0.5, 0.97),
)
def test_credible_level_is_the_integral_of_the_density(ra, dec, on_sky, containment):
    east, west = (min(e / np.cos(np.radians(dec)), 170) for e in on_sky[:2])
    errors = (east, west, *on_sky[2:])
    region = asymmetric_errors.region(ra, dec, errors, containment)
    places = pixel_centres(region)
    wrapped_ra = (places.ra.deg - ra + 180) % 360 - 180 + ra
    distance = contour_distance((ra, dec), errors, wrapped_ra, places.dec.deg)
    probability = enclosed_probability((ra, dec), errors, containment)
    pixel = 1 / 12  # size of a pixel relative to the smallest error
    low, high = probability(distance - pixel), probability(distance + pixel)
    assert np.all((region.level >= low - 0.01) & (region.level <= high + 0.01))


@few_examples
@given(
    dec=st.floats(-60, 60),
    errors=st.tuples(*[st.floats(0.01, 0.2)] * 4),
    containment=st.floats(0.3, 0.98),
)
def test_the_errors_contain_the_stated_probability(dec, errors, containment):
    region = asymmetric_errors.region(10.0, dec, errors, containment)
    east, west, north, south = errors
    quarters = (east + west) * (north + south) * np.pi / 4
    area = quarters * np.cos(np.radians(dec))
    assert region.area_deg2(containment) == pytest.approx(area, rel=0.05)
    inside = region.level < containment
    enclosed = np.sum((region.density * (region.hi - region.lo))[inside])
    assert enclosed * 4 * np.pi / (12 << 58) == pytest.approx(containment, abs=0.02)


@pytest.mark.parametrize("dec", [-90.0, -89.999, 89.999, 90.0])
@pytest.mark.parametrize("errors", [(1, 1, 1, 1), (170, 20, 0.1, 2), (0.01, 9, 9, 9)])
def test_the_number_of_pixels_at_a_pole_is_limited(dec, errors):
    region = asymmetric_errors.region(10.0, dec, errors, 0.9)
    assert region is None or 0 < len(region.lo) <= 200_000


@pytest.mark.parametrize("containment", [1e-9, 1e-4, 0.05, 0.999999, 1 - 1e-12])
def test_the_number_of_pixels_is_limited_at_any_containment(containment):
    region = asymmetric_errors.region(*POSITION, ERRORS, containment)
    assert region is None or 0 < len(region.lo) <= 200_000


@pytest.mark.parametrize(
    "errors",
    [(1e-7, 1e-7, 1e-7, 1e-7), (25, 1, 1, 1), (1, 1, 1, 25)],
    ids=["too small", "too wide", "too high"],
)
def test_errors_that_are_too_small_or_too_large_have_no_region(errors):
    assert asymmetric_errors.region(*POSITION, errors, 0.9) is None


def track_notice(errors: dict[str, str], radius_deg: float) -> bytes:
    """Return a VOEvent with Params of asymmetric errors and with an error radius."""
    params = tuple((name, value, "deg") for name, value in errors.items())
    time = "2017-09-22T20:54:30.43"
    ivorn = "ivo://org.example/tracks#1"
    return xml(Notice("t", ivorn, time, time, params, (*POSITION, radius_deg))).encode()


@pytest.fixture
def tracks_registry(tmp_path):
    """Registry with a stream that has asymmetric errors."""
    path = tmp_path / "mine.toml"
    path.write_text(BLOCK)
    return streams.load(str(path))


def level_at(row: dict, place: tuple[float, float]) -> float:
    """Return the credible level of the pixel nearest to a place."""
    names = ("lo", "hi", "level", "density")
    region = SkyMap(*(np.array([p[name] for p in row["pixels"]]) for name in names))
    centres = pixel_centres(region)
    return region.level[np.argmin(centres.separation(SkyCoord(*place, unit="deg")))]


def test_the_credible_level_of_the_blazar_of_icecube_170922a(tracks_registry):
    signs = dict(zip(NAMES, ("+0.95", "-0.65", "+0.50", "-0.30"), strict=True))
    row = normalise(track_notice(signs, 0.0), tracks_registry)
    d_ra, d_dec = (TXS_0506[0] - POSITION[0]) / 0.65, (TXS_0506[1] - POSITION[1]) / 0.30
    expected = 1 - 0.1 ** (d_ra**2 + d_dec**2)
    assert level_at(row, TXS_0506) == pytest.approx(expected, abs=0.03)
    area = np.pi / 4 * 1.6 * 0.8 * np.cos(np.radians(POSITION[1]))
    assert row["area_90"] == pytest.approx(area, rel=0.02)
    # The notice gives no error radius, so that it is the largest of the errors.
    largest = 0.95 * np.cos(np.radians(POSITION[1]))
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
def test_incomplete_asymmetric_errors_leave_the_circle(tracks_registry, errors):
    row = normalise(track_notice(errors, 0.4), tracks_registry)
    assert row["pixels"] is None
    assert row["error_r90"] == pytest.approx(0.4)
