# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Regions of error boxes agree with boxes in astropy's offset frames."""

from __future__ import annotations

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from helpers.fits_maps import pixel_centres
from helpers.sizes import few_examples
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.sky import error_box

MAXI = [(345.72, 19.547), (345.464, 19.29), (347.309, 17.634), (347.566, 17.889)]


def offset_frame(ra: float, dec: float, angle: float):
    """Return a frame with the centre of a box as origin, along the axes of the box."""
    return SkyCoord(ra, dec, unit="deg").skyoffset_frame(rotation=angle * u.deg)


def box_corners(frame, half_axes: tuple[float, float]) -> list[tuple[float, float]]:
    """Return right ascension and declination (deg) of the corners of a box."""
    a, b = half_axes
    corners = SkyCoord([a, a, -a, -a] * u.deg, [b, -b, -b, b] * u.deg, frame=frame)
    return list(zip(corners.icrs.ra.deg, corners.icrs.dec.deg, strict=True))


@few_examples
@given(
    ra=st.floats(0, 359.99),
    dec=st.one_of(
        st.floats(-90, 90), st.sampled_from([-90.0, -89.9, 0.0, 89.95, 90.0])
    ),
    angle=st.floats(0, 180),
    half_axes=st.tuples(st.floats(0.05, 1.5), st.floats(0.02, 0.3)),
    containment=st.floats(0.5, 0.97),
)
def test_credible_levels_are_those_of_scaled_boxes(
    ra, dec, angle, half_axes, containment
):
    frame = offset_frame(ra, dec, angle)
    region = error_box.region(box_corners(frame, half_axes), containment)
    places = pixel_centres(region).transform_to(frame)
    offsets = np.stack([places.lon.wrap_at(180 * u.deg).deg, places.lat.deg])
    scale = np.max(np.abs(offsets) / np.array(half_axes)[:, None], axis=0)
    # Size of a pixel relative to the narrow side of the box.
    pixel = 2 / error_box.MIN_PIXELS_ACROSS
    low, high = (
        1 - (1 - containment) ** edge**2
        for edge in (np.maximum(scale - pixel, 0), scale + pixel)
    )
    # The edges of the region are great circles. Those of the box in the offset frame
    # are nearly so, because the box is small.
    assert np.all((region.level >= low - 0.005) & (region.level <= high + 0.005))


@few_examples
@given(containment=st.floats(0.3, 0.98), turn=st.integers(0, 23))
def test_the_box_contains_the_stated_probability(containment, turn):
    region = error_box.region(np.roll(MAXI, turn, axis=0), containment)
    assert region.area_deg2(containment) == pytest.approx(0.849, rel=0.02)
    inside = region.level < containment
    enclosed = np.sum((region.density * (region.hi - region.lo))[inside])
    assert enclosed * 4 * np.pi / (12 << 58) == pytest.approx(containment, abs=0.01)


@pytest.mark.parametrize("containment", [1e-9, 1e-4, 0.05, 0.999999, 1 - 1e-12])
def test_the_number_of_pixels_is_limited_at_any_containment(containment):
    region = error_box.region(MAXI, containment)
    assert region is None or 0 < len(region.lo) <= 200_000


def test_corners_can_be_in_any_order():
    first = error_box.region(MAXI, 0.9)
    crossed = error_box.region([MAXI[2], MAXI[0], MAXI[3], MAXI[1]], 0.9)
    assert np.array_equal(first.lo, crossed.lo)
    assert np.array_equal(first.level, crossed.level)


def test_a_box_across_0h_or_over_a_pole_is_complete():
    wrap = error_box.region([(359, -1), (1, -1), (1, 1), (359, 1)], 0.9)
    pole = error_box.region([(0, 89), (90, 89), (180, 89), (270, 89)], 0.9)
    assert wrap.area_deg2(0.9) == pytest.approx(4, rel=0.02)
    assert pole.area_deg2(0.9) == pytest.approx(2, rel=0.02)


def test_the_number_of_pixels_of_a_narrow_box_is_limited():
    thin = error_box.region([(10, 0), (20, 0), (20, 0.01), (10, 0.01)], 0.9)
    assert 0 < len(thin.lo) <= 200_000
    assert thin.area_deg2(0.9) == pytest.approx(0.1, rel=0.1)


@pytest.mark.parametrize(
    "corners",
    [
        [(0, 0), (1, 1)],
        [(0, 0), (0, 0), (0, 0)],
        [(0, 0), (1, 0), (2, 0), (3, 0)],
        [(0, 0), (10, 0), (1, 1), (0, 10)],
        [(0, -50), (90, -50), (180, -50)],
        [(10, 10), (10.0000001, 10), (10.0000001, 10.0000001)],
    ],
    ids=["two", "one place", "a line", "not convex", "too large", "too small"],
)
def test_corners_that_are_not_a_convex_polygon_have_no_region(corners):
    assert error_box.region(corners, 0.9) is None
