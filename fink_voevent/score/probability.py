# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Chance probability of a coincidence, from the rate of unrelated alerts.

N is the expected number of unrelated alerts in the region and the window of an event:
the integral of the background rate over both. For one unrelated alert

- x is the share of the integral over the region that lies at places at least as
  probable as that of the alert, and
- y is the share of the window that is at least as near to the event.

x and y are uniform and independent. So their product is s = x y or smaller with the
probability s (1 - ln s), and mu = N s (1 - ln s) of the N alerts are expected to reach
it. The chance probability is ``p_chance = 1 - exp(-mu)``. If all alerts are unrelated,
the smallest `p_chance` of an event is uniform between 0 and 1.
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
from fink_voevent.score.integrals import (
    integrate_circle,
    integrate_ellipse,
    integrate_map,
)
from fink_voevent.sky.localization import Ellipse, Fisher
from fink_voevent.spark.codegen import stage_end

_LOG = logging.getLogger(__name__)
STEPS = 64  # steps of the credible level; integrals are interpolated between them
MIN_PRODUCT = 1e-300  # s of an alert at the exact place and time of the event
_INTEGRALS = (
    "event_id string, _cut string, _integral array<double>, _limit double,"
    " _before double, _after double"
)
_REGION = ("event_ra", "event_dec", "fisher", "ellipse", "pixels", "_limit")


def chance(expected: Column, x: Column, y: Column) -> Column:
    """Probability that unrelated alerts give a product x y as small as this.

    Parameters
    ----------
    expected : Column
        Expected number of unrelated alerts in the region and window, N.
    x, y : Column
        Shares of the region and of the window, 0-1.

    Returns
    -------
    Column
        1 - exp(-N s (1 - ln s)) with s = x y, 0-1.
    """
    s = F.greatest(x * y, F.lit(MIN_PRODUCT))
    return -F.expm1(-expected * s * (1 - F.log(s)))


def window_share(delay: Column, before: Column, after: Column) -> Column:
    """Share of a window that is at least as near to the event as an alert.

    Parameters
    ----------
    delay : Column
        Alert minus event, days; inside the window.
    before, after : Column
        Length of the window before and after the event, days.

    Returns
    -------
    Column
        0-1; 0 for a window without length.
    """
    distance = F.abs(delay)
    nearer = F.least(distance, before) + F.least(distance, after)
    return F.when(before + after > 0, nearer / (before + after)).otherwise(F.lit(0.0))


