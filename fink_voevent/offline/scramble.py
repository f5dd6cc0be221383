# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A test of the chance probability: notices moved on the sky match by chance alone.

They are moved in right ascension by quarters of a turn, which map HEALPix onto itself,
so that sky maps are moved exactly; and in time by whole days, so that nights remain
nights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.match import pairing
from fink_voevent.score.probability import Scorer

QUARTERS = (1, 2, 3)
BEST_AT = (0.01, 0.1, 0.5)
# The base cells of each polar cap, and of the equator, are numbered eastwards in fours.
_BASE = 4


@dataclass(frozen=True)
class ScrambleCounts:
    """Coincidences by chance, as counted and as the rates predict them.

    Parameters
    ----------
    events : int
        Scrambled events with a known background rate.
    pairs : int
        Coincidences that were found.
    predicted : float
        Coincidences that the rates predict.
    reached : dict of float to int
        For each probability, how many events have a pair with a `p_chance` as small;
        that fraction of the events is expected.
    """

    events: int
    pairs: int
    predicted: float
    reached: dict[float, int]


def scrambled(live: DataFrame, quarters: int, days: int) -> DataFrame:
    """Rows of `versions.matchable`, turned eastwards by quarters and moved by days."""
    ends = {"lo": _turned("lo", quarters), "hi": _turned("hi", quarters, before=1)}

    def moved(cell: Column) -> Column:
        return reduce(lambda c, e: c.withField(e, ends[e](cell)), ends, cell)

    name = F.lit(f" turned {90 * quarters} deg, {days:+d} d")
    ra = F.pmod(F.col("event_ra") + 90.0 * quarters, F.lit(360.0))
    # a range may cover several base cells: one range for each
    cut = F.flatten(F.transform("cells", _by_base))
    return live.withColumns(
        {
            "event_id": F.concat("event_id", name),
            "notice_id": F.concat("notice_id", name),
            "region_id": F.concat("region_id", name),
            "event_ra": ra,
            "event_time": F.expr(f"event_time + make_dt_interval({days})"),
            "cells": F.transform(cut, moved),
            "pixels": F.transform("pixels", moved),
        }
    )


def _by_base(cell: Column) -> Column:
    size = 1 << 58
    first, last = F.shiftright(cell["lo"], 58), F.shiftright(cell["hi"] - 1, 58)
    return F.transform(
        F.sequence(first, last),
        lambda base: F.struct(
            F.greatest(cell["lo"], base * size).alias("lo"),
            F.least(cell["hi"], (base + 1) * size).alias("hi"),
        ),
    )


def _turned(end: str, quarters: int, before: int = 0) -> Callable[[Column], Column]:
    """Return a function that turns the end of a range within one base cell."""

    def turn(cell: Column) -> Column:
        index = cell[end] - before
        base = F.shiftright(index, 58)
        inside = index - F.shiftleft(base, 58)
        row = F.floor(base / _BASE)
        east = F.pmod(base + quarters, F.lit(_BASE))
        return F.shiftleft((row * _BASE + east).cast("bigint"), 58) + inside + before

    return turn


def measure(
    alerts: DataFrame,
    live: DataFrame,
    scorer: Scorer,
    shifts_days: Iterable[int],
    order: int,
) -> ScrambleCounts:
    """Match scrambled events with alerts, and count.

    Parameters
    ----------
    alerts : DataFrame
        Thin alerts of complete nights.
    live : DataFrame
        Rows of `versions.matchable`; their windows should lie within the nights.
    scorer : Scorer
    shifts_days : iterable of int
        Days by which the events are moved.
    order : int
        HEALPix order of the pre-selection: see `pairing.pairs`.
    """
    copies = [scrambled(live, q, d) for q in QUARTERS for d in shifts_days]
    events = reduce(DataFrame.unionByName, copies).persist()
    level = scorer.credible_level
    found = scorer.score(pairing.pairs(alerts, events, level, order), events)
    best = found.groupBy("event_id").agg(
        F.min("p_chance").alias("best"), F.count(F.lit(1)).alias("pairs")
    )
    rows = best.collect()
    expected = scorer.expected(events)
    events.unpersist()
    smallest = np.array([r.best for r in rows if r.best is not None])
    return ScrambleCounts(
        events=len(expected),
        pairs=sum(r.pairs for r in rows),
        predicted=float(sum(expected.values())),
        reached={p: int((smallest <= p).sum()) for p in BEST_AT},
    )
