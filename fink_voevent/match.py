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
_ROUNDING = 1e-9  # of the level and its inverse, and far more
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
    # The number of the batch comes with the events, as a column: as a constant of the
    # large stage it would make Spark compile that anew for each batch.
    numbered = live.withColumns(
        {
            "_event": F.row_number().over(Window.orderBy("notice_id")),
            "_event_us": udf.elapsed_us(F.col("event_time")),
            "batch": F.lit(batch).cast("bigint"),
        }
    )
    told = (*EVENT_COLUMNS, "related_event_ids", "batch")
    met = (
        _stage_end(_candidates(alerts, numbered, order, credible_level))
        .withColumns(_fallen())
        .where(_level() <= credible_level)
        .withColumns(_measures())
    )
    return (
        _stage_end(met)
        .join(F.broadcast(numbered.select("_event", *told)), "_event")
        .withColumn("coincidence_id", coincidence_id("notice_id", "survey", "alert_id"))
        .select([c for c in names("coincidences") if c != "status"])
    )


def _candidates(
    alerts: DataFrame, numbered: DataFrame, order: int, credible_level: float
) -> DataFrame:
    """Alerts met with regions as far as cells, distance and window tell."""
    met = (
        alerts.withColumn("_cell", udf.cell("hpx29", order))
        .withColumn("_alert_us", udf.elapsed_us(F.col("alert_time")))
        .join(F.broadcast(_cells(numbered, order, credible_level)), "_cell")
        .join(F.broadcast(_regions(numbered, credible_level)), "_event")
    )
    return (
        met.where("_pixel IS NULL OR (hpx29 >= _pixel.lo AND hpx29 < _pixel.hi)")
        .where(F.col("_alert_us").between(F.col("_first_us"), F.col("_last_us")))
        .where(F.col("_pixel").isNotNull() | (_near() <= F.col("_outermost")))
    )


def _stage_end(df: DataFrame) -> DataFrame:
    """End the method that Spark fuses all operators of a stage into.

    One that is over 8,000 bytes is not fused at all. Partitions stay as they are.
    """
    return df.coalesce(1 << 16)


def _cells(numbered: DataFrame, order: int, credible_level: float) -> DataFrame:
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


def _regions(numbered: DataFrame, credible_level: float) -> DataFrame:
    """One row a region: what the geometry and the window need.

    An ellipse has no `_core_kappa`: it depends on the direction.
    """
    centre = udf.unit_vector("event_ra", "event_dec")
    ellipse = [F.col(f"ellipse.{f}") for f in ("major_kappa", "minor_kappa")]
    fraction, core, tail = (
        F.col(f"fisher.{f}") for f in ("fraction", "core_kappa", "tail_kappa")
    )
    outermost = F.greatest(
        *[_half_chord2(kappa, credible_level) for kappa in (core, tail, *ellipse)]
    )
    elliptical, mean = F.col("ellipse").isNotNull(), F.sqrt(ellipse[0] * ellipse[1])
    geometry = {
        "_outermost": outermost * (1 + _ROUNDING),
        "_major_kappa": ellipse[0],
        "_minor_kappa": ellipse[1],
        "_core_kappa": F.when(~elliptical, core),
        "_tail_kappa": F.when(elliptical, 0.0).otherwise(tail),
        # level: sum of weights x (exp(-2 kappa h) - 1); density: of heights x exp()
        "_core_weight": F.when(elliptical, -1.0).otherwise(fraction * _norm(core)),
        "_tail_weight": F.when(elliptical, 0.0).otherwise((1 - fraction) * _norm(tail)),
    }
    heights = {
        "_core_height": F.col("_core_weight") * F.coalesce("_core_kappa", mean),
        "_tail_height": F.col("_tail_weight") * F.col("_tail_kappa"),
    }
    return numbered.withColumns(geometry).select(
        *("_event", *geometry),
        *[(height / (-2.0 * math.pi)).alias(name) for name, height in heights.items()],
        *[c.alias(f"e{axis}") for axis, c in zip("xyz", centre, strict=True)],
        *_axis("m", F.col("ellipse.angle")),
        *_axis("n", F.col("ellipse.angle") + 90.0),
        _moment(-F.col("window_before")).alias("_first_us"),
        _moment(F.col("window_after")).alias("_last_us"),
        *("event_time", "_event_us"),
    )


