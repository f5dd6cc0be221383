# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Regions of events as tables that alerts are joined with."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf

ORDERS = (6, 5, 4, 3)  # tried in turn: finer cells pre-select better, until
SKY_ORDER = 1  # its 48 cells are the bits of a long
MOST_ROWS = 300_000  # they are too many to broadcast (about 100 B a row)
_ROUNDING = 1e-9  # of the level and its inverse, and far more
_TIMES = ("event_time", "_event_us")


class Regions(NamedTuple):
    """Events by `_event`, their number, in the three tables that alerts meet.

    Parameters
    ----------
    events : DataFrame
        What a coincidence tells of them.
    cells, shapes : DataFrame
        See the functions of these names.
    order : int
        HEALPix order of `cells`.
    credible_level : float
        To which the regions reach, 0-1.
    """

    events: DataFrame
    cells: DataFrame
    shapes: DataFrame
    order: int
    credible_level: float

    def persist(self) -> Regions:
        """Keep the tables in memory, for many batches."""
        for table in (self.events, self.cells, self.shapes):
            table.persist()
        return self

    def unpersist(self) -> None:
        """Let the tables go."""
        for table in (self.events, self.cells, self.shapes):
            table.unpersist()


def of(
    live: DataFrame, told: Iterable[str], order: int, credible_level: float
) -> Regions:
    """Regions of rows of `versions.matchable`; `told` are the columns of `events`."""
    numbered = live.withColumns(
        {
            "_event": F.row_number().over(Window.orderBy("notice_id")),
            "_event_us": udf.elapsed_us(F.col("event_time")),
        }
    )
    return Regions(
        numbered.select("_event", *told),
        cells(numbered, order, credible_level),
        shapes(numbered, credible_level),
        order,
        credible_level,
    )


@functools.cache
def cells_at(order: int) -> Column:
    """Cells of `order` that the ranges in `cells` touch, each once."""
    shift = 2 * (udf.ORDER - order)
    return F.expr(
        "array_distinct(flatten(transform(cells, c ->"
        f" sequence(shiftright(c.lo, {shift}), shiftright(c.hi - 1, {shift})))))"
    )


@functools.cache
def rows_at(order: int) -> Column:
    """Rows that a region is broadcast as: its cells, or its sky map's pixels."""
    shift = 2 * (udf.ORDER - order)
    of_map = F.expr(
        "aggregate(pixels, 0L, (n, p) ->"
        f" n + greatest(1L, shiftright(p.hi - p.lo, {shift})))"
    )
    return F.when(F.col("pixels").isNull(), F.size(cells_at(order))).otherwise(of_map)


@functools.cache
def sky() -> Column:
    """Cells of `SKY_ORDER` that the ranges in `cells` touch, as bits."""
    shift = 2 * (udf.ORDER - SKY_ORDER)
    return F.expr(
        "aggregate(cells, 0L, (seen, c) -> aggregate(sequence("
        f"shiftright(c.lo, {shift}), shiftright(c.hi - 1, {shift})), seen,"
        " (all, cell) -> all | shiftleft(1L, int(cell))))"
    )


def cells(numbered: DataFrame, order: int, credible_level: float) -> DataFrame:
    """One row a cell of each region; of a sky map, one a pixel in each cell it meets.

    No more than that: so small a table stays in the processor's cache.
    """
    shift = 2 * (udf.ORDER - order)
    inside = F.filter("pixels", lambda p: p["level"] <= credible_level)
    met = F.expr(
        f"sequence(shiftright(_pixel.lo, {shift}), shiftright(_pixel.hi - 1, {shift}))"
    )
    maps = (
        numbered.where("pixels IS NOT NULL")
        .select(F.explode(inside).alias("_pixel"), "_event")
        .select(F.explode(met).alias("_cell"), "*")
    )
    return (
        numbered.where("pixels IS NULL")
        .select(F.explode(cells_at(order)).alias("_cell"), "_event")
        .unionByName(maps, allowMissingColumns=True)
    )


def shapes(numbered: DataFrame, credible_level: float) -> DataFrame:
    """One row a region: what the geometry and the window need.

    An ellipse has no `_core_kappa`: it depends on the direction.
    """
    return (
        numbered.withColumns(_geometry(credible_level))
        .withColumns(_heights_and_axes())
        .select("_event", *_geometry(credible_level), *_heights_and_axes(), *_TIMES)
    )


# Each operation on a Column is a call to the JVM: columns are made once.
@functools.cache
def _geometry(credible_level: float) -> dict[str, Column]:
    ellipse = [F.col(f"ellipse.{f}") for f in ("major_kappa", "minor_kappa")]
    fraction, core, tail = (
        F.col(f"fisher.{f}") for f in ("fraction", "core_kappa", "tail_kappa")
    )
    outermost = F.greatest(
        *[_half_chord2(kappa, credible_level) for kappa in (core, tail, *ellipse)]
    )
    elliptical = F.col("ellipse").isNotNull()
    return {
        "_outermost": outermost * (1 + _ROUNDING),
        "_major_kappa": ellipse[0],
        "_minor_kappa": ellipse[1],
        "_core_kappa": F.when(~elliptical, core),
        "_tail_kappa": F.when(elliptical, 0.0).otherwise(tail),
        # level: sum of weights x (exp(-2 kappa h) - 1); density: of heights x exp()
        "_core_weight": F.when(elliptical, -1.0).otherwise(fraction * _norm(core)),
        "_tail_weight": F.when(elliptical, 0.0).otherwise((1 - fraction) * _norm(tail)),
    }


@functools.cache
def _heights_and_axes() -> dict[str, Column]:
    mean = F.sqrt(F.col("_major_kappa") * F.col("_minor_kappa"))
    heights = {
        "_core_height": F.col("_core_weight") * F.coalesce("_core_kappa", mean),
        "_tail_height": F.col("_tail_weight") * F.col("_tail_kappa"),
    }
    angle = F.col("ellipse.angle")
    place = ("event_ra", "event_dec")
    vectors = {
        "e": udf.unit_vector(*place),
        "m": udf.axis(*place, angle),
        "n": udf.axis(*place, angle + 90.0),
    }
    return {
        **{name: height / (-2.0 * math.pi) for name, height in heights.items()},
        **{
            f"{name}{axis}": component
            for name, vector in vectors.items()
            for axis, component in zip("xyz", vector, strict=True)
        },
        "_first_us": _moment(-F.col("window_before")),
        "_last_us": _moment(F.col("window_after")),
    }


def _norm(kappa: Column) -> Column:
    return 1.0 / F.expm1(-2.0 * kappa)


def _moment(after_days: Column) -> Column:
    """Elapsed microseconds of the event, some days later."""
    later = F.round(after_days * float(udf.DAY_US)).cast("bigint")
    return F.col("_event_us") + later


def _half_chord2(kappa: Column, credible_level: float) -> Column:
    """sin2(radius / 2) that a Fisher distribution has within a credible level.

    A mixture of two holds it between the circles of its parts, an ellipse between those
    of its axes.
    """
    return -F.log1p(credible_level * F.expm1(-2.0 * kappa)) / (2.0 * kappa)
