# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Simulated nights of ZTF and Rubin, as thin alerts: what fills regions by chance.

A night is an Arrow table with the columns of the table alerts that scores use. Fields
(HEALPix cells of order 3) are visited twice a night, half an hour apart, every few
nights if the weather allows. Each population has objects that recur, or that appear:

- what recurs in ZTF has the shares of one real night (801 alerts of Fink's ZTF stream:
  43 % good and not known to be galactic; of those 93 % next to a PS1 star, 20 % in
  SIMBAD as extragalactic, 57 % negative, 98 % active a week before, 0.6 % new, positive
  and not stellar);
- supernovae to 20.5 mag: 1000 a year to 18.5 mag (Perley et al. 2020, ApJ 904, 35), and
  4 times as many for each magnitude: 0.002 deg-2 d-1;
- outbursts of dwarf novae without a catalogued counterpart, nuclear flares, unknown
  asteroids and artefacts: estimates. Together the new objects are a few 1e-2 deg-2 in
  a covered night, as of the candidates of GRB 230812B (GCN 34397: 40 in 420 deg2 after
  two detections to 21.9 mag, 7 times fewer to 20.5 mag);
- variability of active nuclei: 0.2 mag in years (MacLeod et al. 2010, ApJ 721, 1014);
- Rubin: 1e7 alerts a night (LSST Science Requirements), 24.5 mag; densities are those
  of ZTF times the ratio of the alerts, appearances times 30 (3 magnitudes at a slope of
  0.5, deeper than which the counts of supernovae flatten).

The rates are inputs of `benchmarks/power.py`; nothing there is fitted to the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix

FIELD_ORDER = 3
FIELD_DEG2 = 41252.96 / (12 << 2 * FIELD_ORDER)
EPOCH_US = 1_767_225_600_000_000  # 2026-01-01, day 0
DAY_US = 86_400_000_000
HISTORY_DAYS = 30.0  # of detections and limits in a packet
WARM_UP = 40  # nights before the first one, for what appeared earlier
HORIZON_MPC = 400.0  # of catalogues of hosts


@dataclass(frozen=True)
class Population:
    """Objects of one kind.

    Parameters
    ----------
    name : str
    density : float
        deg-2: of objects that recur; deg-2 d-1: of objects that appear; deg-2 a visit:
        of objects that are there in one visit.
    kind : {"recurs", "appears", "once"}
    detection : float, optional
        Probability that a visit detects the object while it is active.
    days : float, optional
        For how long an object that appears is active.
    positive : float, optional
        Share of objects that are brighter than the reference.
    quality : float, optional
        Share of alerts with a quality of 0.5 or more.
    stellar : float, optional
        Share of objects next to a star.
    extragalactic : bool or None, optional
        As in the table alerts.
    nucleus : bool, optional
        Whether it is a known active nucleus.
    moving : bool or None, optional
    hosts : float, optional
        Share of objects with a host of known distance.
    ecliptic_deg, galactic_deg : float, optional
        Scale of the exponential decline from the ecliptic, or from the Galactic plane;
        0 for an even density.
    """

    name: str
    density: float
    kind: str
    detection: float = 0.5
    days: float = 0.0
    positive: float = 1.0
    quality: float = 1.0
    stellar: float = 0.0
    extragalactic: bool | None = None
    nucleus: bool = False
    moving: bool | None = False
    hosts: float = 0.0
    ecliptic_deg: float = 0.0
    galactic_deg: float = 0.0


ZTF_POPULATIONS = (
    Population("artefact", 1.35, "once", quality=0.0, moving=None),
    Population(
        *("known_star", 6.7, "recurs"), stellar=1.0, extragalactic=False, positive=0.43,
        galactic_deg=20,
    ),
    Population(
        *("known_asteroid", 0.45, "once"), extragalactic=False, moving=True,
        ecliptic_deg=12,
    ),
    Population(
        *("variable_star", 5.75, "recurs"), stellar=1.0, positive=0.43, galactic_deg=20
    ),
    Population(
        *("new_variable", 0.012, "appears"), days=30, stellar=1.0, positive=0.5
    ),
    Population(
        *("active_nucleus", 1.53, "recurs"), extragalactic=True, nucleus=True,
        positive=0.31,
    ),
    Population("faint_galaxy", 0.28, "recurs", positive=0.75),
    Population("supernova", 0.002, "appears", detection=0.6, days=40, hosts=0.4),
    Population("dwarf_nova", 0.001, "appears", detection=0.7, days=8, galactic_deg=20),
    Population("nuclear", 0.001, "appears", detection=0.5, days=60, hosts=0.4),
    Population("good_artefact", 0.004, "once", moving=None),
    Population("unknown_asteroid", 0.004, "once", moving=None, ecliptic_deg=12),
)  # fmt: skip


