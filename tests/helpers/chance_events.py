# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Events at random places and times, and their best unrelated candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix
from sky_simulator import DAY_US, EPOCH_US, FIELD_ORDER

from fink_voevent.score import class_rates, ranks
from fink_voevent.score.class_counts import Found
from fink_voevent.score.class_rates import ClassSnapshot
from fink_voevent.sky import localization

LEVEL = 0.95


@dataclass(frozen=True)
class Circle:
    """A circular region (deg) and a time (days of the simulator)."""

    ra: float
    dec: float
    radius_90: float
    time: float

    @property
    def fisher(self) -> localization.Fisher:
        return localization.fisher(self.radius_90, 0.9)

    @property
    def region(self) -> dict:
        return {
            "event_ra": self.ra,
            "event_dec": self.dec,
            "fisher": vars(self.fisher),
            "ellipse": None,
            "pixels": None,
        }

    def levels(self, hpx29: np.ndarray) -> np.ndarray:
        """Credible levels of places."""
        lon, lat = healpix_to_lonlat(hpx29, 29)
        half = np.sin((lat.rad - np.radians(self.dec)) / 2) ** 2
        east = np.sin((lon.rad - np.radians(self.ra)) / 2) ** 2
        half += np.cos(lat.rad) * np.cos(np.radians(self.dec)) * east
        kappa = self.fisher.core_kappa
        return np.expm1(-2 * kappa * half) / np.expm1(-2 * kappa)


def random_circles(
    rng: np.random.Generator, fields: np.ndarray, count: int, last_day: float
) -> list[Circle]:
    """Events in the fields of a survey, of 5 to 30 deg2 each."""
    circles = []
    while len(circles) < count:
        z, ra = rng.uniform(-1, 1), rng.uniform(0, 360)
        dec = np.degrees(np.arcsin(z))
        lon, lat = Longitude(ra, unit="deg"), Latitude(dec, unit="deg")
        if lonlat_to_healpix(lon, lat, FIELD_ORDER)[0] in fields:
            radius = np.sqrt(rng.uniform(5, 30) / np.pi)
            circles.append(Circle(ra, dec, radius, rng.uniform(0, last_day)))
    return circles


def best_chance(
    event: Circle,
    found: Found,
    snapshot: ClassSnapshot,
    name: str,
    window_days: float,
    rng: np.random.Generator,
    distance: tuple[float, float, float] | None = None,
) -> float:
    """Return `p_chance` of the best candidate of an event; random where none is.

    Without a candidate it is uniform between 1 - exp(-N) and 1.
    """
    ranked = class_rates.class_list(snapshot, name, event.region, LEVEL)
    level = event.levels(found.hpx29)
    inside = level <= LEVEL
    onset = (found.first_detection - EPOCH_US) / DAY_US - event.time
    if name == "flaring":
        total = ranked.flares(window_days)
    else:
        inside &= (onset > 0) & (onset <= window_days)
        total = ranked.total(window_days)
    if not inside.any():
        return float(rng.uniform(-np.expm1(-total), 1))
    y = z = strength = np.nan
    if name == "flaring":
        strength = ranked.strength_share(found.flux_change[inside])
    else:
        y = ranks.onset_share(onset[inside], 0, window_days)
    if distance is not None:
        own = found.host_distance[inside], found.host_error[inside]
        z = ranked.distance_share(*own, *distance)
    place = ranked.place_share(level[inside])
    mu = ranks.expected_unrelated(total, place, y, z, strength)
    return float(ranks.chance(mu.min()))
