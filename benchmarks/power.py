# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Power and purity of silver and gold, on simulated nights.

``python benchmarks/power.py [INJECTIONS]`` writes ``build/bench/power.json``, and
prints it.

**Power**: of injected counterparts inside the matched region with a good positive alert
in the window, the share that reaches silver; of those with two detections, the share
that reaches gold. The regions are at random places of the survey (`counterparts`).
First detections are those of visits of the survey (`light_curves`), or log-uniform from
0.5 h to 3 d, as with a follow-up that the event triggers (`log_uniform`).

**Rates** are fixed before: those that are measured in simulated nights (`measured`; the
densities of `sky_simulator` are from published counts), and 0.01, 0.03, 0.1 and 0.25
new objects deg-2 d-1, with the measured share of second detections; for neutrinos 0.03,
0.1, 0.3 and 0.6 flares deg-2.

**Purity**: unrelated silvers a night with 20 live bursts, in nights that were not
counted. A silver candidate is one packet on its topic, and one more if it becomes gold
(`score.reports`); the events have one notice each, so that nothing is withdrawn. For
comparison `alerts_a_night` counts every good alert of a silver object from then on. A
bronze packet is an alert in the region and the window that passes bronze, of a burst
with an area of 105 deg2 (`BRONZE_KIND`).
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "datatest"))

from counterparts import (  # noqa: E402
    HOST_ERROR,
    KINDS,
    Detected,
    Kind,
    circle,
    follow,
    observe,
)
from sky_simulator import (  # noqa: E402
    DAY_US,
    EPOCH_US,
    FIELD_ORDER,
    RUBIN,
    ZTF,
    ZTF_POPULATIONS,
    Simulation,
    Survey,
)

from fink_voevent.score import class_counts, class_rates, ranks  # noqa: E402
from fink_voevent.score.candidate_scores import charged_totals  # noqa: E402
from fink_voevent.score.cells import CELLS  # noqa: E402
from fink_voevent.score.class_counts import Found  # noqa: E402
from fink_voevent.score.class_rates import ClassSnapshot  # noqa: E402
from fink_voevent.score.classes import SOURCE, Objects, natures  # noqa: E402

LEVEL = 0.95  # to which regions are matched
RATES = (0.01, 0.03, 0.1, 0.25)  # deg-2 d-1
FLARES = dict(zip(RATES, (0.03, 0.1, 0.3, 0.6), strict=True))  # deg-2
COUNTED, TESTED = 15, 45  # nights
PLACES = 20  # at which a region is put
REPEATS = 10  # of the live bursts
MOST = {"ztf": 3.0, "rubin": 10.0}  # unrelated silvers a night
MOST_BRONZE = {"ztf": 40.0, "rubin": None}  # packets a night
# A burst with 105 deg2 at the level 0.95, by the formula of a Fisher circle
BRONZE_KIND = Kind("105 deg2", circle(5.07), 7, "afterglow", (None, None))
BRONZE_BURSTS = 100
# Fraction of hosts whose distance is known (of GLADE+ at 150 Mpc, by luminosity about
# 0.7: Dalya et al. 2022, MNRAS 514, 1403; less by number).
KNOWN_HOSTS = 0.5
SEED = 30
# Live bursts: in a quiet week of 2025 about as many, GBM's the most.
LIVE = {
    **{"GBM RoboBA 1 deg": 9, "Swift BAT 3'": 2, "EP WXT 3'": 2, "CHIME 0.4 deg": 1},
    **{"SVOM ECLAIRs 10'": 1, "Fermi LAT 0.3 deg": 1, "wave 36 deg2": 1},
    **{"wave 666 deg2": 1, "IceCube 2.6 deg2": 1, "IceCube 25 deg2": 1},
}
# Rubin without most of what recurs, which is no candidate: the rest shows what is
# covered.
RUBIN_NEW = replace(
    RUBIN,
    populations=tuple(
        ours if ours.density / of_ztf.density < 50 else of_ztf
        for ours, of_ztf in zip(RUBIN.populations, ZTF_POPULATIONS, strict=True)
    ),
)


