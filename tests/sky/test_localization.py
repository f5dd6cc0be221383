# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude, SkyCoord
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix
from hypothesis import given, settings
from hypothesis import strategies as st

from fink_voevent.sky import localization as loc

RADII = st.floats(1e-5, 60.0)
LEVELS = st.floats(0.05, 0.99)


@settings(deadline=None)
@given(RADII, LEVELS)
def test_an_error_radius_contains_the_stated_probability(radius, containment):
    mixture = loc.fisher(radius, containment)
    if mixture.core_kappa > 1e-6:  # else even a uniform distribution contains more
        assert mixture.radius_deg(containment) == pytest.approx(radius, rel=1e-6)


@settings(deadline=None)
@given(st.floats(1e-5, 20.0))
def test_small_radii_are_gaussian(radius):
    # In a two-dimensional Gaussian, r90 / r50 is sqrt(log 10 / log 2).
    ratio = loc.fisher(radius, 0.5).radius_deg(0.9) / radius
    assert ratio == pytest.approx(np.sqrt(np.log(10) / np.log(2)), rel=0.02)


@settings(deadline=None)
@given(st.floats(0.1, 20.0), LEVELS)
def test_radius_is_the_inverse_of_enclosed_for_mixtures(stat, level):
    mixture = loc.fisher(stat, 0.68, loc.Systematic(0.9, 3.71, 14.3))
    radius = mixture.radius_deg(level)
    enclosed = mixture.enclosed(np.sin(np.radians(radius) / 2) ** 2)
    assert enclosed == pytest.approx(level, abs=1e-12)


# Computed by bisection down to the rounding error.
@pytest.mark.parametrize(
    ("radius", "containment", "kappa"),
    [
        (40.0, 0.68, 4.869767261869453),
        (100.0, 0.9, 1.7610488557381467),
        (30.0, 0.5, 5.17348147001036),
        (170.0, 0.999, 1.6306286937789696),
    ],
)
def test_concentration_of_a_wide_radius(radius, containment, kappa):
    assert loc.kappa(radius, containment) == pytest.approx(kappa, rel=1e-12)


@pytest.mark.parametrize(
    ("level", "radius"),
    [
        (0.5, 6.808139782136764),
        (0.9, 16.683358597671234),
        (0.99, 86.0338552509057),
    ],
)
def test_radius_of_a_mixture(level, radius):
    mixture = loc.fisher(3.0, 0.68, loc.Systematic(0.897, 7.52, 55.6))
    assert mixture.radius_deg(level) == pytest.approx(radius, rel=1e-12)


# The published systematic errors (Connaughton et al. 2015; GCN Circular 25726),
# integrated numerically: r50, r68, r90 and r99 (deg) for statistical errors of 1, 3 and
# 10 deg, and below the area (deg2) of the 90 % region for 1 deg.
PUBLISHED_RADII = {
    ("fermi_gbm_flight", 3): (6.8, 9.0, 16.7, 86.0),
    ("fermi_gbm_ground", 3): (4.3, 5.7, 10.9, 22.7),
    ("fermi_gbm_final", 3): (4.0, 5.2, 8.2, 20.8),
    ("fermi_gbm_final_roboba", 1): (2.2, 3.0, 5.0, 7.8),
    ("fermi_gbm_final_roboba", 3): (3.2, 4.2, 6.2, 9.4),
    ("fermi_gbm_final_roboba", 10): (8.1, 10.5, 14.9, 21.2),
}
PUBLISHED_AREAS = {
    "fermi_gbm_flight": 784,
    "fermi_gbm_ground": 348,
    "fermi_gbm_final": 148,
    "fermi_gbm_final_roboba": 77,
}


def _systematic(registry, name):
    return next(s for s in registry.streams if s.name == name).systematic


@pytest.mark.parametrize(("name", "stat"), PUBLISHED_RADII)
def test_gbm_containment_radii_are_the_published_ones(registry, name, stat):
    mixture = loc.fisher(stat, 0.68, _systematic(registry, name))
    radii = [mixture.radius_deg(p) for p in (0.5, 0.68, 0.9, 0.99)]
    published = np.array(PUBLISHED_RADII[name, stat])
    # The published values are rounded to 0.1 deg.
    assert (np.abs(radii - published) <= 0.05 + 0.01 * published).all()


