# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Alerts met with notices: the pairs that coincide in time and on the sky.

Functions DataFrame to DataFrame, the same for a stream and for data at rest. HEALPix
cells only pre-select, in a broadcast equi-join; the credible level decides, so that the
result is the same at any cell order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import __version__, udf
from fink_voevent.notice import NAMESPACE
from fink_voevent.schema import names

ORDERS = (6, 5, 4, 3)  # tried in turn: finer cells pre-select better, until
MOST_CELLS = 300_000  # they are too many to broadcast (about 100 B a row)
# Columns of events that matching reads, by their name in a coincidence.
EVENT_COLUMNS = {
    "event_id": "event_id",
    "event_version": "version",
    "event_issued": "issued",
    "ivorn": "ivorn",
    "notice_id": "notice_id",
    "notice_sha256": "sha256",
    "stream": "stream",
    "messenger": "messenger",
    "tense": "tense",
    "event_ra": "ra",
    "event_dec": "dec",
    "event_error_r90": "error_r90",
    "notice_received_at": "received_at",
}


def cells_at(order: int) -> Column:
    """Cells of `order` that the ranges in `cells` touch, each once."""
    shift = 2 * (udf.ORDER - order)
    return F.expr(
        "array_distinct(flatten(transform(cells, c ->"
        f" sequence(shiftright(c.lo, {shift}), shiftright(c.hi - 1, {shift})))))"
    )


def _rows_at(order: int) -> Column:
    """Rows that a region is broadcast as: its cells, or its sky map's pixels."""
    shift = 2 * (udf.ORDER - order)
    of_map = F.expr(
        "aggregate(pixels, 0L, (n, p) ->"
        f" n + greatest(1L, shiftright(p.hi - p.lo, {shift})))"
    )
    return F.when(F.col("pixels").isNull(), F.size(cells_at(order))).otherwise(of_map)


@dataclass(frozen=True)
class Plan:
    """How many regions there are to meet, and the HEALPix order to meet them at."""

    regions: int
    order: int


def plan(live: DataFrame, fixed_order: int = 0) -> Plan:
    """Count the events of `versions.matchable` and choose the order, if not fixed."""
    orders = (fixed_order,) if fixed_order else ORDERS
    counts = live.agg(
        F.count(F.lit(1)), *[F.sum(_rows_at(order)) for order in orders]
    ).head()
    fitting = (o for o, n in zip(orders, counts[1:], strict=True) if n <= MOST_CELLS)
    return Plan(counts[0], next(fitting, orders[-1]) if counts[0] else orders[0])


def pairs(
    alerts: DataFrame,
    live: DataFrame,
    credible_level: float,
    order: int,
    batch: int = 0,
) -> DataFrame:
    """All pairs of an alert and an event that coincide.

    A pair is one where the alert lies within `credible_level` of the region, and its
    delay d within -window_before <= d <= window_after.

    Parameters
    ----------
    alerts : DataFrame
        Thin alerts, each once.
    live : DataFrame
        `versions.matchable` events; the small side, broadcast.
    credible_level : float
        0-1, at most `fink_voevent.localization.COVER_LEVEL`.
    order : int
        HEALPix order of the pre-selection. The result does not depend on it.
    batch : int
        That records them.

    Returns
    -------
    DataFrame
        Columns of coincidences, without `status`.
    """
    # What is broadcast a cell is lean; the text of an event is joined to pairs only.
    # The number of the batch comes with it, as a column: as a constant of the large
    # stage it would make Spark compile that anew for each batch.
    numbered = live.withColumns(
        {
            "_event": F.row_number().over(Window.orderBy("notice_id")),
            "_event_us": udf.elapsed_us(F.col("event_time")),
            "batch": F.lit(batch).cast("bigint"),
        }
    )
    told = (*EVENT_COLUMNS, "related_event_ids", "batch")
    met = (
        alerts.withColumn("_cell", udf.cell("hpx29", order))
        .withColumn("_alert_us", udf.elapsed_us(F.col("alert_time")))
        .join(F.broadcast(_regions(numbered, order, credible_level)), "_cell")
        .where("_pixel IS NULL OR (hpx29 >= _pixel.lo AND hpx29 < _pixel.hi)")
        .where(_delay().between(-F.col("window_before"), F.col("window_after")))
        .where(_level() <= credible_level)
    )
    return (
        met.withColumns(_measures())
        .join(F.broadcast(numbered.select("_event", *told)), "_event")
        .withColumn("coincidence_id", coincidence_id("notice_id", "survey", "alert_id"))
        .select([c for c in names("coincidences") if c != "status"])
    )


