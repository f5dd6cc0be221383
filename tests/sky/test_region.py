# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Regions as objects: levels, areas and places, against astropy and brute force."""

from __future__ import annotations

import math

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.notices.normalisation import normalise
from fink_voevent.sky import region as sky_region
from fink_voevent.sky.localization import Fisher, Systematic, ellipse, fisher, kappa
from fink_voevent.sky.region import OUTSIDE, Region

ra_deg = st.floats(0, 359.99)
dec_deg = st.floats(-89, 89)
level = st.floats(0.05, 0.95)
NOTICES = (
    "truth/gw170817.json",
    "voevents/grb221009a_xrt.xml",
    "voevents/grb130702a_gnd_pos.xml",
    "json/maxi_ellipse.json",
    "json/maxi_rectangle.json",
)


def region_of(datatest, name: str, registry) -> Region:
    found = sky_region.from_row(normalise((datatest / name).read_bytes(), registry))
    assert found is not None
    return found


@given(ra_deg, dec_deg, st.floats(0.01, 40), level, st.floats(0, 360))
def test_the_level_of_a_circle_is_that_of_the_radius(ra, dec, radius, share, angle):
    shape = fisher(radius, 0.9, Systematic(0.8, 1.0, 5.0))
    region = Region(ra, dec, shape)
    edge = SkyCoord(ra, dec, unit="deg").directional_offset_by(
        angle * u.deg, shape.radius_deg(share) * u.deg
    )
    found = region.level_at(edge.ra.deg, edge.dec.deg)
    assert float(found) == pytest.approx(share, abs=1e-6)


@given(ra_deg, dec_deg, st.floats(0.1, 5), st.floats(0.1, 5), st.floats(0, 180), level)
def test_the_level_of_an_ellipse_is_reached_at_its_half_axis(
    ra, dec, along, across, angle, share
):
    shape = ellipse((along, across), angle, 0.9)
    if shape is None:  # equal axes: a circle
        return
    region = Region(ra, dec, Fisher(1.0, kappa(along, 0.9), kappa(along, 0.9)), shape)
    half = math.degrees(
        2 * math.asin(math.sqrt(-math.log1p(-share) / (2 * shape.major_kappa)))
    )
    edge = SkyCoord(ra, dec, unit="deg").directional_offset_by(
        angle * u.deg, half * u.deg
    )
    found = region.level_at(edge.ra.deg, edge.dec.deg)
    assert float(found) == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize("name", NOTICES)
def test_places_share_the_probability_as_the_levels_say(datatest, registry, name):
    region = region_of(datatest, name, registry)
    places = region.places()
    levels = region.level_at(places.ra, places.dec)
    for share in (0.3, 0.5, 0.9):
        assert places.probability[levels < share].sum() == pytest.approx(
            share, abs=0.02
        )
    assert 0.985 <= places.probability.sum() <= 1 + 1e-9


@pytest.mark.parametrize("name", NOTICES)
def test_the_area_is_that_of_random_places(datatest, registry, name):
    """Monte Carlo in a cap around the region: no formula of the module is used."""
    region = region_of(datatest, name, registry)
    radius = min(1.2 * region.radius_deg(0.9), 180.0)
    rng = np.random.default_rng(3)
    cosine = rng.uniform(math.cos(math.radians(radius)), 1, 40_000)
    offsets = SkyCoord(region.ra, region.dec, unit="deg").directional_offset_by(
        rng.uniform(0, 360, cosine.size) * u.deg, np.degrees(np.arccos(cosine)) * u.deg
    )
    inside = region.level_at(offsets.ra.deg, offsets.dec.deg) < 0.9
    cap = 2 * math.pi * (1 - math.cos(math.radians(radius))) * math.degrees(1) ** 2
    assert cap * inside.mean() == pytest.approx(region.area_deg2(0.9), rel=0.05)


def test_the_level_of_each_pixel_is_found_at_its_centre(datatest, registry):
    region = region_of(datatest, "truth/gw170817.json", registry)
    places = region.places()
    found = region.level_at(places.ra, places.dec)
    assert found.tolist() == region.pixels.level.tolist()
    assert region.level_at(17.0, 24.0) == OUTSIDE  # on the other side of the sky


def test_no_place_has_no_level(datatest, registry):
    region = region_of(datatest, "truth/gw170817.json", registry)
    assert region.level_at([np.nan, 197.4], [0.0, np.nan]).tolist() == [OUTSIDE] * 2


def test_a_notice_without_position_has_no_region():
    row = {"ra": None, "dec": None, "fisher": None, "ellipse": None, "pixels": None}
    assert sky_region.from_row(row) is None
