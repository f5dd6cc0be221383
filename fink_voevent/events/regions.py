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
from fink_voevent.spark.columns import known

ORDERS = (6, 5, 4, 3)  # tried in turn: finer cells pre-select better, until
SKY_ORDER = 1  # its 48 cells are the bits of a long
MOST_ROWS = 300_000  # they are too many to broadcast (about 100 B a row)
_ROUNDING = 1e-9  # of a level's inverse, and far more; 9 arcsec at most
LEAPS_US = 60_000_000  # longer than all leap seconds together


class RegionTables(NamedTuple):
    """Events by `_event`, their number, in the three tables that alerts meet.

    Parameters
    ----------
    events : DataFrame
        What a coincidence tells of them.
    cells, shapes : DataFrame
        See the functions of these names.
    order : int
        HEALPix order of `cells`.
    """

    events: DataFrame
    cells: DataFrame
    shapes: DataFrame
    order: int

    def persist(self) -> RegionTables:
        """Keep the tables in memory, for many batches."""
        for table in (self.events, self.cells, self.shapes):
            table.persist()
        return self

    def unpersist(self) -> None:
        """Let the tables go."""
        for table in (self.events, self.cells, self.shapes):
            table.unpersist()


def region_tables(
    live: DataFrame, told: Iterable[str], order: int, credible_level: float
) -> RegionTables:
    """Regions of rows of `versions.matchable`; `told` are the columns of `events`."""
    numbered = live.withColumns(
        {
            "_limit": limit(live, credible_level),
            "_event": F.row_number().over(Window.orderBy("notice_id")),
            "_event_us": udf.elapsed_us(F.col("event_time")),
        }
    )
    return RegionTables(
        numbered.select("_event", *told),
        cells(numbered, order),
        shapes(numbered),
        order,
    )


def limit(live: DataFrame, credible_level: float) -> Column:
    """Credible level to which each region is matched, `area_cap.with_cap` included."""
    if "cap_level" not in live.columns:
        return F.lit(credible_level)
    return F.least("cap_level", F.lit(credible_level))  # which skips a null


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


def cells(numbered: DataFrame, order: int) -> DataFrame:
    """One row a cell of each region; of a sky map, one a pixel in each cell it meets.

    No more than that: so small a table stays in the processor's cache.
    """
    shift = 2 * (udf.ORDER - order)
    inside = F.filter("pixels", lambda p: p["level"] <= F.col("_limit"))
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


def shapes(numbered: DataFrame) -> DataFrame:
    """One row a region: what the geometry and the window need, never null.

    A circle is an ellipse without an excess along its axis; a vector that a region does
    not have is of nan.
    """
    wanted = _steepness() | _weights() | _heights_and_vectors() | _times()
    return (
        numbered.withColumns(_steepness())
        .withColumns(_weights())
        .select(
            "_event",
            known("_limit", 1.0).alias("_limit"),
            *[column.alias(name) for name, column in wanted.items()],
        )
    )


# Each operation on a Column is a call to the JVM: columns are made once.
@functools.cache
def _steepness() -> dict[str, Column]:
    major, minor = (F.col(f"ellipse.{f}") for f in ("major_kappa", "minor_kappa"))
    return {
        "_core_kappa": known(F.coalesce(minor, "fisher.core_kappa"), 0.0),
        "_excess_kappa": known(major - minor, 0.0),
        "_tail_kappa": known(F.when(_circular(), F.col("fisher.tail_kappa")), 0.0),
    }


@functools.cache
def _weights() -> dict[str, Column]:
    """Level: sum of weights x (exp(-2 kappa h) - 1); density: of heights x exp()."""
    fraction, core, tail = (
        F.col(f"fisher.{f}") for f in ("fraction", "core_kappa", "tail_kappa")
    )
    circle = F.when(_circular(), fraction * _norm(core)).otherwise(-1.0)
    return {
        "_core_weight": known(circle, 0.0),
        "_tail_weight": known(F.when(_circular(), (1 - fraction) * _norm(tail)), 0.0),
    }


@functools.cache
def _circular() -> Column:
    return F.col("ellipse").isNull()


@functools.cache
def _heights_and_vectors() -> dict[str, Column]:
    core, tail, excess = (F.col(f"_{f}_kappa") for f in ("core", "tail", "excess"))
    mean = F.sqrt(core * (core + excess))
    heights = {
        "_core_height": F.col("_core_weight") * mean,
        "_tail_height": F.col("_tail_weight") * tail,
    }
    place = ("event_ra", "event_dec")
    vectors = {
        "e": (udf.unit_vector(*place), math.nan),
        "m": (udf.axis(*place, F.col("ellipse.angle")), 0.0),
    }
    # h is half of 1 - cosine; where there is no density, pixels decide
    reach = F.greatest(
        *[_half_chord2(kappa, F.col("_limit")) for kappa in (core, core + excess, tail)]
    )
    return {
        **{name: height / (-2.0 * math.pi) for name, height in heights.items()},
        **{
            f"{name}{axis}": known(component, missing)
            for name, (vector, missing) in vectors.items()
            for axis, component in zip("xyz", vector, strict=True)
        },
        "_least_cosine": known(1.0 - 2.0 * reach - _ROUNDING, -2.0),
    }


@functools.cache
def _times() -> dict[str, Column]:
    """Window in elapsed time, and in UTC so wide that leap seconds cannot matter."""
    elapsed, utc = F.col("_event_us"), F.call_udf("unix_micros", F.col("event_time"))
    before, after = (
        F.round(F.col(f"window_{side}") * float(udf.DAY_US)).cast("bigint")
        for side in ("before", "after")
    )
    spans = {
        "_event_us": elapsed,
        "_first_us": elapsed - before,
        "_last_us": elapsed + after,
        "_from_us": utc - before - LEAPS_US,
        "_to_us": utc + after + LEAPS_US,
    }
    whole = {name: known(span, 0) for name, span in spans.items()}
    return {**whole, "event_time": F.col("event_time")}


def _norm(kappa: Column) -> Column:
    return 1.0 / F.expm1(-2.0 * kappa)


def _half_chord2(kappa: Column, credible_level: Column) -> Column:
    """sin2(radius / 2) that a Fisher distribution has within a credible level.

    A mixture of two holds it between the circles of its parts, an ellipse between those
    of its axes.
    """
    return -F.log1p(credible_level * F.expm1(-2.0 * kappa)) / (2.0 * kappa)
