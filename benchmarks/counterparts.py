# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Events with regions of real shapes and sizes, and counterparts to inject.

Counterparts fade as observed ones do, and are detected by the visits of the survey that
find them brighter than its limit:

- afterglows: 20 mag after a day, with a scatter of 1.7 mag; slopes of 0.9 before and
  1.9 after a break at 0.3 to 2 d (Zeh et al. 2006, ApJ 637, 889; Kann et al. 2010, ApJ
  720, 1513);
- kilonovae: AT2017gfo in r (Villar et al. 2017, ApJ 851, L21), with a scatter of
  0.7 mag, at the distance of the sky map;
- X-ray transients and FRBs: 20.5 mag after 3 h, with a scatter of 1.5 mag, slope 0.8
  (EP240414a was at r = 21.5 after 3.13 h);
- nuclear flares of neutrinos: 19 mag, for months, as AT2019dsg; 0.5 mag brighter than
  the reference, as TXS 0506+056 (ATel 10794), with a scatter of 0.2 mag.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from cdshealpix.nested import healpix_to_lonlat
from sky_simulator import Survey

from fink_voevent.score.class_counts import SPAN_DAYS
from fink_voevent.score.classes import LIMIT_DAYS
from fink_voevent.sky import localization, skymap
from fink_voevent.sky.localization import Systematic

LIMIT_MAG = {"ztf": 20.5, "rubin": 24.3}  # of a visit; the scatter is 0.3 mag
VISIT_DAYS = 0.027  # between the two visits of a field in a night
HOST_ERROR = 0.15  # relative error of the distance of a host
GBM = Systematic(0.52, 1.8, 4.1)  # RoboBA: Goldstein et al. 2020, ApJ 895, 40

Curve = Callable[[np.ndarray], np.ndarray]


# ------------------------------------------------------------------------ the regions
@dataclass(frozen=True)
class Kind:
    """Events of one kind.

    Parameters
    ----------
    name : str
    place : callable
        Region (see `class_rates.class_list`) at a place (ra, dec in deg).
    days : float
        Window after the event.
    counterpart : str
        Key of `LIGHT_CURVES`.
    wanted : tuple of float or None
        Least share of silver, and of gold, at 0.03 new objects deg-2 d-1.
    distance : tuple of float, optional
        Mean and standard deviation (Mpc) of the sky map.
    """

    name: str
    place: Callable[[float, float], dict]
    days: float
    counterpart: str
    wanted: tuple[float | None, float | None]
    distance: tuple[float, float] | None = None


def circle(
    radius_deg: float, containment: float = 0.9, systematic: Systematic | None = None
) -> Callable[[float, float], dict]:
    """Return a function that puts a circle at a place."""
    shape = vars(localization.fisher(radius_deg, containment, systematic))
    return lambda ra, dec: _region(ra, dec, fisher=shape)


def ellipse(area_90_deg2: float) -> Callable[[float, float], dict]:
    """Return a function that puts an ellipse, twice as long as wide, at a place."""
    minor = np.sqrt(area_90_deg2 / 2 / np.pi)
    shape = localization.ellipse((2 * minor, minor), 40.0, 0.9)
    return lambda ra, dec: _region(ra, dec, ellipse=vars(shape))


def wave(area_90_deg2: float) -> Callable[[float, float], dict]:
    """Return a function that puts a sky map of two unequal arcs at a place."""

    def at(ra: float, dec: float) -> dict:
        order = 7 if area_90_deg2 < 100 else 6
        lon, lat = healpix_to_lonlat(np.arange(12 << 2 * order), order)
        width = np.sqrt(area_90_deg2) / 9.0
        value = np.zeros(len(lon))
        for weight, turn in ((0.7, 0.0), (0.3, 8.0 * width)):
            value += weight * _arc(lon.deg, lat.deg, ra, dec + turn, width)
        size = 1 << 2 * (29 - order)
        lo = np.arange(len(value), dtype=np.int64) * size
        found = skymap.from_pixels(lo, lo + size, value)
        columns = (found.lo, found.hi, found.level, found.density)
        names = ("lo", "hi", "level", "density")
        rows = zip(*(c.tolist() for c in columns), strict=True)
        return _region(ra, dec, pixels=[dict(zip(names, r, strict=True)) for r in rows])

    return at


def _arc(
    lon: np.ndarray, lat: np.ndarray, ra: float, dec: float, width: float
) -> np.ndarray:
    """Gaussian around a piece of a great circle, 6 times as long as wide."""
    a, d = np.radians(lon - ra), np.radians(lat)
    d0 = np.radians(dec)
    x = np.cos(d) * np.sin(a)
    y = np.sin(d) * np.cos(d0) - np.cos(d) * np.sin(d0) * np.cos(a)
    z = np.sin(d) * np.sin(d0) + np.cos(d) * np.cos(d0) * np.cos(a)
    across, along = (
        np.degrees(np.arcsin(np.clip(y, -1, 1))),
        np.degrees(np.arctan2(x, z)),
    )
    return np.exp(-((across / width) ** 2 + (along / (6 * width)) ** 2) / 2)


def _region(ra: float, dec: float, **shape: object) -> dict:
    empty = {"fisher": None, "ellipse": None, "pixels": None}
    return {"event_ra": ra, "event_dec": dec, **empty, **shape}


