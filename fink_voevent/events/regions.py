# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Regions of events as tables that alerts are joined with.

The joins are on HEALPix cells and on `_event`, the number of an event in the tables.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf
from fink_voevent.sky.region_size import AREA_LEVELS, SKY_ORDER
from fink_voevent.spark.columns import known

# Margin of the cosine by which alerts are pre-selected: far above the rounding error,
# and at most 9 arcsec.
_ROUNDING = 1e-9
LEAP_SECONDS_US = 60_000_000  # more than all leap seconds together


class RegionTables(NamedTuple):
    """Regions of events, in three tables to join alerts with.

    Parameters
    ----------
    events : DataFrame
        One row an event: `_event`, and the columns that coincidences have of it.
    cells, shapes : DataFrame
        See `cells` and `shapes`.
    order : int
        HEALPix order of `cells`.
    """

    events: DataFrame
    cells: DataFrame
    shapes: DataFrame
    order: int

    def persist(self) -> RegionTables:
        """Cache the tables in memory, for many batches."""
        for table in (self.events, self.cells, self.shapes):
            table.persist()
        return self

    def unpersist(self) -> None:
        """Remove the tables from memory."""
        for table in (self.events, self.cells, self.shapes):
            table.unpersist()


def region_tables(
    events: DataFrame, columns: Iterable[str], order: int, credible_level: float
) -> RegionTables:
    """Make the tables that alerts are joined with.

    Parameters
    ----------
    events : DataFrame
        Rows of `versions.matchable`, with `cap_level` if there is a cap (see
        `area_cap.with_cap`).
    columns : iterable of str
        Columns of `events` that the table `events` of the result has.
    order : int
        HEALPix order of the cells.
    credible_level : float
        Credible level to which regions are matched, 0-1.
    """
    numbered = events.withColumns(
        {
            "_limit": limit(events, credible_level),
            "_event": F.row_number().over(Window.orderBy("notice_id")),
            "_event_us": udf.elapsed_us(F.col("event_time")),
        }
    )
    return RegionTables(
        numbered.select("_event", *columns),
        cells(numbered, order),
        shapes(numbered),
        order,
    )


def limit(events: DataFrame, credible_level: float) -> Column:
    """Credible level to which the region of each row is matched, 0-1.

    It is `credible_level`, or `cap_level` if that is lower (see `area_cap.with_cap`).
    """
    if "cap_level" not in events.columns:
        return F.lit(credible_level)
    return F.least("cap_level", F.lit(credible_level))  # `least` skips a null


@functools.cache
def _cells_of_order(order: int) -> Column:
    """Array of the cells of `order` that the ranges in `cells` overlap, each once."""
    shift = 2 * (udf.ORDER - order)
    return F.expr(
        "array_distinct(flatten(transform(cells, c ->"
        f" sequence(shiftright(c.lo, {shift}), shiftright(c.hi - 1, {shift})))))"
    )


@functools.cache
def row_count(order: int) -> Column:
    """Rows that a region has in the table `cells`: of its cells, or its map's pixels.

    Needs `cells` and `pixels`. For a map it is about this number.
    """
    shift = 2 * (udf.ORDER - order)
    of_map = F.expr(
        "aggregate(pixels, 0L, (n, p) ->"
        f" n + greatest(1L, shiftright(p.hi - p.lo, {shift})))"
    )
    return F.when(F.col("pixels").isNull(), F.size(_cells_of_order(order))).otherwise(
        of_map
    )


@functools.cache
def sky_cells() -> Column:
    """Cells of `SKY_ORDER` that the ranges in `cells` overlap, as bits of a number."""
    shift = 2 * (udf.ORDER - SKY_ORDER)
    return F.expr(
        "aggregate(cells, 0L, (seen, c) -> aggregate(sequence("
        f"shiftright(c.lo, {shift}), shiftright(c.hi - 1, {shift})), seen,"
        " (all, cell) -> all | shiftleft(1L, int(cell))))"
    )


@functools.cache
def areas() -> Column:
    """Area of the pixels below each of `AREA_LEVELS`; null without pixels.

    Needs `pixels`. In HEALPix cells of order 29.
    """
    sums = ", ".join(
        f"aggregate(pixels, 0L, (n, p) -> n + if(p.level < {level}D, p.hi - p.lo, 0L))"
        for level in AREA_LEVELS
    )
    return F.expr(f"if(pixels IS NULL, NULL, array({sums}))")


def cells(numbered: DataFrame, order: int) -> DataFrame:
    """Cells of each region, and for a sky map its pixels.

    The table has no more columns than needed: a small table stays in the cache of the
    processor.

    Parameters
    ----------
    numbered : DataFrame
        Events with `_event`, `_limit` (credible level, 0-1), `cells` and `pixels`.
    order : int
        HEALPix order of the cells.

    Returns
    -------
    DataFrame
        `_cell` (nested index), `_event` and `_pixel`. One row for each cell of a
        region, with a null `_pixel`; for a sky map, one row for each pixel up to
        `_limit` and each cell that it overlaps.
    """
    shift = 2 * (udf.ORDER - order)
    inside = F.filter("pixels", lambda p: p["level"] <= F.col("_limit"))
    overlapped = F.expr(
        f"sequence(shiftright(_pixel.lo, {shift}), shiftright(_pixel.hi - 1, {shift}))"
    )
    maps = (
        numbered.where("pixels IS NOT NULL")
        .select(F.explode(inside).alias("_pixel"), "_event")
        .select(F.explode(overlapped).alias("_cell"), "*")
    )
    return (
        numbered.where("pixels IS NULL")
        .select(F.explode(_cells_of_order(order)).alias("_cell"), "_event")
        .unionByName(maps, allowMissingColumns=True)
    )


