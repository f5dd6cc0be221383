# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The part of a region that was observed, against maps and alerts of known truth."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import Latitude, Longitude, SkyCoord
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.score import searched
from fink_voevent.sky.localization import Ellipse, fisher, kappa

T0 = datetime(2026, 10, 9, 13, tzinfo=timezone.utc)
SIDE = 1 << 2 * (29 - searched.ORDER)  # order-29 cells in a cell


def table(rows) -> pa.Table:
    """Alerts: cell, days after the event, magnitude, limit of the exposure."""
    return pa.table(
        {
            "hpx29": pa.array([cell * SIDE + 7 for cell, *_ in rows], pa.int64()),
            "alert_time": pa.array(
                [T0 + timedelta(days=days) for _, days, *_ in rows],
                pa.timestamp("us", "UTC"),
            ),
            "magnitude": pa.array([row[2] for row in rows], pa.float64()),
            "exposure_limit": pa.array([row[3] for row in rows], pa.float64()),
        }
    )


def uniform(*cells: int) -> np.ndarray:
    shares = np.zeros(searched.CELLS)
    shares[list(cells)] = 0.95 / len(cells)
    return shares


def test_the_observed_share_is_that_of_the_cells_with_alerts_in_the_window():
    alerts = table(
        [
            (10, 0.5, 19.0, 20.5),
            (10, 2.0, 19.0, 20.9),
            (11, -2.0, 19.0, 20.5),  # before the window
            (12, 8.0, 19.0, 20.5),  # after it
            (500, 1.0, 19.0, 22.0),  # elsewhere
        ]
    )
    found = searched.searched(uniform(10, 11, 12, 13), alerts, T0, (1.0, 7.0))
    assert found.share == pytest.approx(0.95 / 4)
    assert found.area_deg2 == pytest.approx(searched.CELL_DEG2)
    assert (found.first_days, found.last_days) == (0.5, 2.0)
    assert found.depth == 20.9
    assert found.sentence == (
        "24% of the probability was observed to 20.9 mag, from 0.5 to 2.0 d after the"
        " event (3 deg2)."
    )


def test_the_depth_is_what_half_of_the_probability_reaches():
    shares = np.zeros(searched.CELLS)
    shares[[1, 2, 3]] = 0.5, 0.3, 0.15
    alerts = table([(1, 1, None, 20.0), (2, 1, None, 21.0), (3, 1, 18.5, None)])
    assert searched.searched(shares, alerts, T0, (0, 2)).depth == 20.0
    alerts = table([(1, 1, None, None), (2, 1, None, 21.0), (3, 1, 18.5, None)])
    assert searched.searched(shares, alerts, T0, (0, 2)).depth == 21.0
    alerts = table([(1, 1, None, None)])
    assert searched.searched(shares, alerts, T0, (0, 2)).depth is None


def test_nothing_observed_is_said():
    for alerts in (table([]), table([(500, 1, 19.0, 20.5)])):
        found = searched.searched(uniform(10), alerts, T0, (1, 7))
        assert found == searched.Searched(0.0)
        assert found.sentence.startswith("No part of the region was observed")


@given(st.lists(st.integers(0, 11), min_size=1, max_size=12, unique=True))
def test_pixels_of_any_order_give_the_same_shares(bases):
    """A uniform density, as pixels of order 0 and as cells of `ORDER`."""
    density = 1 / (4 * np.pi / 12 * len(bases))
    size = 1 << 58
    coarse = searched.shares_of_pixels(
        [b * size for b in bases],
        [(b + 1) * size for b in bases],
        [density] * len(bases),
    )
    expected = np.zeros((12, searched.CELLS // 12))
    expected[bases] = 1 / len(bases) / expected.shape[1]
    np.testing.assert_allclose(coarse, expected.ravel(), atol=1e-12)


def test_pixels_smaller_than_a_cell_are_added_up():
    quarter = SIDE // 4
    lo = np.array([3, 0, 1, 9]) * quarter
    share = np.array([0.1, 0.2, 0.3, 0.4])
    density = share / (quarter * 4 * np.pi / (12 << 58))
    shares = searched.shares_of_pixels(lo, lo + quarter, density)
    assert shares[[0, 1, 2]] == pytest.approx([0.6, 0.0, 0.4])
    assert shares.sum() == pytest.approx(1.0)


def in_cells(sky: SkyCoord) -> np.ndarray:
    index = lonlat_to_healpix(sky.ra, sky.dec, searched.ORDER).astype(int)
    return np.bincount(index, minlength=searched.CELLS) / len(index)


@pytest.mark.parametrize("centre", [(10.0, 0.0), (359.9, 89.0), (200.0, -45.0)])
@pytest.mark.parametrize("radius", [0.05, 3.0, 12.0])
def test_a_circle_has_the_shares_of_random_places_of_its_distribution(centre, radius):
    region, level = fisher(radius, 0.9), 0.95
    random = np.random.default_rng(1)
    half = -np.log1p(-random.uniform(0, level, 200_000)) / (2 * region.core_kappa)
    distance = np.degrees(2 * np.arcsin(np.sqrt(half)))
    turn = random.uniform(0, 360, len(half))
    places = SkyCoord(*centre, unit="deg").directional_offset_by(
        Longitude(turn, "deg"), Longitude(distance, "deg")
    )
    shares = searched.shares_of_circle(centre, region, level)
    assert shares.sum() == pytest.approx(level)
    assert abs(shares - level * in_cells(places)).sum() / 2 < 0.04


def test_an_ellipse_lies_along_its_position_angle():
    region = Ellipse(kappa(10.0, 0.9), kappa(1.0, 0.9), 90.0)  # east to west
    shares = searched.shares_of_ellipse((180.0, 0.0), region, 0.9)
    cells = np.flatnonzero(shares)
    lon, lat = healpix_to_lonlat(cells, searched.ORDER)
    weight = shares[cells]
    assert weight.sum() == pytest.approx(0.9)
    east = np.average((lon.deg - 180) ** 2, weights=weight) ** 0.5
    north = np.average(lat.deg**2, weights=weight) ** 0.5
    assert 3.5 < east < 5.0  # 10 deg contain 90 % of two dimensions: sigma 4.7, cut
    assert north < 1.2  # 0.5, and the size of a cell


def test_a_circle_of_the_whole_sky_is_everywhere():
    shares = searched.shares_of_circle((0.0, 0.0), fisher(170.0, 0.9), 0.95)
    lon, lat = healpix_to_lonlat(np.flatnonzero(shares), searched.ORDER)
    assert isinstance(lat, Latitude)
    assert lat.deg.min() < -60
    assert lat.deg.max() > 60