@dataclass(frozen=True)
class Survey:
    """A survey.

    Parameters
    ----------
    name : str
    south_deg, north_deg : float
        Limits of the declination (deg).
    period : int
        Nights from one visit of a field to the next.
    weather : float
        Share of fields of a night that can be observed.
    scatter : float
        Relative scatter, from night to night, of the density of what is there once.
    populations : tuple of Population
    """

    name: str
    south_deg: float
    north_deg: float
    period: int
    weather: float
    scatter: float
    populations: tuple[Population, ...]

    def fields(self) -> np.ndarray:
        """Cells of order `FIELD_ORDER` whose centre is within the limits."""
        _, lat = healpix_to_lonlat(np.arange(12 << 2 * FIELD_ORDER), FIELD_ORDER)
        inside = (lat.deg >= self.south_deg) & (lat.deg <= self.north_deg)
        return np.flatnonzero(inside)


ZTF = Survey("ztf", -28.0, 90.0, 2, 0.75, 0.2, ZTF_POPULATIONS)


def _rubin(population: Population) -> Population:
    """Return the population of Rubin, from that of ZTF: see the module."""
    is_new = population.name in (
        *("supernova", "dwarf_nova", "nuclear", "good_artefact", "unknown_asteroid"),
    )
    factor = 30.0 if is_new else 90.0
    return replace(population, density=population.density * factor)


RUBIN = Survey("rubin", -75.0, 12.0, 3, 0.8, 0.2, tuple(map(_rubin, ZTF_POPULATIONS)))


@dataclass
class Objects:
    """Objects of one population, sorted by field; arrays of shape (n,).

    Times are days from `EPOCH_US`; `first` is NaN before the first detection.
    """

    population: Population
    ra: np.ndarray
    dec: np.ndarray
    field: np.ndarray
    start: np.ndarray
    number: np.ndarray
    is_positive: np.ndarray
    is_stellar: np.ndarray
    host_distance: np.ndarray
    flux_change: np.ndarray
    first: np.ndarray
    limit: np.ndarray
    detections: np.ndarray


