# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""MOCs of regions: what they contain, and how long they are."""

from __future__ import annotations

import astropy.units as u
import pytest
from astropy.coordinates import Latitude, Longitude
from mocpy import MOC

from fink_voevent.errors import InputError
from fink_voevent.notices.normalisation import normalise
from fink_voevent.sky import region as sky_region
from fink_voevent.sky.moc import bounded_text, region_moc

NOTICES = (
    "truth/gw170817.json",
    "voevents/grb221009a_xrt.xml",
    "voevents/grb130702a_gnd_pos.xml",
    "json/maxi_ellipse.json",
)
SKY_DEG2 = 41252.96


@pytest.fixture(params=NOTICES)
def region(request, datatest, registry):
    raw = (datatest / request.param).read_bytes()
    return sky_region.from_row(normalise(raw, registry))


def test_a_moc_contains_the_places_of_its_region(region):
    moc = region_moc(region, 0.9)
    places = region.places()
    inside = region.level_at(places.ra, places.dec) < 0.9
    lon, lat = Longitude(places.ra, u.deg), Latitude(places.dec, u.deg)
    assert moc.contains_lonlat(lon, lat)[inside].all()
    area = float(moc.sky_fraction) * SKY_DEG2
    assert area == pytest.approx(region.area_deg2(0.9), rel=0.25)
    assert area >= 0.999 * region.area_deg2(0.9)


@pytest.mark.parametrize("most", [200, 1000, 100_000])
def test_the_text_of_a_moc_is_bounded_and_contains_the_region(region, most):
    moc = region_moc(region, 0.9)
    text = bounded_text(moc, most)
    assert len(text) <= most
    again = MOC.from_string(text, "ascii")
    assert moc.difference(again).empty()
    if most == 100_000:
        assert again == moc


def test_a_bound_that_nothing_fits_into_is_refused(region):
    with pytest.raises(InputError, match="allow at least 100"):
        bounded_text(region_moc(region, 0.9), 2)
