# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The chance probability put to the test: notices moved to where they cannot belong.

Moved in right ascension by quarters of a turn, at which HEALPix is its own image, so
that sky maps are moved exactly; and in time by whole days, so that the night stays one.
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
# Base cells of the polar caps and of the equator follow each other eastwards in fours.
_BASE = 4


@dataclass(frozen=True)
class Tally:
    """Measured and predicted chance.

    Parameters
    ----------
    events : int
        Scrambled events whose background is known.
    pairs, predicted : float
        Coincidences found, and expected by the rates.
    reached : dict of float to int
        By probability, how many events have a pair of `p_chance` as small; expected is
        that share of the events.
    """

    events: int
    pairs: int
    predicted: float
    reached: dict[float, int]


def scrambled(live: DataFrame, quarters: int, days: int) -> DataFrame:
    """Rows of `versions.matchable` turned eastwards by quarters and moved in time."""
    ends = {"lo": _turned("lo", quarters), "hi": _turned("hi", quarters, before=1)}

    def moved(cell: Column) -> Column:
        return reduce(lambda c, e: c.withField(e, ends[e](cell)), ends, cell)

    name = F.lit(f" turned {90 * quarters} deg, {days:+d} d")
    ra = F.pmod(F.col("event_ra") + 90.0 * quarters, F.lit(360.0))
    # a range may run over several base cells: one range for each
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
    """Give the end of a range within one base cell, turned."""

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
) -> Tally:
    """Match scrambled events with alerts, and compare with what the rates predict.

    Parameters
    ----------
    alerts : DataFrame
        Thin alerts of whole nights.
    live : DataFrame
        `versions.matchable` events; their windows should lie within the nights.
    scorer : Scorer
    shifts_days : iterable of int
    order : int
        See `pairing.pairs`.
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
    return Tally(
        events=len(expected),
        pairs=sum(r.pairs for r in rows),
        predicted=float(sum(expected.values())),
        reached={p: int((smallest <= p).sum()) for p in BEST_AT},
    )