@dataclass
class Scorer:
    """Scores pairs with one snapshot of rates.

    The integrals of a region are computed once and kept.

    Parameters
    ----------
    snapshot : Snapshot
    credible_level : float
        Up to which regions are matched, 0-1.
    """

    snapshot: Snapshot
    credible_level: float
    _by_region: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    _by_cell: DataFrame | None = None

    def score(self, pairs: DataFrame, events: DataFrame) -> DataFrame:
        """Fill in `background_rate`, `p_chance` and `background_id` of pairs.

        Parameters
        ----------
        pairs : DataFrame
            Of `pairing.pairs`. Needed are `event_id`, `alert_ra`, `alert_dec`,
            `credible_level`, `delay`, `quality` and `extragalactic`.
        events : DataFrame
            Rows of `versions.matchable`: the events that were matched.

        Returns
        -------
        DataFrame
            The columns of `pairs`. The three are null if the rate at the alert is not
            known.
        """
        step = F.col("credible_level") / F.col("_limit") * STEPS
        step = F.coalesce(step, F.lit(float(STEPS)))  # 0/0: the region is one pixel
        below = F.least(F.floor(step), F.lit(STEPS - 1)).cast("int")
        integral = F.col("_integral")
        low, high, total = integral[below], integral[below + 1], integral[STEPS]
        shares = {
            "_x": F.when(total > 0, (low + (step - below) * (high - low)) / total),
            "_expected": total * (F.col("_before") + F.col("_after")),
        }
        y = window_share(F.col("delay"), F.col("_before"), F.col("_after"))
        by_chance = chance(F.col("_expected"), F.col("_x"), y)
        is_known = F.col("background_rate").isNotNull()
        table = F.broadcast(self._table(events))
        # A pair has so many columns that all of this would be too large for a method.
        joined = stage_end(self._with_rate(pairs)).join(
            table, ["event_id", "_cut"], "left"
        )
        return (
            stage_end(stage_end(joined).withColumns(shares))
            .withColumn("p_chance", F.when(is_known, by_chance))
            .withColumn("background_id", F.when(is_known, F.lit(self.snapshot.name)))
            .select(pairs.columns)
        )

    def _with_rate(self, pairs: DataFrame) -> DataFrame:
        """Pairs with `background_rate`, and their narrowest cut as `_cut`."""
        place = udf.healpix_index("alert_ra", "alert_dec")
        cell, cut = udf.cell(place, background.ORDER), background.narrowest_cut()
        rates = F.broadcast(self._rates(pairs.sparkSession))
        return (
            stage_end(pairs)
            .withColumns({"_cell": cell, "_cut": cut})
            .join(rates, ["_cell", "_cut"], "left")
            .withColumn("background_rate", F.col("_rate"))
            .drop("_cell", "_rate")
        )

    def expected(self, events: DataFrame) -> dict[str, float]:
        """Compute the expected number of unrelated alerts in the region and window.

        Parameters
        ----------
        events : DataFrame
            Rows of `versions.matchable`.

        Returns
        -------
        dict of str to float
            Number of alerts, without any cut, by `event_id`.
        """
        return {
            row["event_id"]: row["_integral"][STEPS] * (row["_before"] + row["_after"])
            for row in self._table(events).where("_cut = 'any'").collect()
        }

    def _rates(self, spark: SparkSession) -> DataFrame:
        """Rates of all cells where they are known: `_cell`, `_cut`, `_rate`."""
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
        """Integrals of events: a row for each event and cut, columns `_INTEGRALS`."""
        limited = events.withColumn(
            "_limit", regions.limit(events, self.credible_level)
        )
        keys = ("event_id", "region_id", "_limit", "window_before", "window_after")
        wanted = limited.select(*keys).collect()
        new = [r.region_id for r in wanted if r.region_id not in self._by_region]
        if new:
            missing = limited.where(F.col("region_id").isin(new))
            for row in missing.select("region_id", *_REGION).toLocalIterator():
                region = row.asDict(recursive=True)
                self._by_region[row.region_id] = self.integrals(
                    region, region["_limit"]
                )
        rows = [
            (r.event_id, cut, self._by_region[r.region_id][cut], *r[2:])
            for r in wanted
            for cut in CUTS
        ]
        return events.sparkSession.createDataFrame(rows, _INTEGRALS)

    def integrals(
        self, region: dict[str, Any], limit: float | None = None
    ) -> dict[str, list[float]]:
        """Integrals of the rates over a region, up to rising credible levels.

        Parameters
        ----------
        region : dict
            `event_ra`, `event_dec` (deg), `fisher`, `ellipse` and `pixels`, as
            `versions.latest` has them.
        limit : float, optional
            Highest credible level, 0-1; by default that of the scorer.

        Returns
        -------
        dict of str to list of float
            By cut (`CUTS`): alerts per day up to each of `STEPS` + 1 credible levels,
            evenly spaced from 0 to `limit`.
        """
        highest = self.credible_level if limit is None else limit
        levels = np.linspace(0, highest, STEPS + 1)

        def integrate(rates: np.ndarray) -> np.ndarray:
            if region["pixels"]:
                return integrate_map(region["pixels"], rates, levels)
            centre = (region["event_ra"], region["event_dec"])
            if region["ellipse"]:
                shape = Ellipse(**region["ellipse"])
                return integrate_ellipse(centre, shape, rates, levels)
            return integrate_circle(centre, Fisher(**region["fisher"]), rates, levels)

        return {cut: integrate(self.snapshot.rates[cut]).tolist() for cut in CUTS}


def load_scorer(settings: Settings) -> Scorer | None:
    """Scorer with the newest rates of the survey; None if none have been measured."""
    snapshot = background.newest(background.folder(settings.root), settings.survey)
    if snapshot is None:
        _LOG.info(
            "p_chance of %s will be null: run `fink_voevent background` to measure the"
            " background rates",
            settings.survey,
        )
        return None
    return Scorer(snapshot, settings.credible_level)
