# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Integrals of a rate of alerts over a region, at rising credible levels.

Rates are of cells of `background.ORDER`, per day and square degree; nan, where none is
known, counts as 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import lonlat_to_healpix

from fink_voevent.score import background
from fink_voevent.score.background import CELL_DEG2
from fink_voevent.sky.localization import DEG2_PER_SR, Ellipse, Fisher
from fink_voevent.sky.skymap import ORDER

PLACES = 48  # sampled in each step of a circular region
_GOLDEN = math.pi * (3 - math.sqrt(5))


def map_curve(pixels: list[Any], rates: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Integral of a rate (per day) over the pixels of each credible level and less.

    Exact: the rate is constant in a cell, so its integral over the nested index is
    piecewise linear.
    """
    lo, hi, level = (np.array([p[k] for p in pixels]) for k in ("lo", "hi", "level"))
    within = np.concatenate([[0.0], np.nancumsum(rates) * CELL_DEG2])
    scale = 1 << 2 * (ORDER - background.ORDER)
    edges = np.arange(background.CELLS + 1, dtype=np.float64)
    held = np.interp(hi / scale, edges, within) - np.interp(lo / scale, edges, within)
    rank = np.argsort(level)
    total = np.concatenate([[0.0], np.cumsum(held[rank])])
    return total[np.searchsorted(level[rank], levels, side="right")]


def circle_curve(
    centre_deg: tuple[float, float],
    mixture: Fisher,
    rates: np.ndarray,
    levels: np.ndarray,
) -> np.ndarray:
    """Integral of a rate (per day) within the circle of each credible level.

    By `PLACES` places in each ring, evenly spread over its area.
    """
    edge = [math.radians(mixture.radius_deg(p)) / 2 if p > 0 else 0.0 for p in levels]
    u = np.sin(edge) ** 2
    step = np.arange(PLACES)
    inside = u[:-1, None] + np.diff(u)[:, None] * (step + 0.5) / PLACES
    turn = step * _GOLDEN + np.arange(len(u) - 1)[:, None]
    index = _cells(centre_deg, 2 * np.arcsin(np.sqrt(inside)), turn)
    mean = np.nan_to_num(rates[index]).mean(axis=1)
    rings = mean * np.diff(u) * 4 * math.pi * DEG2_PER_SR
    return np.concatenate([[0.0], np.cumsum(rings)])


def ellipse_curve(
    centre_deg: tuple[float, float],
    shape: Ellipse,
    rates: np.ndarray,
    levels: np.ndarray,
) -> np.ndarray:
    """Integral of a rate (per day) within the ellipse of each credible level."""
    q = -np.log1p(-levels) / 2
    step = np.arange(PLACES)
    inside = q[:-1, None] + np.diff(q)[:, None] * (step + 0.5) / PLACES
    turn = step * _GOLDEN + np.arange(len(q) - 1)[:, None]
    along = np.cos(turn) * np.sqrt(inside / shape.major_kappa)
    across = np.sin(turn) * np.sqrt(inside / shape.minor_kappa)
    distance = 2 * np.arcsin(np.minimum(np.hypot(along, across), 1))
    towards = np.arctan2(across, along) + math.radians(shape.angle)
    mean = np.nan_to_num(rates[_cells(centre_deg, distance, towards)]).mean(axis=1)
    scale = 4 * math.pi / math.sqrt(shape.major_kappa * shape.minor_kappa)
    return np.concatenate([[0.0], np.cumsum(mean * np.diff(q) * scale * DEG2_PER_SR)])


def _cells(
    centre_deg: tuple[float, float], distance: np.ndarray, turn: np.ndarray
) -> np.ndarray:
    """Cells of `background.ORDER` at angles (rad) from a centre, by position angle."""
    ra, dec = np.radians(centre_deg)
    sine = np.sin(dec) * np.cos(distance)
    sine = sine + np.cos(dec) * np.sin(distance) * np.cos(turn)
    north = np.arcsin(np.clip(sine, -1, 1))
    east = ra + np.arctan2(
        np.sin(turn) * np.sin(distance) * np.cos(dec),
        np.cos(distance) - np.sin(dec) * np.sin(north),
    )
    lon, lat = Longitude(east.ravel(), unit="rad"), Latitude(north.ravel(), unit="rad")
    found = lonlat_to_healpix(lon, lat, background.ORDER)
    return found.astype(np.int64).reshape(distance.shape)
