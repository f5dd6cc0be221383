# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Asymmetric errors: four quarters of ellipses as the pixels of a sky map.

A notice gives errors towards east, west, north and south that hold the probability c.
With dRA (wrapped to +-180 deg) and dDec from the position, in degrees of coordinates,
and of each pair the error of that side (as IceCube means its [+a, -b], [+c, -d])::

    d^2 = (dRA / (east | west))^2 + (dDec / (north | south))^2
    P(within the contour of d) = 1 - (1 - c)^(d^2)

Right ascension and its error are both coordinates, so that cos(dec) cancels. The law
is that of the density; where cos(dec) varies much over the region, near a pole, the
credible level is still that of the density.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import cone_search, healpix_to_lonlat

from fink_voevent.sky import skymap
from fink_voevent.sky.localization import WIDEST_DEG
from fink_voevent.sky.skymap import ORDER, SkyMap

ACROSS = 24  # pixels, at least, over the region where it is narrowest
REST = 1e-6  # probability beyond the pixels
WIDEST_REACH_DEG = 60.0  # of the pixels
LAST_ORDER = 24
_CELL_DEG = 58.63  # side of a base cell


def region(
    ra_deg: float, dec_deg: float, errors_deg: Sequence[float], containment: float
) -> SkyMap | None:
    """Pixels of a position with asymmetric errors.

    Parameters
    ----------
    ra_deg, dec_deg : float
        Position, ICRS.
    errors_deg : sequence of float
        Towards east, west, north and south, degrees of right ascension and of
        declination, greater than 0.
    containment : float
        Probability within them, between 0 and 1, exclusive.

    Returns
    -------
    SkyMap or None
        None where an error is larger on the sky than `WIDEST_DEG`, where the region
        reaches too far, or is smaller than pixels can be.
    """
    across, along = on_sky(dec_deg, errors_deg)
    steepness = math.log1p(-containment)
    widest = math.sqrt(math.log(REST) / steepness)
    # along the parallel, then along the meridian: no path is longer
    reach = widest * math.hypot(max(across), max(along))
    if max(*across, *along) > WIDEST_DEG or reach > WIDEST_REACH_DEG:
        return None
    order = _order(min(*across, *along), reach)
    pixels = _cone(ra_deg, dec_deg, reach, order)
    distance2 = _distance2(pixels, order, (ra_deg, dec_deg), errors_deg)
    inside = distance2 <= widest**2
    if not inside.any():
        return None
    shift = 2 * (ORDER - order)
    lo = pixels[inside].astype(np.int64) << shift
    density = np.exp(steepness * distance2[inside])
    return skymap.of_pixels(lo, lo + (1 << shift), density)


def on_sky(
    dec_deg: float, errors_deg: Sequence[float]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Errors (east, west) and (north, south) as degrees on the sky."""
    east, west, north, south = errors_deg
    parallel = math.cos(math.radians(dec_deg))
    return (east * parallel, west * parallel), (north, south)


def _order(narrow_deg: float, reach_deg: float) -> int:
    """Order of pixels: fine enough, if the cone has not too many of them."""
    fine = math.log2(_CELL_DEG * ACROSS / (2 * max(narrow_deg, 1e-9)))
    cone = math.sin(math.radians(reach_deg) / 2) ** 2  # part of the sky
    few = math.log2(skymap.MAX_PIXELS / (12 * cone)) / 2
    return max(0, min(math.ceil(fine), math.floor(few), LAST_ORDER))


def _cone(ra_deg: float, dec_deg: float, reach_deg: float, order: int) -> np.ndarray:
    place = Longitude(ra_deg, u.deg), Latitude(dec_deg, u.deg)
    index, _, _ = cone_search(*place, reach_deg * u.deg, order, flat=True)
    return np.asarray(index, dtype=np.uint64)


def _distance2(
    pixels: np.ndarray,
    order: int,
    place_deg: tuple[float, float],
    errors_deg: Sequence[float],
) -> np.ndarray:
    """d^2 of the centre of each pixel."""
    lon, lat = healpix_to_lonlat(pixels, order)
    east, west, north, south = errors_deg
    right = (lon.deg - place_deg[0] + 180.0) % 360.0 - 180.0
    up = lat.deg - place_deg[1]
    return np.asarray(
        (right / np.where(right > 0, east, west)) ** 2
        + (up / np.where(up > 0, north, south)) ** 2
    )
