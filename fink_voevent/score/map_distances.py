# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The distances that a sky map gives at the places of candidates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import lonlat_to_healpix

from fink_voevent.sky.localization import ORDER

NAMES = ("distmu", "distsigma", "distnorm")


@dataclass(frozen=True)
class MapDistances:
    """Distances of the pixels of a sky map, sorted by place.

    Parameters
    ----------
    lo, hi : ndarray of int64, shape (n,)
        Range of order-29 nested indices of each pixel, half-open.
    values : ndarray, shape (n, 3)
        DISTMU, DISTSIGMA (Mpc) and DISTNORM (Mpc^-2); NaN if the pixel has none.
    """

    lo: np.ndarray
    hi: np.ndarray
    values: np.ndarray

    def at(self, ra_deg: np.ndarray, dec_deg: np.ndarray) -> np.ndarray:
        """Return the distances at places (deg, ICRS); shape (m, 3), NaN outside."""
        lon, lat = Longitude(ra_deg, unit="deg"), Latitude(dec_deg, unit="deg")
        place = lonlat_to_healpix(lon, lat, ORDER).astype(np.int64)
        pixel = np.searchsorted(self.lo, place, side="right") - 1
        inside = (pixel >= 0) & (place < self.hi[pixel])
        return np.where(inside[:, None], self.values[pixel], np.nan)


def map_distances(region: Mapping[str, Any]) -> MapDistances | None:
    """Read the distances of a region; None if it has none.

    Parameters
    ----------
    region : mapping
        With `pixels` and `pixel_distances`, as the table regions has them.
    """
    pixels, distances = region["pixels"], region.get("pixel_distances")
    if not pixels or not distances:
        return None
    lo, hi = (np.array([p[end] for p in pixels], np.int64) for end in ("lo", "hi"))
    rows = [[d[name] for name in NAMES] for d in distances]
    values = np.array(rows, float)  # None becomes NaN
    rank = np.argsort(lo)
    return MapDistances(lo[rank], hi[rank], values[rank])
