# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Chance probability of a coincidence, from the rate of unrelated alerts.

An event's region and window hold N = (integral of the rate over both) unrelated alerts.
For one of them, x (the share of the rate's sky integral in what is at least as probable
as its place) and y (the share of the window at least as near the event) are uniform and
independent, so that a product s = x y as small has probability s (1 - ln s). Of N
alerts, mu = N s (1 - ln s) are expected to reach it, and ``p_chance = 1 - exp(-mu)``:
for the best alert of an event it is uniform under chance.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import lonlat_to_healpix
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import background, udf
from fink_voevent.background import CELL_DEG2, CUTS, Snapshot
from fink_voevent.fused import stage_end
from fink_voevent.localization import DEG2_PER_SR, Ellipse, Fisher
from fink_voevent.settings import Settings

_LOG = logging.getLogger(__name__)
STEPS = 64  # of credible level; the integral is interpolated between them
PLACES = 48  # sampled in each step of a circular region
SMALLEST = 1e-300  # s of an alert at the very place and time
_GOLDEN = math.pi * (3 - math.sqrt(5))
_CURVE = (
    "event_id string, _cut string, _curve array<double>, _before double, _after double"
)
_REGION = ("event_ra", "event_dec", "fisher", "ellipse", "pixels")


def chance(expected: Column, x: Column, y: Column) -> Column:
    """Probability that chance gives an alert with a product x y as small.

    Parameters
    ----------
    expected : Column
        Unrelated alerts in the region and window, N.
    x, y : Column
        Shares, 0-1.
    """
    s = F.greatest(x * y, F.lit(SMALLEST))
    return -F.expm1(-expected * s * (1 - F.log(s)))


def near_share(delay: Column, before: Column, after: Column) -> Column:
    """Share of a window (d) that is at least as near the event as a delay (d)."""
    distance = F.abs(delay)
    near = F.least(distance, before) + F.least(distance, after)
    return F.when(before + after > 0, near / (before + after)).otherwise(F.lit(0.0))