def _norm(kappa: Column) -> Column:
    return 1.0 / F.expm1(-2.0 * kappa)


def _axis(name: str, angle: Column) -> list[Column]:
    vector = udf.axis("event_ra", "event_dec", angle)
    return [c.alias(f"{name}{axis}") for axis, c in zip("xyz", vector, strict=True)]


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


def _vector(name: str = "") -> udf.Vector:
    return udf.Vector(*[F.col(f"{name}{axis}") for axis in "xyz"])


def _near() -> Column:
    return udf.half_chord2(_vector(), _vector("e"))


def _fallen() -> dict[str, Column]:
    """How far the density has fallen from its peak: exp(-2 kappa h) - 1 of each part.

    As columns of a projection that Spark does not merge with what uses them (it holds
    something that is not deterministic), so that each is computed once.
    """
    kappas = (F.col("_major_kappa"), F.col("_minor_kappa"))
    towards = udf.elliptical_kappa(_vector(), _vector("m"), _vector("n"), *kappas)
    core = F.coalesce("_core_kappa", towards)
    return {
        "_core": F.expm1(-2.0 * core * _near()),
        "_tail": F.expm1(-2.0 * F.col("_tail_kappa") * _near()),
        "_fence": F.spark_partition_id(),
    }


def _level() -> Column:
    core = F.col("_core_weight") * F.col("_core")
    return F.coalesce(
        "_pixel.level", core + F.col("_tail_weight") * F.col("_tail")
    )


def _density() -> Column:
    core = F.col("_core_height") * (1.0 + F.col("_core"))
    tail = F.col("_tail_height") * (1.0 + F.col("_tail"))
    return F.coalesce("_pixel.density", core + tail)


def _delay() -> Column:
    """As `udf.delay`; each time is put on its scale once, not for each pair."""
    return (F.col("_alert_us") - F.col("_event_us")) / float(udf.DAY_US)


def _measures() -> dict[str, Column]:
    """Columns of a pair that say how well it coincides."""
    return {
        "separation": udf.arc(_vector(), _vector("e")),
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
    """UUIDv5 (RFC 4122, section 4.3) of the columns that identify a pair.

    Put together from bytes: Spark counts the characters of a text from its start at
    each substring, which costs three times the digest itself.
    """
    name = F.concat_ws(" ", F.lit("coincidence"), *map(F.col, parts))
    whole = F.concat(F.unhex(F.lit(NAMESPACE.hex)), F.encode(name, "utf-8"))
    digest = F.sha1(whole).cast("binary")
    code = F.ascii(F.substring(digest, 17, 1).cast("string"))
    digit = F.when(code >= ord("a"), code - ord("a") + 10).otherwise(code - ord("0"))
    variant = F.element_at(F.array(*map(_bytes, "89ab")), (digit % 4 + 1).cast("int"))
    return F.concat(
        *(F.substring(digest, 1, 8), _bytes("-")),
        *(F.substring(digest, 9, 4), _bytes("-5")),
        *(F.substring(digest, 14, 3), _bytes("-"), variant),
        *(F.substring(digest, 18, 3), _bytes("-")),
        F.substring(digest, 21, 12),
    ).cast("string")


def _bytes(text: str) -> Column:
    return F.lit(text.encode())


def with_status(found: DataFrame, status: str) -> DataFrame:
    """Pairs as coincidences of one status."""
    return found.withColumn("status", F.lit(status)).select(names("coincidences"))
