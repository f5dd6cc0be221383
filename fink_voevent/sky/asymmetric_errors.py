# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Asymmetric errors: four quarters of ellipses, converted to the pixels of a sky map.

A notice gives the errors towards east, west, north and south, and the probability c
within them. With dRA (wrapped to +-180 deg) and dDec measured from the position, in
degrees of coordinates, the error of the side on which the place lies is used (this is
what IceCube means by [+a, -b], [+c, -d])::

    d^2 = (dRA / (east | west))^2 + (dDec / (north | south))^2
    P(within the contour of d) = 1 - (1 - c)^(d^2)

Both dRA and the errors in right ascension are differences of coordinates, so that the
factor cos(dec) cancels. The formula defines the density. Close to a pole, where
cos(dec) varies much over the region, credible levels are computed from that density.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import cone_search, healpix_to_lonlat

from fink_voevent import limits
from fink_voevent.sky import skymap
from fink_voevent.sky.localization import MAX_HALF_AXIS_DEG, ORDER
from fink_voevent.sky.skymap import SkyMap

MIN_PIXELS_ACROSS = 24  # over the region in its narrowest direction
OMITTED_PROBABILITY = 1e-6  # outside of the pixels
MAX_RADIUS_DEG = 60.0  # of the pixels around the position
MAX_ORDER = 24
_CELL_DEG = 58.63  # side of a HEALPix cell of order 0


def region(
    ra_deg: float, dec_deg: float, errors_deg: Sequence[float], containment: float
) -> SkyMap | None:
    """Return the pixels of a position with asymmetric errors.

    Parameters
    ----------
    ra_deg, dec_deg : float
        Position (deg), ICRS.
    errors_deg : sequence of float
        Errors towards east, west, north and south, in degrees of right ascension and of
        declination, each greater than 0.
    containment : float
        Probability within them, between 0 and 1, exclusive.

    Returns
    -------
    SkyMap or None
        None if an error is larger on the sky than `MAX_HALF_AXIS_DEG`, if the region
        extends further than `MAX_RADIUS_DEG`, or if it is smaller than a pixel.
    """
    across, along = errors_on_sky(dec_deg, errors_deg)
    steepness = math.log1p(-containment)
    largest_distance = math.sqrt(math.log(OMITTED_PROBABILITY) / steepness)
    # First along the parallel, then along the meridian: no path is longer.
    radius = largest_distance * math.hypot(max(across), max(along))
    if max(*across, *along) > MAX_HALF_AXIS_DEG or radius > MAX_RADIUS_DEG:
        return None
    order = _pixel_order(min(*across, *along), radius)
    pixels = _cone(ra_deg, dec_deg, radius, order)
    distance2 = _squared_distance(pixels, order, (ra_deg, dec_deg), errors_deg)
    inside = distance2 <= largest_distance**2
    if not inside.any():
        return None
    shift = 2 * (ORDER - order)
    lo = pixels[inside].astype(np.int64) << shift
    density = np.exp(steepness * distance2[inside])
    return skymap.from_pixels(lo, lo + (1 << shift), density)


def errors_on_sky(
    dec_deg: float, errors_deg: Sequence[float]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Convert errors of coordinates to angles on the sky.

    Parameters
    ----------
    dec_deg : float
        Declination of the position (deg).
    errors_deg : sequence of float
        Errors towards east, west, north and south, as in `region`.

    Returns
    -------
    tuple
        (east, west) and (north, south), deg.
    """
    east, west, north, south = errors_deg
    parallel = math.cos(math.radians(dec_deg))
    return (east * parallel, west * parallel), (north, south)


def _pixel_order(narrowest_deg: float, radius_deg: float) -> int:
    """Order of the pixels: fine enough, unless the cone would have too many of them."""
    fine_enough = math.log2(
        _CELL_DEG * MIN_PIXELS_ACROSS / (2 * max(narrowest_deg, 1e-9))
    )
    cone = math.sin(math.radians(radius_deg) / 2) ** 2  # as a fraction of the sky
    affordable = math.log2(limits.MAP_REGION_PIXELS / (12 * cone)) / 2
    return max(0, min(math.ceil(fine_enough), math.floor(affordable), MAX_ORDER))


def _cone(ra_deg: float, dec_deg: float, radius_deg: float, order: int) -> np.ndarray:
    """Nested indices (n,) of the pixels of a cone."""
    centre = Longitude(ra_deg, u.deg), Latitude(dec_deg, u.deg)
    index, _, _ = cone_search(*centre, radius_deg * u.deg, order, flat=True)
    return np.asarray(index, dtype=np.uint64)


def _squared_distance(
    pixels: np.ndarray,
    order: int,
    position_deg: tuple[float, float],
    errors_deg: Sequence[float],
) -> np.ndarray:
    """Squared distance d^2 (n,) of the centre of each nested pixel (n,)."""
    lon, lat = healpix_to_lonlat(pixels, order)
    east, west, north, south = errors_deg
    d_ra = (lon.deg - position_deg[0] + 180.0) % 360.0 - 180.0
    d_dec = lat.deg - position_deg[1]
    return np.asarray(
        (d_ra / np.where(d_ra > 0, east, west)) ** 2
        + (d_dec / np.where(d_dec > 0, north, south)) ** 2
    )