@dataclass
class Simulation:
    """Nights of a survey, made one after the other from one seed.

    Parameters
    ----------
    survey : Survey
    seed : int
    fields : ndarray of int, optional
        Cells of order `FIELD_ORDER`; by default all of the survey.
    """

    survey: Survey
    seed: int
    fields: np.ndarray | None = None
    visits: list[tuple[float, np.ndarray]] = field(default_factory=list)
    _next: int = 0
    _phase: np.ndarray = field(init=False)
    _rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        """Draw the phases of the fields."""
        self._rng = np.random.default_rng(self.seed)
        if self.fields is None:
            self.fields = self.survey.fields()
        self._phase = self._rng.integers(0, self.survey.period, len(self.fields))

    def nights(self, count: int) -> Iterator[pa.Table]:
        """Yield the alerts of `count` nights, a table each."""
        recurring = [
            self._draw(p, p.density, -np.inf, 0.0)
            for p in self.survey.populations
            if p.kind == "recurs"
        ]
        appearing = [
            self._draw(p, p.density * (WARM_UP + count), -WARM_UP, count)
            for p in self.survey.populations
            if p.kind == "appears"
        ]
        last_visit = np.full(12 << 2 * FIELD_ORDER, np.nan)
        for night in range(-WARM_UP, count):
            due = (night + self._phase) % self.survey.period == 0
            due &= self._rng.random(len(self.fields)) < self.survey.weather
            start = night + 0.15 + 0.25 * self._rng.random(len(self.fields))
            level = max(0.1, self._rng.normal(1.0, self.survey.scatter))
            blocks = []
            for delay in (0.0, 0.022 + 0.01 * self._rng.random()):
                when = np.full(len(last_visit), np.nan)
                when[self.fields[due]] = start[due] + delay
                for objects in appearing:
                    blocks += self._detect(objects, when, last_visit)
                if night >= 0:
                    for objects in recurring:
                        blocks += self._detect(objects, when, last_visit)
                    blocks += self._once(when, last_visit, level)
                last_visit = np.where(np.isnan(when), last_visit, when)
                if night >= 0:
                    self.visits.append((delay, when))
            if night >= 0:
                yield self._table(night, blocks)

    def _draw(self, p: Population, density: float, since: float, to: float) -> Objects:
        """Draw objects of a population with a density (deg-2) over the fields."""
        ra, dec, cell = self._places(p, density)
        n, rng = len(ra), self._rng
        start = rng.uniform(since, to, n) if np.isfinite(since) else np.full(n, since)
        recurs = p.kind == "recurs"
        first = -rng.uniform(40, 1500, n) if recurs else np.full(n, np.nan)
        host = HORIZON_MPC * np.cbrt(rng.random(n))
        is_positive = rng.random(n) < p.positive
        change = np.abs(rng.normal(0, 0.16, n)) * np.where(is_positive, 1, -1)
        number = self._next + np.arange(n)
        self._next += n
        return Objects(
            *(p, ra, dec, cell, start, number, is_positive, rng.random(n) < p.stellar),
            *(np.where(rng.random(n) < p.hosts, host, np.nan), change),
            *(first, np.full(n, np.nan), np.full(n, 20 if recurs else 0)),
        )

    def _places(
        self, p: Population, density: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Places (deg) and fields of a Poisson number of objects, sorted by field."""
        rng = self._rng
        area = FIELD_DEG2 * len(self.fields)
        # as many more as a population is concentrated, of which the others are dropped
        crowding = _crowding(p)
        n = rng.poisson(density * crowding * area)
        cell = np.sort(rng.choice(self.fields, n))
        inner = cell.astype(np.int64) << 2 * (15 - FIELD_ORDER)
        inner += rng.integers(0, 1 << 2 * (15 - FIELD_ORDER), n)
        lon, lat = healpix_to_lonlat(inner, 15)
        ra, dec = lon.deg, lat.deg
        kept = rng.random(n) < _weight(p, ra, dec)
        return ra[kept], dec[kept], cell[kept]

    def _detect(
        self, o: Objects, when: np.ndarray, last_visit: np.ndarray
    ) -> list[dict]:
        """Alerts of the objects that a visit at `when` (days, by field) detects."""
        p, time = o.population, when[o.field]
        active = time >= o.start
        if p.days:
            active &= time < o.start + p.days
        hit = np.flatnonzero(active & (self._rng.random(len(time)) < p.detection))
        is_first = hit[np.isnan(o.first[hit])]
        o.first[is_first] = time[is_first]
        o.limit[is_first] = last_visit[o.field[is_first]]
        o.detections[hit] += 1
        return [self._block(p, o, hit, time[hit])]

    def _once(
        self, when: np.ndarray, last_visit: np.ndarray, level: float
    ) -> list[dict]:
        """Alerts of what is there in one visit."""
        blocks = []
        for p in self.survey.populations:
            if p.kind != "once":
                continue
            o = self._draw(p, p.density * level, -np.inf, 0.0)
            time = when[o.field]
            hit = np.flatnonzero(~np.isnan(time))
            o.first[:], o.limit[:] = time, last_visit[o.field]
            o.detections[:] = 1
            blocks.append(self._block(p, o, hit, time[hit]))
        return blocks

    def _block(
        self, p: Population, o: Objects, hit: np.ndarray, time: np.ndarray
    ) -> dict:
        n = len(hit)
        good = self._rng.random(n) < p.quality
        quality = np.where(
            good, self._rng.uniform(0.5, 1, n), self._rng.uniform(0, 0.5, n)
        )
        is_old = time - o.limit[hit] > HISTORY_DAYS
        moving = p.moving
        return {
            "number": o.number[hit],
            "ra": o.ra[hit],
            "dec": o.dec[hit],
            "time": time,
            "first": o.first[hit],
            "limit": np.where(is_old, np.nan, o.limit[hit]),
            "quality": quality,
            "positive": o.is_positive[hit],
            "stellar": o.is_stellar[hit],
            "nucleus": np.full(n, p.nucleus),
            "extragalactic": np.full(n, _flag(p.extragalactic)),
            "moving": np.where(
                (o.detections[hit] < 2) & (moving is not True), -1, _flag(moving)
            ),
            "host_distance": o.host_distance[hit],
            "flux_change": o.flux_change[hit],
            "detections": o.detections[hit],
            "population": np.full(n, self.survey.populations.index(p)),
        }

    def _table(self, night: int, blocks: list[dict]) -> pa.Table:
        whole = {k: np.concatenate([b[k] for b in blocks]) for k in blocks[0]}
        return as_table(self.survey.name, night, whole)


def as_table(survey: str, night: int, alerts: dict[str, np.ndarray]) -> pa.Table:
    """Return alerts as thin alerts.

    Parameters
    ----------
    survey : str
    night : int
        From `EPOCH_US`.
    alerts : dict of str to ndarray, shape (n,)
        As `Simulation` makes them: times in days, flags as -1 (null), 0 and 1.
    """
    n = len(alerts["number"])
    lon = Longitude(alerts["ra"], unit="deg")
    hpx29 = lonlat_to_healpix(lon, Latitude(alerts["dec"], unit="deg"), 29)
    day = pa.scalar(EPOCH_US + night * DAY_US, pa.timestamp("us", tz="UTC")).as_py()
    one = np.ones(n)
    columns = {
        "survey": pa.repeat(survey, n),
        "night": pa.repeat(f"{day:%Y%m%d}", n),
        "alert_id": night * 1_000_000_000 + np.arange(n),
        "object_id": pa.array(alerts["number"]).cast(pa.string()),
        "alert_ra": alerts["ra"],
        "alert_dec": alerts["dec"],
        "hpx29": hpx29.astype(np.int64),
        "alert_time": _times(alerts["time"]),
        "first_detection": _times(alerts["first"]),
        "last_non_detection": _times(alerts["limit"]),
        "quality": alerts["quality"],
        "extragalactic": _nullable(alerts["extragalactic"]),
        "positive": alerts["positive"],
        "stellar": alerts["stellar"],
        "variable": _nullable(-one),
        "active_nucleus": alerts["nucleus"],
        "moving": _nullable(alerts["moving"]),
        "host_distance": _real(alerts["host_distance"]),
        "host_distance_error": _real(0.15 * alerts["host_distance"]),
        "detections": alerts["detections"].astype(np.int64),
        "detection_span": np.where(
            alerts["detections"] > 1, alerts["time"] - alerts["first"], 0.0
        ),
        "flux_change": _real(alerts["flux_change"]),
        "population": pa.array(alerts["population"]),
    }
    return pa.table(columns)


def _flag(value: bool | None) -> int:
    return -1 if value is None else int(value)


def _nullable(flags: np.ndarray) -> pa.Array:
    return pa.array(flags == 1, mask=flags < 0)


def _real(values: np.ndarray) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))


def _times(days: np.ndarray) -> pa.Array:
    unknown = np.isnan(days)
    micros = np.where(unknown, 0, days * DAY_US).astype(np.int64) + EPOCH_US
    return pa.array(micros, mask=unknown).cast(pa.timestamp("us", tz="UTC"))


def _latitude(ra: np.ndarray, dec: np.ndarray, pole: tuple[float, float]) -> np.ndarray:
    """Latitude (deg) of places (deg) about a pole (deg)."""
    (a, d), (pa_, pd_) = np.radians([ra, dec]), np.radians(pole)
    sine = np.sin(d) * np.sin(pd_) + np.cos(d) * np.cos(pd_) * np.cos(a - pa_)
    return np.degrees(np.arcsin(np.clip(sine, -1, 1)))


def _weight(p: Population, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Density of a population at places, relative to the densest."""
    if p.ecliptic_deg:
        return np.exp(-np.abs(_latitude(ra, dec, (270.0, 66.561))) / p.ecliptic_deg)
    if p.galactic_deg:
        latitude = np.abs(_latitude(ra, dec, (192.859, 27.128)))
        return (0.1 + np.exp(-latitude / p.galactic_deg)) / 1.1
    return np.ones(len(ra))


def _crowding(p: Population) -> float:
    """Ratio of the largest density of a population to its mean over the sky."""
    lon, lat = healpix_to_lonlat(np.arange(12 << 2 * 5), 5)
    return 1 / _weight(p, lon.deg, lat.deg).mean()