@dataclass(frozen=True)
class Lists:
    """Lists of an event: their place shares, and their totals as charged."""

    kind: Kind
    region: dict
    lists: dict[str, class_rates.ClassList]
    totals: dict[str, float]

    def mu(
        self,
        name: str,
        level: np.ndarray,
        onset: np.ndarray,
        distance: np.ndarray,
        flux_change: np.ndarray,
    ) -> np.ndarray:
        """Return the expected unrelated candidates that rank as high, shape (n,)."""
        ranked = self.lists[name]
        y = z = strength = np.full(len(level), np.nan)
        if name == "flaring":
            strength = ranked.strength_share(flux_change)
        else:
            y = ranks.onset_share(onset, 0.0, self.kind.days)
            if self.kind.distance:
                sky = (*self.kind.distance, 1e-6)
                z = ranked.distance_share(distance, HOST_ERROR * distance, *sky)
        place = ranked.place_share(level)
        return ranks.expected_unrelated(self.totals[name], place, y, z, strength)


def lists_of(snapshot: ClassSnapshot, kind: Kind, region: dict) -> Lists:
    """Return the lists of an event that lead to silver, with its budget."""
    is_neutrino = kind.counterpart == "flare"
    names = ("fresh_1", "fresh_2", "flaring") if is_neutrino else ("fresh_1", "fresh_2")
    lists = {n: class_rates.class_list(snapshot, n, region, LEVEL) for n in names}
    return _with_budget(kind, region, lists)


def _with_budget(kind: Kind, region: dict, lists: dict) -> Lists:
    messenger = "neutrino" if kind.counterpart == "flare" else "grb"
    totals = charged_totals(lists, (0.0, kind.days), messenger)
    return Lists(kind, region, lists, totals)


def centre(rng: np.random.Generator, survey: Survey) -> tuple[float, float]:
    """Return a random place (deg) in the fields of a survey."""
    fields = survey.fields()
    while True:
        ra, dec = rng.uniform(0, 360), float(np.degrees(np.arcsin(rng.uniform(-1, 1))))
        lon, lat = Longitude(ra, unit="deg"), Latitude(dec, unit="deg")
        if lonlat_to_healpix(lon, lat, FIELD_ORDER)[0] in fields:
            return ra, dec


