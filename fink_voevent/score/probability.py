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
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf
from fink_voevent.config.settings import Settings
from fink_voevent.events import regions
from fink_voevent.score import background
from fink_voevent.score.background import CUTS, Snapshot
from fink_voevent.score.integrals import circle_curve, ellipse_curve, map_curve
from fink_voevent.sky.localization import Ellipse, Fisher
from fink_voevent.spark.codegen import stage_end

_LOG = logging.getLogger(__name__)
STEPS = 64  # of credible level; the integral is interpolated between them
SMALLEST = 1e-300  # s of an alert at the very place and time
_CURVE = (
    "event_id string, _cut string, _curve array<double>, _limit double,"
    " _before double, _after double"
)
_REGION = ("event_ra", "event_dec", "fisher", "ellipse", "pixels", "_limit")


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
            Of `pairing.pairs`.
        events : DataFrame
            Those that were matched: rows of `versions.matchable`.
        """
        at = F.col("credible_level") / F.col("_limit") * STEPS
        at = F.coalesce(at, F.lit(float(STEPS)))  # of one pixel, the whole of it
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
        limited = events.withColumn(
            "_limit", regions.limit(events, self.credible_level)
        )
        keys = ("event_id", "region_id", "_limit", "window_before", "window_after")
        wanted = limited.select(*keys).collect()
        fresh = [r.region_id for r in wanted if r.region_id not in self._curves]
        if fresh:
            missing = limited.where(F.col("region_id").isin(fresh))
            for row in missing.select("region_id", *_REGION).toLocalIterator():
                region = row.asDict(recursive=True)
                self._curves[row.region_id] = self.curves(region, region["_limit"])
        rows = [
            (r.event_id, cut, self._curves[r.region_id][cut], *r[2:])
            for r in wanted
            for cut in CUTS
        ]
        return events.sparkSession.createDataFrame(rows, _CURVE)

    def curves(
        self, region: dict[str, Any], limit: float | None = None
    ) -> dict[str, list[float]]:
        """By cut, the integral of the rate over sky (per day) at `STEPS` + 1 levels.

        They rise to `limit`, by default to the level of the selection.
        """
        reach = self.credible_level if limit is None else limit
        levels = np.linspace(0, reach, STEPS + 1)

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
