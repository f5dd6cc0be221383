# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Error boxes: a convex polygon on the sky, converted to the pixels of a sky map.

A notice gives the corners of the polygon and the probability c within it, and nothing
about the density inside and outside. Contours are therefore assumed to be the polygon
scaled about its centre, and the density to decrease as that of an ellipse does. With g
the scale at which the edge of the polygon passes through a place (0 at the centre, 1 on
the edge)::

    P(within the contour of g) = 1 - (1 - c)^(g^2)

Edges are great circles, which are straight lines in the gnomonic projection about the
centre.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from cdshealpix.nested import healpix_to_lonlat

from fink_voevent import limits
from fink_voevent.sky import skymap
from fink_voevent.sky.localization import MAX_HALF_AXIS_DEG, ORDER
from fink_voevent.sky.skymap import SkyMap

MIN_PIXELS_ACROSS = 24  # over the polygon in its narrowest direction
OMITTED_PROBABILITY = 1e-6  # outside of the pixels
MAX_RADIUS = math.radians(60)  # of the pixels (rad): the projection ends at 90 deg
FIRST_ORDER = 3
LAST_ORDER = 20
# Side of a HEALPix cell of order 0 (rad): no point of the cell is further from its
# centre.
_CELL_RAD = math.radians(58.63)
# Angle from the centre (rad) at which the largest scale of the projection is evaluated.
_STEEPEST = math.radians(80)
_MIN_FLATNESS = 1e-6  # a polygon that is narrower, relative to its length, is a line


def region(
    corners_deg: Sequence[tuple[float, float]], containment: float
) -> SkyMap | None:
    """Return the pixels of an error box.

    Parameters
    ----------
    corners_deg : sequence of (ra, dec)
        Three corners or more (deg), ICRS, in any order.
    containment : float
        Probability within the polygon, between 0 and 1, exclusive.

    Returns
    -------
    SkyMap or None
        None if the corners are not those of a convex polygon, if a corner is further
        than `MAX_HALF_AXIS_DEG` from the centre, if the pixels would extend further
        than `MAX_RADIUS`, or if the polygon is smaller than a pixel.
    """
    corners = _unit_vectors(np.asarray(corners_deg, dtype=np.float64))
    centre = corners.sum(axis=0)
    centre /= np.linalg.norm(centre)
    if np.min(corners @ centre) < math.cos(math.radians(MAX_HALF_AXIS_DEG)):
        return None
    frame = _frame(centre)
    edges = _edges(_gnomonic(corners, frame))
    if edges is None:
        return None
    steepness = math.log1p(-containment)
    largest_scale = math.sqrt(math.log(OMITTED_PROBABILITY) / steepness)
    if math.atan(largest_scale * _furthest_corner(edges)) > MAX_RADIUS:
        return None
    order, pixels, scale = _pixels_within(largest_scale, frame, edges)
    if len(pixels) == 0:
        return None
    shift = 2 * (ORDER - order)
    lo = pixels.astype(np.int64) << shift
    return skymap.from_pixels(lo, lo + (1 << shift), np.exp(steepness * scale**2))


def _unit_vectors(places_deg: np.ndarray) -> np.ndarray:
    """Convert right ascensions and declinations (n, 2), deg, to unit vectors (n, 3)."""
    ra, dec = np.radians(places_deg).T
    return np.stack(
        [np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1
    )


def _frame(centre: np.ndarray) -> np.ndarray:
    """Orthonormal frame (3, 3): the centre, then two directions perpendicular to it."""
    axis = np.eye(3)[np.argmin(np.abs(centre))]
    east = np.cross(axis, centre)
    east /= np.linalg.norm(east)
    return np.stack([centre, east, np.cross(centre, east)])


def _gnomonic(vectors: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """Gnomonic projection (n, 2) of unit vectors (n, 3), about the first of the frame.

    Vectors that are 90 degrees or more from the centre are projected to infinity.
    """
    along, *across = frame @ vectors.T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(along > 0, np.stack(across) / along, np.inf).T


def _edges(corners: np.ndarray) -> np.ndarray | None:
    """Compute the normals of the edges of a polygon with the projected corners (n, 2).

    Returns
    -------
    ndarray of shape (n, 2) or None
        Outward normal of each edge, divided by the distance of the edge from the
        centre: a place is inside if its scalar products with all of them are below 1.
        None if the corners are not those of a convex polygon around the centre.
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
    if np.min(distance) <= _MIN_FLATNESS * np.max(lengths):
        return None
    edges: np.ndarray = outward / lengths[:, None] / distance[:, None]
    return edges


def _furthest_corner(edges: np.ndarray) -> float:
    """Projected distance from the centre of the furthest corner of the polygon."""
    pairs = np.stack([edges, np.roll(edges, -1, axis=0)], axis=1)
    corners = np.linalg.solve(pairs, np.ones((len(edges), 2, 1)))
    return float(np.linalg.norm(corners[:, :, 0], axis=1).max())


def _pixels_within(
    largest_scale: float, frame: np.ndarray, edges: np.ndarray
) -> tuple[int, np.ndarray, np.ndarray]:
    """Order, nested pixels (n,) and scales g (n,), up to the largest scale.

    Pixels near the polygon are divided by four until they are small enough, or until
    there are too many of them.
    """
    steepness = np.linalg.norm(edges, axis=1)
    narrowest = 1 / float(steepness.max())
    radius = math.atan(largest_scale * _furthest_corner(edges))
    wanted = math.ceil(math.log2(_CELL_RAD * MIN_PIXELS_ACROSS / (2 * narrowest)))
    order = FIRST_ORDER
    pixels: np.ndarray = np.arange(12 << 2 * order, dtype=np.uint64)
    while True:
        scales = _scales(pixels, order, frame, edges)
        # A pixel can intersect the polygon even if its centre is outside.
        cell = _CELL_RAD / (1 << order)
        margin = cell / math.cos(min(radius + cell, _STEEPEST)) ** 2
        near = np.all(scales <= largest_scale + margin * steepness, axis=1)
        scale = scales.max(axis=1)
        inside = scale <= largest_scale
        next_count = max(4 * np.count_nonzero(inside), np.count_nonzero(near))
        if order >= min(wanted, LAST_ORDER) or next_count > limits.MAP_REGION_PIXELS:
            return order, pixels[inside], scale[inside]
        children = pixels[near, None] * 4 + np.arange(4, dtype=np.uint64)
        pixels, order = children.ravel(), order + 1


def _scales(
    pixels: np.ndarray, order: int, frame: np.ndarray, edges: np.ndarray
) -> np.ndarray:
    """Scale (n, edges) at which each edge passes through the centre of each pixel."""
    lon, lat = healpix_to_lonlat(pixels, order)
    places = np.stack([lon.deg, lat.deg], axis=1)
    projected = _gnomonic(_unit_vectors(places), frame)
    is_behind = np.isinf(projected).any(axis=1)[:, None]
    scales: np.ndarray = np.where(
        is_behind, np.inf, np.where(is_behind, 0, projected) @ edges.T
    )
    return scales