KINDS = (
    Kind("Swift BAT 3'", circle(0.05), 7, "afterglow", (0.95, 0.9)),
    Kind("EP WXT 3'", circle(0.05), 7, "x-ray", (0.95, 0.9)),
    Kind("SVOM ECLAIRs 10'", circle(10 / 60), 7, "afterglow", (0.95, 0.9)),
    Kind("Fermi LAT 0.3 deg", circle(0.3), 7, "afterglow", (0.9, 0.8)),
    Kind("CHIME 0.4 deg", circle(0.4), 3, "x-ray", (0.9, None)),
    Kind("wave 36 deg2", wave(36), 14, "kilonova", (0.65, 0.2), (120.0, 30.0)),
    Kind("wave 666 deg2", wave(666), 14, "kilonova", (0.15, None), (200.0, 60.0)),
    Kind("GBM RoboBA 1 deg", circle(1.0, 0.68, GBM), 7, "afterglow", (0.55, None)),
    Kind("IceCube 2.6 deg2", ellipse(2.6), 30, "flare", (0.8, None)),
    Kind("IceCube 25 deg2", ellipse(25), 30, "flare", (None, None)),
)


# ------------------------------------------------------------------- the counterparts
def afterglow(rng: np.random.Generator, n: int) -> Curve:
    """Magnitude (shape (n, visits)) at days after a burst, of n afterglows."""
    at_day = rng.normal(20.0, 1.7, (n, 1))
    early, late = rng.normal(0.9, 0.3, (n, 1)), rng.normal(1.9, 0.4, (n, 1))
    turn = rng.uniform(0.3, 2.0, (n, 1))

    def magnitude(days: np.ndarray) -> np.ndarray:
        slope = np.where(days < turn, early, late)
        normal = at_day + 2.5 * early * np.log10(turn)
        return normal + 2.5 * slope * np.log10(days / turn)

    return magnitude


def x_ray(rng: np.random.Generator, n: int) -> Curve:
    """Magnitude of n counterparts of fast X-ray transients: see `afterglow`."""
    at_hours = rng.normal(20.5, 1.5, (n, 1))
    slope = rng.normal(0.8, 0.3, (n, 1))
    return lambda days: at_hours + 2.5 * slope * np.log10(days / 0.13)


def kilonova(rng: np.random.Generator, n: int, distance_mpc: np.ndarray) -> Curve:
    """Magnitude of n kilonovae at distances (shape (n,)): see `afterglow`."""
    days = np.array([0.1, 0.5, 1.0, 1.5, 2.5, 3.5, 5.0, 8.0])
    absolute = np.array([-15.0, -15.8, -15.4, -14.9, -13.9, -13.1, -12.2, -10.5])
    offset = rng.normal(0, 0.7, n) + 5 * np.log10(distance_mpc) + 25
    return lambda t: np.interp(t, days, absolute) + offset[:, None]


def flare(rng: np.random.Generator, n: int) -> Curve:
    """Magnitude of n nuclear flares: see `afterglow`."""
    at = rng.normal(19.0, 0.8, (n, 1))
    return lambda days: at + 0.005 * days


@dataclass(frozen=True)
class Detected:
    """First detection (days), whether there are two, and whether a limit is recent.

    `distance` is that of the host (Mpc), `flux_change` that of a flare (mag). Arrays of
    shape (n,), of injected counterparts that were detected in the window.
    """

    onset: np.ndarray
    has_two: np.ndarray
    is_limited: np.ndarray
    distance: np.ndarray
    flux_change: np.ndarray


def _strengths(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.normal(0.5, 0.2, n).clip(0.01)


def _distances(rng: np.random.Generator, kind: Kind, n: int) -> np.ndarray:
    if kind.distance is None:
        return np.full(n, np.nan)
    return rng.normal(*kind.distance, n).clip(10)


def observe(rng: np.random.Generator, survey: Survey, kind: Kind, n: int) -> Detected:
    """Inject n counterparts and return those that the survey detects in the window."""
    distance = _distances(rng, kind, n)
    curve = {
        "afterglow": lambda: afterglow(rng, n),
        "x-ray": lambda: x_ray(rng, n),
        "kilonova": lambda: kilonova(rng, n, distance),
        "flare": lambda: flare(rng, n),
    }[kind.counterpart]()
    # nights of the field, some days before the event to the end of the window
    nights = np.arange(-12, int(kind.days) + 1)
    trigger, phase = rng.random((n, 1)), rng.integers(0, survey.period, (n, 1))
    is_visited = (nights + phase) % survey.period == 0
    is_visited = is_visited & (rng.random((n, len(nights))) < survey.weather)
    start = nights + rng.uniform(0.15, 0.4, (n, 1)) - trigger
    times = np.concatenate([start, start + VISIT_DAYS], axis=1)
    is_visited = np.concatenate([is_visited, is_visited], axis=1)
    is_after = is_visited & (times > 0) & (times <= kind.days)
    depth = LIMIT_MAG[survey.name] + rng.normal(0, 0.3, times.shape)
    seen = is_after & (curve(np.maximum(times, 1e-3)) < depth)
    onset = np.where(seen, times, np.inf).min(axis=1)
    last = np.where(seen, times, -np.inf).max(axis=1)
    before = np.where(is_visited & (times <= 0), times, -np.inf).max(axis=1)
    found = np.isfinite(onset)
    return Detected(
        onset[found],
        (last - onset >= SPAN_DAYS)[found],
        (before >= -LIMIT_DAYS)[found],
        distance[found],
        _strengths(rng, n)[found],
    )


def follow(rng: np.random.Generator, kind: Kind, n: int) -> Detected:
    """Return n first detections, log-uniform from 0.5 h to 3 d; all seen twice."""
    onset = np.exp(rng.uniform(np.log(0.5 / 24), np.log(3.0), n))
    distance = _distances(rng, kind, n)
    yes = np.ones(n, bool)
    return Detected(onset, yes, yes, distance, _strengths(rng, n))