def shapes(numbered: DataFrame) -> DataFrame:
    """Geometry and window of each region, one row a region.

    Parameters
    ----------
    numbered : DataFrame
        Events with `_event`, `_event_us` (event time, elapsed microseconds), `_limit`,
        and the columns of `versions.latest` that make the region and the window.

    Returns
    -------
    DataFrame
        Columns that are never null, so that the code that Spark generates need not
        check them:

        - `_event`, and `_limit`, the credible level to which it is matched;
        - `_core_kappa`, `_excess_kappa`, `_tail_kappa`: concentrations. Those of an
          ellipse are `_core_kappa` along its minor axis and `_core_kappa` +
          `_excess_kappa` along its major axis; a circle has no excess;
        - `_core_weight`, `_tail_weight`: with h = sin2(separation / 2), the credible
          level is the sum of weight x (exp(-2 kappa h) - 1);
        - `_core_height`, `_tail_height` (sr-1): the probability density is the sum of
          height x exp(-2 kappa h);
        - `ex`, `ey`, `ez`: unit vector of the centre, NaN if there is none; `mx`, `my`,
          `mz`: that of the major axis, 0 if there is none;
        - `_least_cosine`: at most the cosine of any separation within `_limit`; -2 for
          a sky map, where pixels decide;
        - the window: see `_times`.
    """
    columns = _concentrations() | _weights() | _heights_and_vectors() | _times()
    return (
        numbered.withColumns(_concentrations())
        .withColumns(_weights())
        .select(
            "_event",
            known("_limit", 1.0).alias("_limit"),
            *[column.alias(name) for name, column in columns.items()],
        )
    )


# Each operation on a Column is a call to the JVM: columns are made once.
@functools.cache
def _concentrations() -> dict[str, Column]:
    """Concentrations of a region: see `shapes`."""
    major, minor = (F.col(f"ellipse.{f}") for f in ("major_kappa", "minor_kappa"))
    return {
        "_core_kappa": known(F.coalesce(minor, "fisher.core_kappa"), 0.0),
        "_excess_kappa": known(major - minor, 0.0),
        "_tail_kappa": known(F.when(_is_circle(), F.col("fisher.tail_kappa")), 0.0),
    }


@functools.cache
def _weights() -> dict[str, Column]:
    """Weights of the credible level: see `shapes`."""
    fraction, core, tail = (
        F.col(f"fisher.{f}") for f in ("fraction", "core_kappa", "tail_kappa")
    )
    circle = F.when(_is_circle(), fraction * _norm(core)).otherwise(-1.0)
    return {
        "_core_weight": known(circle, 0.0),
        "_tail_weight": known(F.when(_is_circle(), (1 - fraction) * _norm(tail)), 0.0),
    }


@functools.cache
def _is_circle() -> Column:
    return F.col("ellipse").isNull()


@functools.cache
def _heights_and_vectors() -> dict[str, Column]:
    """Heights of the density, vectors, and the least cosine: see `shapes`."""
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
    # cosine = 1 - 2 h. Without concentrations, of a sky map, its pixels decide.
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
    """Event time and window.

    `_event_us`, `_first_us` and `_last_us` are elapsed microseconds (see
    `udf.elapsed_us`). `_from_us` and `_to_us` are the window in microseconds of UTC
    since 1970, widened by more than all leap seconds, for the pre-selection.
    """
    elapsed, utc = F.col("_event_us"), F.call_udf("unix_micros", F.col("event_time"))
    before, after = (
        F.round(F.col(f"window_{side}") * float(udf.DAY_US)).cast("bigint")
        for side in ("before", "after")
    )
    times = {
        "_event_us": elapsed,
        "_first_us": elapsed - before,
        "_last_us": elapsed + after,
        "_from_us": utc - before - LEAP_SECONDS_US,
        "_to_us": utc + after + LEAP_SECONDS_US,
    }
    never_null = {name: known(time, 0) for name, time in times.items()}
    return {**never_null, "event_time": F.col("event_time")}


def _norm(kappa: Column) -> Column:
    """Weight of a whole Fisher distribution, so that its level reaches 1 at 180 deg."""
    return 1.0 / F.expm1(-2.0 * kappa)


def _half_chord2(kappa: Column, credible_level: Column) -> Column:
    """Compute sin2(radius / 2) of the circle that encloses a credible level.

    The radius of a mixture of two lies between those of its parts, that of an ellipse
    between those of its axes.
    """
    return -F.log1p(credible_level * F.expm1(-2.0 * kappa)) / (2.0 * kappa)