def _regions(numbered: DataFrame, order: int, credible_level: float) -> DataFrame:
    """One row a cell of each region: what the geometry and the window need.

    Of a sky map, one row for each of its pixels in each cell that it meets.
    """
    centre = udf.unit_vector("event_ra", "event_dec")
    major = udf.axis("event_ra", "event_dec", "ellipse.angle")
    needed = (
        "_event",
        *[c.alias(f"e{axis}") for axis, c in zip("xyz", centre, strict=True)],
        *[c.alias(f"m{axis}") for axis, c in zip("xyz", major, strict=True)],
        *("fisher", "ellipse", "event_time", "_event_us"),
        *("window_before", "window_after"),
    )
    shift = 2 * (udf.ORDER - order)
    inside = F.filter("pixels", lambda p: p["level"] <= credible_level)
    met = F.expr(
        f"sequence(shiftright(_pixel.lo, {shift}), shiftright(_pixel.hi - 1, {shift}))"
    )
    maps = (
        numbered.where("pixels IS NOT NULL")
        .select(F.explode(inside).alias("_pixel"), *needed)
        .select(F.explode(met).alias("_cell"), "*")
    )
    return (
        numbered.where("pixels IS NULL")
        .select(F.explode(cells_at(order)).alias("_cell"), *needed)
        .unionByName(maps, allowMissingColumns=True)
    )


def _vectors() -> tuple[udf.Vector, udf.Vector]:
    alert, event = (("x", "y", "z"), ("ex", "ey", "ez"))
    return udf.Vector(*map(F.col, alert)), udf.Vector(*map(F.col, event))


def _near() -> Column:
    return udf.half_chord2(*_vectors())


def _mixture() -> list[Column]:
    return [F.col(f"fisher.{f}") for f in ("fraction", "core_kappa", "tail_kappa")]


def _elliptical() -> Column:
    """Concentration towards the alert; null where the region is no ellipse."""
    alert, event = _vectors()
    major = udf.Vector(*map(F.col, ("mx", "my", "mz")))
    kappas = (F.col("ellipse.major_kappa"), F.col("ellipse.minor_kappa"))
    return udf.elliptical_kappa(alert, event, major, *kappas)


def _level() -> Column:
    shape = F.when(
        F.col("ellipse").isNotNull(), -F.expm1(-2.0 * _elliptical() * _near())
    )
    circle = udf.credible_level(_near(), *_mixture())
    return F.coalesce("_pixel.level", shape, circle)


def _density() -> Column:
    mean = F.sqrt(F.col("ellipse.major_kappa") * F.col("ellipse.minor_kappa"))
    height = mean / (2.0 * math.pi) * F.exp(-2.0 * _elliptical() * _near())
    shape = F.when(F.col("ellipse").isNotNull(), height)
    circle = udf.density(_near(), *_mixture())
    return F.coalesce("_pixel.density", shape, circle)


def _delay() -> Column:
    """As `udf.delay`; each time is put on its scale once, not for each pair."""
    return (F.col("_alert_us") - F.col("_event_us")) / float(udf.DAY_US)


def _measures() -> dict[str, Column]:
    """Columns of a pair that say how well it coincides."""
    return {
        "separation": udf.arc(*_vectors()),
        "credible_level": _level(),
        "density": _density(),
        "delay": _delay(),
        "prior_activity": udf.prior_activity(
            "first_detection", "last_non_detection", "event_time"
        ),
        "software": F.lit(f"fink-voevent {__version__}"),
        # `score` gives them where a rate is known; never a constant
        "background_rate": F.lit(None).cast("double"),
        "p_chance": F.lit(None).cast("double"),
        "background_id": F.lit(None).cast("string"),
    }


def coincidence_id(*parts: str) -> Column:
    """UUIDv5 (RFC 4122, section 4.3) of the columns that identify a pair."""
    name = F.concat_ws(" ", F.lit("coincidence"), *map(F.col, parts))
    digest = F.sha1(F.concat(F.unhex(F.lit(NAMESPACE.hex)), F.encode(name, "utf-8")))
    variant = F.translate(
        F.substring(digest, 17, 1), "0123456789abcdef", "89ab89ab89ab89ab"
    )
    return F.concat_ws(
        "-",
        F.substring(digest, 1, 8),
        F.substring(digest, 9, 4),
        F.concat(F.lit("5"), F.substring(digest, 14, 3)),
        F.concat(variant, F.substring(digest, 18, 3)),
        F.substring(digest, 21, 12),
    )


def with_status(found: DataFrame, status: str) -> DataFrame:
    """Pairs as coincidences of one status."""
    return found.withColumn("status", F.lit(status)).select(names("coincidences"))