def map_curve(pixels: list[Any], rates: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Integral of a rate (per day) over the pixels of each credible level and less.

    Exact: the rate is constant in a cell, so its integral over the nested index is
    piecewise linear.
    """
    lo, hi, level = (np.array([p[k] for p in pixels]) for k in ("lo", "hi", "level"))
    within = np.concatenate([[0.0], np.nancumsum(rates) * CELL_DEG2])
    scale = 1 << 2 * (udf.ORDER - background.ORDER)
    edges = np.arange(background.CELLS + 1, dtype=np.float64)
    held = np.interp(hi / scale, edges, within) - np.interp(lo / scale, edges, within)
    rank = np.argsort(level)
    total = np.concatenate([[0.0], np.cumsum(held[rank])])
    return total[np.searchsorted(level[rank], levels, side="right")]


def circle_curve(
    centre_deg: tuple[float, float],
    mixture: Fisher,
    rates: np.ndarray,
    levels: np.ndarray,
) -> np.ndarray:
    """Integral of a rate (per day) within the circle of each credible level.

    By `PLACES` places in each ring, evenly spread over its area.
    """
    edge = [math.radians(mixture.radius_deg(p)) / 2 if p > 0 else 0.0 for p in levels]
    u = np.sin(edge) ** 2
    step = np.arange(PLACES)
    inside = u[:-1, None] + np.diff(u)[:, None] * (step + 0.5) / PLACES
    turn = step * _GOLDEN + np.arange(len(u) - 1)[:, None]
    index = _cells(centre_deg, 2 * np.arcsin(np.sqrt(inside)), turn)
    mean = np.nan_to_num(rates[index]).mean(axis=1)
    rings = mean * np.diff(u) * 4 * math.pi * DEG2_PER_SR
    return np.concatenate([[0.0], np.cumsum(rings)])


def ellipse_curve(
    centre_deg: tuple[float, float],
    shape: Ellipse,
    rates: np.ndarray,
    levels: np.ndarray,
) -> np.ndarray:
    """Integral of a rate (per day) within the ellipse of each credible level."""
    q = -np.log1p(-levels) / 2
    step = np.arange(PLACES)
    inside = q[:-1, None] + np.diff(q)[:, None] * (step + 0.5) / PLACES
    turn = step * _GOLDEN + np.arange(len(q) - 1)[:, None]
    along = np.cos(turn) * np.sqrt(inside / shape.major_kappa)
    across = np.sin(turn) * np.sqrt(inside / shape.minor_kappa)
    distance = 2 * np.arcsin(np.minimum(np.hypot(along, across), 1))
    towards = np.arctan2(across, along) + math.radians(shape.angle)
    mean = np.nan_to_num(rates[_cells(centre_deg, distance, towards)]).mean(axis=1)
    scale = 4 * math.pi / math.sqrt(shape.major_kappa * shape.minor_kappa)
    return np.concatenate([[0.0], np.cumsum(mean * np.diff(q) * scale * DEG2_PER_SR)])


def _cells(
    centre_deg: tuple[float, float], distance: np.ndarray, turn: np.ndarray
) -> np.ndarray:
    """Cells of `background.ORDER` at angles (rad) from a centre, by position angle."""
    ra, dec = np.radians(centre_deg)
    sine = np.sin(dec) * np.cos(distance)
    sine = sine + np.cos(dec) * np.sin(distance) * np.cos(turn)
    north = np.arcsin(np.clip(sine, -1, 1))
    east = ra + np.arctan2(
        np.sin(turn) * np.sin(distance) * np.cos(dec),
        np.cos(distance) - np.sin(dec) * np.sin(north),
    )
    lon, lat = Longitude(east.ravel(), unit="rad"), Latitude(north.ravel(), unit="rad")
    found = lonlat_to_healpix(lon, lat, background.ORDER)
    return found.astype(np.int64).reshape(distance.shape)


@dataclass
class Scorer:
    """Scores pairs with one snapshot; the integrals of each region are made once.

    Parameters
    ----------
    snapshot : Snapshot
    credible_level : float
        Of the selection, 0-1.
    """

    snapshot: Snapshot
    credible_level: float
    _curves: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    _by_cell: DataFrame | None = None

    def score(self, pairs: DataFrame, events: DataFrame) -> DataFrame:
        """Pairs with `background_rate`, `p_chance` and `background_id`.

        Parameters
        ----------
        pairs : DataFrame
            Of `match.pairs`.
        events : DataFrame
            Those that were matched: rows of `versions.matchable`.
        """
        at = F.col("credible_level") / self.credible_level * STEPS
        below = F.least(F.floor(at), F.lit(STEPS - 1)).cast("int")
        curve = F.col("_curve")
        low, high, total = curve[below], curve[below + 1], curve[STEPS]
        x = F.when(total > 0, (low + (at - below) * (high - low)) / total)
        y = near_share(F.col("delay"), F.col("_before"), F.col("_after"))
        expected = total * (F.col("_before") + F.col("_after"))
        known = F.col("background_rate").isNotNull()
        return (
            stage_end(self._rated(pairs))
            .join(F.broadcast(self._table(events)), ["event_id", "_cut"], "left")
            .withColumn("p_chance", F.when(known, chance(expected, x, y)))
            .withColumn("background_id", F.when(known, F.lit(self.snapshot.name)))
            .select(pairs.columns)
        )

    def _rated(self, pairs: DataFrame) -> DataFrame:
        """Pairs with `background_rate`, and the cut that they pass as `_cut`."""
        place = udf.healpix_index("alert_ra", "alert_dec")
        rates = F.broadcast(self._rates(pairs.sparkSession))
        return (
            stage_end(pairs)
            .withColumns(
                {"_cell": udf.cell(place, background.ORDER), "_cut": background.cut()}
            )
            .join(rates, ["_cell", "_cut"], "left")
            .withColumn("background_rate", F.col("_rate"))
            .drop("_cell", "_rate")
        )

    def expected(self, events: DataFrame) -> dict[str, float]:
        """Unrelated alerts in the region and window of each event, of any quality."""
        return {
            row.event_id: row._curve[STEPS] * (row._before + row._after)  # noqa: SLF001
            for row in self._table(events).where("_cut = 'any'").collect()
        }

    def _rates(self, spark: SparkSession) -> DataFrame:
        if self._by_cell is None:
            rows = [
                (cell, cut, rate)
                for cut in CUTS
                for cell, rate in enumerate(self.snapshot.rates[cut].tolist())
                if not math.isnan(rate)
            ]
            schema = "_cell bigint, _cut string, _rate double"
            self._by_cell = spark.createDataFrame(rows, schema).persist()
        return self._by_cell

    def _table(self, events: DataFrame) -> DataFrame:
        keys = ("event_id", "region_id", "window_before", "window_after")
        wanted = events.select(*keys).collect()
        fresh = [r.region_id for r in wanted if r.region_id not in self._curves]
        if fresh:
            missing = events.where(F.col("region_id").isin(fresh))
            for row in missing.select("region_id", *_REGION).toLocalIterator():
                self._curves[row.region_id] = self.curves(row.asDict(recursive=True))
        rows = [
            (r.event_id, cut, self._curves[r.region_id][cut], *r[2:])
            for r in wanted
            for cut in CUTS
        ]
        return events.sparkSession.createDataFrame(rows, _CURVE)

    def curves(self, region: dict[str, Any]) -> dict[str, list[float]]:
        """By cut, the integral of the rate over sky (per day) at `STEPS` + 1 levels."""
        levels = np.linspace(0, self.credible_level, STEPS + 1)

        def curve(rates: np.ndarray) -> np.ndarray:
            if region["pixels"]:
                return map_curve(region["pixels"], rates, levels)
            centre = (region["event_ra"], region["event_dec"])
            if region["ellipse"]:
                shape = Ellipse(**region["ellipse"])
                return ellipse_curve(centre, shape, rates, levels)
            return circle_curve(centre, Fisher(**region["fisher"]), rates, levels)

        return {cut: curve(self.snapshot.rates[cut]).tolist() for cut in CUTS}


def scorer_of(settings: Settings) -> Scorer | None:
    """Scorer by the newest background snapshot of the survey, if there is one."""
    found = background.newest(background.folder(settings.root), settings.survey)
    if found is None:
        _LOG.info(
            "p_chance of %s will be null: fink_voevent background makes its rates",
            settings.survey,
        )
        return None
    return Scorer(found, settings.credible_level)
