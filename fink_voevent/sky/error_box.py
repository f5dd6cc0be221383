# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Error boxes: a convex polygon on the sky as the pixels of a sky map.

A notice gives the corners and the probability c within. Beyond that it says nothing, so
that contours are taken to be the polygon scaled about its centre, and to fall off as
those of an ellipse do: with g the scale at which the polygon's edge reaches a place (0
at the centre, 1 at the edge)::

    P(within the contour of g) = 1 - (1 - c)^(g^2)

Edges are great circles: straight lines of the gnomonic projection about the centre.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from cdshealpix.nested import healpix_to_lonlat

from fink_voevent.sky import skymap
from fink_voevent.sky.localization import WIDEST_DEG
from fink_voevent.sky.skymap import ORDER, SkyMap

ACROSS = 24  # pixels, at least, over the polygon where it is narrowest
REST = 1e-6  # probability beyond the pixels
WIDEST_REACH = math.radians(60)  # of the pixels: the projection ends at 90 deg
FIRST_ORDER = 3
LAST_ORDER = 20
_CELL_RAD = math.radians(58.63)  # side of a base cell: all of it is as near its centre
_STEEPEST = math.radians(80)  # where the projection is taken to be steepest
_FLAT = 1e-6  # narrower, for its length, is a line


def region(
    corners_deg: Sequence[tuple[float, float]], containment: float
) -> SkyMap | None:
    """Pixels of a polygon.

    Parameters
    ----------
    corners_deg : sequence of (ra, dec)
        Three at least, ICRS, in any order.
    containment : float
        Probability within it, between 0 and 1, exclusive.

    Returns
    -------
    SkyMap or None
        None where they are the corners of no convex polygon, one that reaches further
        than `WIDEST_DEG` from its centre or holds next to nothing, or one smaller than
        pixels can be.
    """
    corners = _vectors(np.asarray(corners_deg, dtype=np.float64))
    centre = corners.sum(axis=0)
    centre /= np.linalg.norm(centre)
    if np.min(corners @ centre) < math.cos(math.radians(WIDEST_DEG)):
        return None
    frame = _frame(centre)
    edges = _edges(_projected(corners, frame))
    if edges is None:
        return None
    steepness = math.log1p(-containment)
    widest = math.sqrt(math.log(REST) / steepness)
    if math.atan(widest * _longest(edges)) > WIDEST_REACH:
        return None
    order, pixels, scale = _covered(frame, edges, widest)
    if len(pixels) == 0:
        return None
    shift = 2 * (ORDER - order)
    lo = pixels.astype(np.int64) << shift
    return skymap.of_pixels(lo, lo + (1 << shift), np.exp(steepness * scale**2))


def _vectors(places_deg: np.ndarray) -> np.ndarray:
    ra, dec = np.radians(places_deg).T
    return np.stack(
        [np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1
    )


def _frame(centre: np.ndarray) -> np.ndarray:
    """Rows: the centre, and two directions across."""
    axis = np.eye(3)[np.argmin(np.abs(centre))]
    east = np.cross(axis, centre)
    east /= np.linalg.norm(east)
    return np.stack([centre, east, np.cross(centre, east)])


def _projected(vectors: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Gnomonic: of what lies before us, the rest is at infinity."""
    along, *across = frame @ vectors.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(along > 0, np.stack(across) / along, np.inf).T


def _edges(corners: np.ndarray) -> np.ndarray | None:
    """Edges (n, 2), each divided by its distance: a place is within where all < 1.

    None where the corners are not those of a convex polygon around the centre.
    """
    ordered = corners[np.argsort(np.arctan2(*corners.T))][::-1]
    sides = np.roll(ordered, -1, axis=0) - ordered
    following = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0]
    outward = np.stack([sides[:, 1], -sides[:, 0]], axis=1)
    lengths = np.linalg.norm(sides, axis=1)
    if len(corners) < 3 or np.any(turns <= 0) or np.any(lengths == 0):
        return None
    distance = np.sum(outward * ordered, axis=1) / lengths
    if np.min(distance) <= _FLAT * np.max(lengths):
        return None
    edges: np.ndarray = outward / lengths[:, None] / distance[:, None]
    return edges


def _covered(
    frame: np.ndarray, edges: np.ndarray, widest: float
) -> tuple[int, np.ndarray, np.ndarray]:
    """Order, nested pixels and their scales g, up to the scale `widest`."""
    steep = np.linalg.norm(edges, axis=1)
    narrow, reach = 1 / float(steep.max()), math.atan(widest * _longest(edges))
    wanted = math.ceil(math.log2(_CELL_RAD * ACROSS / (2 * narrow)))
    order = FIRST_ORDER
    pixels: np.ndarray = np.arange(12 << 2 * order, dtype=np.uint64)
    while True:
        scales = _scales(pixels, order, frame, edges)
        # a cell whose centre is beyond may reach within
        cell = _CELL_RAD / (1 << order)
        margin = cell / math.cos(min(reach + cell, _STEEPEST)) ** 2
        near = np.all(scales <= widest + margin * steep, axis=1)
        scale = scales.max(axis=1)
        inside = scale <= widest
        most = max(4 * np.count_nonzero(inside), np.count_nonzero(near))
        if order >= min(wanted, LAST_ORDER) or most > skymap.MAX_PIXELS:
            return order, pixels[inside], scale[inside]
        children = pixels[near, None] * 4 + np.arange(4, dtype=np.uint64)
        pixels, order = children.ravel(), order + 1


def _longest(edges: np.ndarray) -> float:
    """Distance of the corner that is furthest from the centre."""
    pairs = np.stack([edges, np.roll(edges, -1, axis=0)], axis=1)
    corners = np.linalg.solve(pairs, np.ones((len(edges), 2, 1)))
    return float(np.linalg.norm(corners[:, :, 0], axis=1).max())


def _scales(
    pixels: np.ndarray, order: int, frame: np.ndarray, edges: np.ndarray
) -> np.ndarray:
    """Scale at which each edge (columns) reaches the centre of each pixel (rows)."""
    lon, lat = healpix_to_lonlat(pixels, order)
    places = np.stack([lon.deg, lat.deg], axis=1)
    across = _projected(_vectors(places), frame)
    beyond = np.isinf(across).any(axis=1)[:, None]
    scales: np.ndarray = np.where(beyond, np.inf, np.where(beyond, 0, across) @ edges.T)
    return scales