@pytest.mark.parametrize("name", PUBLISHED_AREAS)
def test_gbm_areas_are_the_published_ones(registry, name):
    radius = loc.fisher(1.0, 0.68, _systematic(registry, name)).radius_deg(0.9)
    assert loc.area_deg2(radius) == pytest.approx(PUBLISHED_AREAS[name], rel=0.01)


def test_the_whole_sky_has_its_area():
    assert loc.area_deg2(180.0) == pytest.approx(41252.96, abs=0.01)


@settings(deadline=None)
@given(
    st.floats(0, 360, exclude_max=True),
    st.floats(-90, 90),
    st.floats(1e-4, 179.9),
    st.integers(0, 2**32 - 1),
)
def test_cells_cover_every_place_within_the_radius(ra, dec, radius, seed):
    """Places at random within the circle and on its edge, computed by astropy."""
    rng = np.random.default_rng(seed)
    centre = SkyCoord(ra, dec, unit="deg")
    distance = np.append(radius * np.sqrt(rng.uniform(0, 1, 40)), np.full(20, radius))
    places = centre.directional_offset_by(
        rng.uniform(0, 360, 60) * u.deg, distance * u.deg
    )
    index = lonlat_to_healpix(Longitude(places.ra), Latitude(places.dec), 29).astype(
        np.int64
    )
    ranges = loc.cover(ra, dec, radius)
    start = np.array([lo for lo, _ in ranges])
    stop = np.array([hi for _, hi in ranges])
    place = np.searchsorted(start, index, side="right") - 1
    assert (place >= 0).all()
    assert (index < stop[place]).all()


@given(st.floats(0, 360, exclude_max=True), st.floats(-90, 90), st.floats(1e-3, 60))
def test_ranges_are_sorted_disjoint_and_of_limited_area(ra, dec, radius):
    ranges = loc.cover(ra, dec, radius)
    edges = [edge for pair in ranges for edge in pair]
    assert edges == sorted(set(edges))
    area = sum(hi - lo for lo, hi in ranges) / loc.ORDER_29_CELLS * 41252.96
    assert area <= 4 * loc.area_deg2(radius)


def test_wide_circles_are_covered_by_the_whole_sky():
    for radius in (180.0, loc.MAX_CONE_DEG + 1):
        assert loc.cover(10, 20, radius) == [(0, loc.ORDER_29_CELLS)]


def test_an_ellipse_contains_the_stated_probability():
    """The density integrates to 1 over the sky, and to p within the p region."""
    shape = loc.ellipse((9.0, 3.0), 0.0, 0.9)
    lon, lat = healpix_to_lonlat(np.arange(12 * 4**8), 8)
    sky, centre = SkyCoord(lon, lat), SkyCoord(40.0, 10.0, unit="deg")
    chord = np.sin(centre.separation(sky).rad / 2) ** 2
    phi = centre.position_angle(sky).rad
    kappa = shape.major_kappa * np.cos(phi) ** 2 + shape.minor_kappa * np.sin(phi) ** 2
    height = np.sqrt(shape.major_kappa * shape.minor_kappa) / (2 * np.pi)
    mass = height * np.exp(-2 * kappa * chord) * 4 * np.pi / len(lon)
    level = -np.expm1(-2 * kappa * chord)
    assert mass.sum() == pytest.approx(1, abs=1e-3)
    area = 4 * np.pi / len(lon) * np.degrees(1) ** 2
    for p in (0.5, 0.9, 0.99):
        assert mass[level <= p].sum() == pytest.approx(p, abs=5e-3)
        assert (level <= p).sum() * area == pytest.approx(shape.area_deg2(p), rel=0.01)
    assert shape.radius_deg(0.9) == pytest.approx(9.0)


@pytest.mark.parametrize("axes", [(1.0, 1.0), (1.0, 0.0), (30.0, 3.0), (3.0, -1.0)])
def test_half_axes_that_are_equal_zero_negative_or_too_long_give_no_ellipse(axes):
    assert loc.ellipse(axes, 0.0, 0.9) is None


@pytest.mark.parametrize("containment", [5e-324, 1e-16, 1e-3, 0.5])
def test_an_ellipse_of_which_90_percent_is_too_wide_is_none(containment):
    assert loc.ellipse((15.0, 3.0), 0.0, containment) is None


def test_the_widest_ellipse_contains_90_percent_within_the_longest_half_axis():
    shape = loc.ellipse((loc.MAX_HALF_AXIS_DEG, 3.0), 0.0, 0.9)
    assert shape.radius_deg(0.9) == pytest.approx(loc.MAX_HALF_AXIS_DEG)
