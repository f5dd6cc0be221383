# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Integrals of a background rate over a region, up to rising credible levels.

Rates are arrays of shape (`cells.CELLS`,) in alerts per deg2 and day, one for each
nested HEALPix cell of order `cells.ORDER`. NaN, an unknown rate, counts as 0. The
integrals are in alerts per day.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import lonlat_to_healpix

from fink_voevent.score import cells
from fink_voevent.score.cells import CELL_DEG2, CELLS
from fink_voevent.sky.localization import DEG2_PER_SR, ORDER, Ellipse, Fisher

SAMPLES = 48  # positions sampled between two credible levels
_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))  # between samples: they never align


def integrate_map(
    pixels: list[Any], rates: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    """Integrate a rate over the pixels of a sky map, up to each credible level.

    The result is exact: the rate is constant in a cell, so that its integral over the
    nested index is piecewise linear.

    Parameters
    ----------
    pixels : list
        Pixels of the map, each with `lo`, `hi` (range of nested indices of order 29,
        `hi` excluded) and `level` (credible level, 0-1), as the column `pixels` of the
        table events has them.
    rates : ndarray, shape (CELLS,)
        deg-2 d-1.
    levels : ndarray, shape (n,)
        Credible levels, 0-1.

    Returns
    -------
    ndarray, shape (n,)
        Integral (d-1) over the pixels with a credible level up to each of `levels`.
    """
    lo, hi, level = (np.array([p[k] for p in pixels]) for k in ("lo", "hi", "level"))
    cumulative = np.concatenate([[0.0], np.nancumsum(rates) * CELL_DEG2])
    scale = 1 << 2 * (ORDER - cells.ORDER)
    edges = np.arange(CELLS + 1, dtype=np.float64)
    in_pixel = np.interp(hi / scale, edges, cumulative)
    in_pixel = in_pixel - np.interp(lo / scale, edges, cumulative)
    rank = np.argsort(level)
    total = np.concatenate([[0.0], np.cumsum(in_pixel[rank])])
    return total[np.searchsorted(level[rank], levels, side="right")]


def integrate_circle(
    centre_deg: tuple[float, float],
    mixture: Fisher,
    rates: np.ndarray,
    levels: np.ndarray,
) -> np.ndarray:
    """Integrate a rate over a circular region, up to each credible level.

    The rate in the ring between two levels is the mean at `SAMPLES` positions, which
    are evenly spread over its area.

    Parameters
    ----------
    centre_deg : tuple of float
        Right ascension and declination (deg).
    mixture : Fisher
        Probability density of the region.
    rates : ndarray, shape (CELLS,)
        deg-2 d-1.
    levels : ndarray, shape (n,)
        Rising credible levels from 0, below 1.

    Returns
    -------
    ndarray, shape (n,)
        Integral (d-1) over the circle of each of `levels`.
    """
    edge = [math.radians(mixture.radius_deg(p)) / 2 if p > 0 else 0.0 for p in levels]
    u = np.sin(edge) ** 2  # proportional to the area of the circle
    step = np.arange(SAMPLES)
    inside = u[:-1, None] + np.diff(u)[:, None] * (step + 0.5) / SAMPLES
    turn = step * _GOLDEN_ANGLE + np.arange(len(u) - 1)[:, None]
    index = _cells(centre_deg, 2 * np.arcsin(np.sqrt(inside)), turn)
    mean = np.nan_to_num(rates[index]).mean(axis=1)
    rings = mean * np.diff(u) * 4 * math.pi * DEG2_PER_SR
    return np.concatenate([[0.0], np.cumsum(rings)])


def integrate_ellipse(
    centre_deg: tuple[float, float],
    shape: Ellipse,
    rates: np.ndarray,
    levels: np.ndarray,
) -> np.ndarray:
    """Integrate a rate over an elliptical region, up to each credible level.

    The method, the parameters and the result are those of `integrate_circle`; `shape`
    is the probability density of the region.
    """
    q = -np.log1p(-levels) / 2  # proportional to the area of the ellipse
    step = np.arange(SAMPLES)
    inside = q[:-1, None] + np.diff(q)[:, None] * (step + 0.5) / SAMPLES
    turn = step * _GOLDEN_ANGLE + np.arange(len(q) - 1)[:, None]
    along = np.cos(turn) * np.sqrt(inside / shape.major_kappa)
    across = np.sin(turn) * np.sqrt(inside / shape.minor_kappa)
    distance = 2 * np.arcsin(np.minimum(np.hypot(along, across), 1))
    position_angle = np.arctan2(across, along) + math.radians(shape.angle)
    index = _cells(centre_deg, distance, position_angle)
    mean = np.nan_to_num(rates[index]).mean(axis=1)
    scale = 4 * math.pi / math.sqrt(shape.major_kappa * shape.minor_kappa)
    return np.concatenate([[0.0], np.cumsum(mean * np.diff(q) * scale * DEG2_PER_SR)])


def _cells(
    centre_deg: tuple[float, float], distance: np.ndarray, position_angle: np.ndarray
) -> np.ndarray:
    """Cells of `cells.ORDER` at distances and position angles from a centre.

    Both are arrays of one shape, in radians; the cells have the same shape.
    """
    ra, dec = np.radians(centre_deg)
    sine = np.sin(dec) * np.cos(distance)
    sine = sine + np.cos(dec) * np.sin(distance) * np.cos(position_angle)
    north = np.arcsin(np.clip(sine, -1, 1))
    east = ra + np.arctan2(
        np.sin(position_angle) * np.sin(distance) * np.cos(dec),
        np.cos(distance) - np.sin(dec) * np.sin(north),
    )
    lon, lat = Longitude(east.ravel(), unit="rad"), Latitude(north.ravel(), unit="rad")
    index = lonlat_to_healpix(lon, lat, cells.ORDER)
    return index.astype(np.int64).reshape(distance.shape)
