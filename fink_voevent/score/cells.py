# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The HEALPix cells of background rates, and how counts in them are smoothed."""

from __future__ import annotations

import math

import numpy as np
from cdshealpix.nested import healpix_to_lonlat

ORDER = 5  # HEALPix order of the cells: 3.4 deg2 each
CELLS = 12 << 2 * ORDER  # number of cells
CELL_DEG2 = 4 * math.pi / CELLS * math.degrees(1) ** 2
# Coverage is counted in cells of this order: 0.21 deg2, in each of which a visit of ZTF
# or Rubin leaves several alerts of any kind.
COVERAGE_ORDER = 7
PARTS = 1 << 2 * (COVERAGE_ORDER - ORDER)  # cells of `COVERAGE_ORDER` in one of `ORDER`
PART_DEG2 = CELL_DEG2 / PARTS
# A rate counts as much as this number of counted objects against the one of the larger
# cell around it: where so many are expected, it is known to 20 %.
PRIOR_COUNTS = 25.0
LATITUDE_EDGES = np.array([0.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0])  # deg
_OBLIQUITY = math.radians(23.4392911)  # of the ecliptic, J2000


def ecliptic_latitude(ra_deg: np.ndarray, dec_deg: np.ndarray) -> np.ndarray:
    """Ecliptic latitude (deg) of places (deg, ICRS)."""
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    sine = np.sin(dec) * math.cos(_OBLIQUITY)
    sine = sine - np.cos(dec) * math.sin(_OBLIQUITY) * np.sin(ra)
    return np.degrees(np.arcsin(np.clip(sine, -1, 1)))


def latitude_bands() -> np.ndarray:
    """Band of ecliptic latitude (see `LATITUDE_EDGES`) of each cell, shape (CELLS,)."""
    lon, lat = healpix_to_lonlat(np.arange(CELLS), ORDER)
    latitude = np.abs(ecliptic_latitude(lon.deg, lat.deg))
    return np.digitize(latitude, LATITUDE_EDGES[1:-1])


def smoothed_rate(counts: np.ndarray, exposure: np.ndarray) -> np.ndarray:
    """Rate in each cell, from its counts and from those around it.

    A rate is the mean of gamma-distributed rates (Clayton & Kaldor 1987, Biometrics 43,
    671), whose expectation is the rate one step coarser and counts as much as
    `PRIOR_COUNTS` objects. The steps are the whole sky, the band of ecliptic latitude
    (asteroids), then the cells of HEALPix orders 0 to `ORDER` around a place. So a rate
    is as local as the counts allow, without a limit at which it would jump.

    Parameters
    ----------
    counts : ndarray, shape (CELLS,)
        Objects that were counted in each cell.
    exposure : ndarray, shape (CELLS,)
        What they were counted in (deg2 d, or deg2), 0 where nothing was observed.

    Returns
    -------
    ndarray, shape (CELLS,)
        Rate in each cell, in units of 1 / `exposure`; also where nothing was observed.
        NaN if nothing was observed anywhere, 0 if nothing was counted.
    """
    observed, total = exposure.sum(), counts.sum()
    if not observed > 0:
        return np.full(CELLS, np.nan)
    mean = total / observed
    bands = latitude_bands()
    rate = np.full(CELLS, mean)
    if not total > 0:
        return rate
    in_band = np.bincount(bands, counts, len(LATITUDE_EDGES) - 1)
    band_exposure = np.bincount(bands, exposure, len(LATITUDE_EDGES) - 1)
    rate = rate * (in_band + PRIOR_COUNTS)[bands]
    rate = rate / (band_exposure * mean + PRIOR_COUNTS)[bands]
    for order in range(ORDER + 1):
        size = 1 << 2 * (ORDER - order)
        found = counts.reshape(-1, size).sum(axis=1)
        expected = (rate * exposure).reshape(-1, size).sum(axis=1)
        ratio = (found + PRIOR_COUNTS) / (expected + PRIOR_COUNTS)
        rate = rate * ratio.repeat(size)
    return rate