# --------------------------------------------------------------------------- the power
def power(
    rng: np.random.Generator,
    every: list[Lists],
    injected: Callable[[int], Detected],
    n: int,
) -> dict[str, float]:
    """Shares of silver and gold of n counterparts, over regions at several places."""
    silver = gold = detected = twice = 0
    for lists in every:
        found = injected(n // len(every))
        count = len(found.onset)
        level = _true_levels(rng, lists, count)
        inside = level <= LEVEL
        hosted = rng.random(count) < KNOWN_HOSTS
        distance = found.distance * rng.normal(1, HOST_ERROR, count).clip(0.3)
        of_host = np.where(hosted, distance, np.nan)
        known = level, found.onset, of_host, found.flux_change
        if "flaring" in lists.lists:
            mu = lists.mu("flaring", *known)
            is_silver, is_gold = mu <= 1, mu <= 0.1
        else:
            two = np.where(found.has_two, lists.mu("fresh_2", *known), np.inf)
            is_silver = np.minimum(lists.mu("fresh_1", *known), two) <= 1
            is_silver, is_gold = is_silver & found.is_limited, two <= 0.1
            is_gold &= found.is_limited
        silver += (is_silver & inside).sum()
        gold += (is_gold & inside & found.has_two).sum()
        detected += inside.sum()
        twice += (inside & found.has_two).sum()
    return {
        "silver": round(float(silver / max(detected, 1)), 3),
        "gold": round(float(gold / max(twice, 1)), 3),
        "detected": int(detected),
        "twice": int(twice),
    }


def _true_levels(rng: np.random.Generator, lists: Lists, n: int) -> np.ndarray:
    """Credible levels of n true places: uniform; for a sky map those of pixels."""
    level = rng.random(n)
    if not lists.region["pixels"]:
        return level
    pixels = np.unique([p["level"] for p in lists.region["pixels"]])
    return pixels[np.searchsorted(pixels, level, side="right") - 1]


def factors_of(snapshot: ClassSnapshot) -> dict[str, dict[str, float]]:
    """Factors that make the mean rates of a snapshot those of `RATES` and `FLARES`."""
    seen = snapshot.coverage > 0
    part = snapshot.expected_part("fresh_1")
    mean = float((snapshot.classes["fresh_1"].rate * part)[seen].mean())
    flares = float(snapshot.classes["flaring"].rate[seen].mean())
    same = dict.fromkeys(("fresh_1", "fresh_2", "flaring"), 1.0)
    factors = {"measured": same}
    for rate in RATES:
        new = dict.fromkeys(("fresh_1", "fresh_2"), rate / mean)
        factors[str(rate)] = new | {"flaring": FLARES[rate] / flares}
    return factors


def with_rates(lists: Lists, factors: dict[str, float]) -> Lists:
    """Return the lists of an event with other rates."""
    scaled = {
        name: replace(one, integral=one.integral * factors[name])
        for name, one in lists.lists.items()
    }
    return _with_budget(lists.kind, lists.region, scaled)


def power_table(snapshot: ClassSnapshot, survey: Survey, n: int) -> dict[str, dict]:
    """Power of each kind at each rate, with both sets of first detections."""
    rng = np.random.default_rng(SEED)
    table: dict[str, dict] = {}
    for kind in KINDS:
        places = [centre(rng, survey) for _ in range(PLACES)]
        measured = [lists_of(snapshot, kind, kind.place(*place)) for place in places]
        sets = {
            "light_curves": lambda k, kind=kind: observe(rng, survey, kind, 2 * k),
            "log_uniform": lambda k, kind=kind: follow(rng, kind, k),
        }
        for rate, factors in factors_of(snapshot).items():
            every = [with_rates(lists, factors) for lists in measured]
            for name, injected in sets.items():
                row = table.setdefault(kind.name, {}).setdefault(name, {})
                row[rate] = power(rng, every, injected, n)
    return table


# -------------------------------------------------------------------------- the purity
@dataclass(frozen=True)
class Unrelated:
    """Objects of the nights that are tested, and the times of their good alerts.

    `place`, `time` and `is_bronze` are one element an alert, sorted by place; a place
    is that of one object. Times are days of the simulator.
    """

    objects: dict[str, Found]
    place: np.ndarray
    time: np.ndarray
    is_bronze: np.ndarray

    def times(self, place: int) -> np.ndarray:
        """Return the times of the alerts of an object."""
        first, last = np.searchsorted(self.place, [place, place + 1])
        return self.time[first:last]


def silvers(lists: Lists, unrelated: Unrelated, event: float) -> np.ndarray:
    """Count unrelated silvers, golds, packets on silver, and alerts, of an event."""
    since: dict[int, float] = {}
    golds = set()
    for name in lists.lists:
        found = unrelated.objects[name]
        onset = (found.first_detection - EPOCH_US) / DAY_US - event
        inside = region_levels(lists.region, found.hpx29) <= LEVEL
        if name != "flaring":
            inside &= (onset > 0) & (onset <= lists.kind.days)
        rows = np.flatnonzero(inside)
        level = region_levels(lists.region, found.hpx29[rows])
        of_object = (found.host_distance[rows], found.flux_change[rows])
        mu = lists.mu(name, level, onset[rows], *of_object)
        for row, value in zip(rows, mu, strict=True):
            place, at = int(found.hpx29[row]), max(event, COUNTED + found.night[row])
            if value <= 1:
                since[place] = min(at, since.get(place, np.inf))
            if value <= 0.1 and name == "fresh_2":
                golds.add(place)
    alerts = {}
    for place, at in since.items():
        times = unrelated.times(place)
        alerts[place] = int(((times >= at) & (times <= event + lists.kind.days)).sum())
    # a flare that is not detected in the window is no candidate
    found = {place for place, number in alerts.items() if number}
    twice = len(found & golds)
    counts = (len(found), len(golds), len(found) + twice, sum(alerts.values()))
    return np.array(counts, float)


def bronze(survey: Survey, unrelated: Unrelated) -> float:
    """Bronze packets a night of a burst of `BRONZE_KIND`."""
    rng = np.random.default_rng(SEED + 2)
    kind, count = BRONZE_KIND, 0
    for _ in range(BRONZE_BURSTS):
        region = kind.place(*centre(rng, survey))
        event = rng.uniform(COUNTED, COUNTED + TESTED - kind.days)
        days = unrelated.time - event
        near = np.flatnonzero(unrelated.is_bronze & (days > 0) & (days <= kind.days))
        count += (region_levels(region, unrelated.place[near]) <= LEVEL).sum()
    return float(count / kind.days / BRONZE_BURSTS)


def purity(
    snapshot: ClassSnapshot, survey: Survey, unrelated: Unrelated
) -> dict[str, float | None]:
    """Unrelated silvers, golds and packets a night, with the bursts of `LIVE`."""
    rng = np.random.default_rng(SEED + 1)
    kinds = {kind.name: kind for kind in KINDS}
    counted = np.zeros(4)
    for name, number in LIVE.items():
        kind = kinds[name]
        for _ in range(number * REPEATS):
            region = kind.place(*centre(rng, survey))
            event = rng.uniform(COUNTED, COUNTED + TESTED - kind.days - 5)
            lists = lists_of(snapshot, kind, region)
            # one burst is live at a time if there is one in `days`
            counted += silvers(lists, unrelated, event) / kind.days / REPEATS
    names = ("silvers", "golds", "packets", "alerts")
    found = {
        f"{n}_a_night": round(float(c), 2) for n, c in zip(names, counted, strict=True)
    }
    return {
        "live_bursts": sum(LIVE.values()),
        **found,
        "most_packets": MOST[survey.name],
        "bronze_a_night": round(bronze(survey, unrelated), 1),
        "most_bronze": MOST_BRONZE[survey.name],
    }


def region_levels(region: dict, hpx29: np.ndarray) -> np.ndarray:
    """Credible level of places in a region; 1 outside of a sky map."""
    if region["pixels"]:
        lo, hi, level = (
            np.array([p[k] for p in region["pixels"]]) for k in ("lo", "hi", "level")
        )
        at = (np.searchsorted(lo, hpx29, side="right") - 1).clip(0)
        return np.where((hpx29 >= lo[at]) & (hpx29 < hi[at]), level[at], 1.0)
    lon, lat = healpix_to_lonlat(hpx29, 29)
    ra, dec = np.radians([region["event_ra"], region["event_dec"]])
    half = np.sin((lat.rad - dec) / 2) ** 2
    half += np.cos(lat.rad) * np.cos(dec) * np.sin((lon.rad - ra) / 2) ** 2
    if region["ellipse"]:
        shape = region["ellipse"]
        east = np.sin(lon.rad - ra) * np.cos(lat.rad)
        north = np.sin(lat.rad) * np.cos(dec)
        north -= np.cos(lat.rad) * np.sin(dec) * np.cos(lon.rad - ra)
        turn = np.arctan2(east, north) - np.radians(shape["angle"])
        along = shape["major_kappa"] * np.cos(turn) ** 2
        return -np.expm1(-2 * (along + shape["minor_kappa"] * np.sin(turn) ** 2) * half)
    shape, level = region["fisher"], np.zeros(len(hpx29))
    parts = (shape["fraction"], "core_kappa"), (1 - shape["fraction"], "tail_kappa")
    for weight, name in parts:
        kappa = shape[name]
        level += weight * np.expm1(-2 * kappa * half) / np.expm1(-2 * kappa)
    return level


# ---------------------------------------------------------------------------- the runs
def simulate(survey: Survey) -> tuple[ClassSnapshot, Unrelated]:
    """Count `COUNTED` nights, and return the objects of the `TESTED` nights after."""
    nights = Simulation(survey, SEED).nights(COUNTED + TESTED)
    snapshot = class_rates.measure(
        class_counts.count(itertools.islice(nights, COUNTED), survey.name)
    )
    good: list[pa.Table] = []
    counts = class_counts.count(_kept(nights, good), survey.name)
    alerts = pa.concat_tables(good)
    place, time = alerts["hpx29"].to_numpy(), alerts["alert_time"].cast(pa.int64())
    order = np.argsort(place, kind="stable")
    days = (time.to_numpy() - EPOCH_US) / DAY_US
    is_bronze = alerts["is_bronze"].to_numpy()
    return snapshot, Unrelated(
        counts.objects, place[order], days[order], is_bronze[order]
    )


def _kept(nights: Iterator[pa.Table], good: list[pa.Table]) -> Iterator[pa.Table]:
    """Yield nights, and keep the places and times of their good positive alerts."""
    for night in nights:
        passing = pc.and_(pc.greater_equal(night["quality"], 0.5), night["positive"])
        table = night.filter(passing)
        is_bronze = _nature(table) == SOURCE
        columns = table.select(["hpx29", "alert_time"])
        good.append(columns.append_column("is_bronze", pa.array(is_bronze)))
        yield night


def _nature(table: pa.Table) -> np.ndarray:
    """Nature of the object of each alert, as far as the alert says."""
    names = ("positive", "stellar", "variable", "active_nucleus", "moving")
    flags = {
        name: pc.fill_null(table[name].cast(pa.int8()), -1).to_numpy()
        for name in (*names, "extragalactic")
    }
    unknown = np.full(table.num_rows, np.nan)
    return natures(Objects(**flags, host_separation=unknown, flux_change=unknown))


def summary(snapshot: ClassSnapshot) -> dict[str, float]:
    """Mean rates of a snapshot over what is seen."""
    seen = snapshot.coverage > 0
    rows = {
        "nights": snapshot.nights,
        "coverage": float(snapshot.coverage[seen].mean()),
    }
    for name, of in snapshot.classes.items():
        part = snapshot.expected_part(name)
        rows[name] = float((of.rate * part)[seen].mean())
        rows[f"{name}_dispersion"] = of.dispersion
    rows["deg2"] = float(seen.sum() / CELLS * 41252.96)
    return {name: round(value, 5) for name, value in rows.items()}


def show(results: dict) -> None:
    """Print the results as tables."""
    for survey, of in results.items():
        print(f"\n{survey}: mean rates {of['rates']}\npurity {of['purity']}")
        for name in ("light_curves", "log_uniform"):
            columns = list(next(iter(of["power"].values()))[name])
            print(f"\n{survey}, {name}: silver / gold at {', '.join(columns)}")
            for kind in KINDS:
                row = of["power"][kind.name][name]
                cells = "  ".join(
                    f"{r['silver']:.2f} / {r['gold']:.2f}" for r in row.values()
                )
                wanted = " / ".join("-" if w is None else f"{w}" for w in kind.wanted)
                print(f"{kind.name:20s} {cells}   wanted at 0.03: {wanted}")


def main() -> None:
    """Run all, and write the results."""
    injections = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    results = {}
    for survey in (ZTF, RUBIN_NEW):
        snapshot, unrelated = simulate(survey)
        results[survey.name] = {
            "rates": summary(snapshot),
            "power": power_table(snapshot, survey, injections),
            "purity": purity(snapshot, survey, unrelated),
        }
    path = ROOT / "build" / "bench" / "power.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1))
    show(results)


if __name__ == "__main__":
    main()
