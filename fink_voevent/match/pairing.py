# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Match alerts with events: the pairs that coincide in time and on the sky.

All functions take and return DataFrames, of a stream or not. HEALPix cells only
pre-select, in a broadcast equi-join; the exact credible level of the alert decides, so
that the result is the same at any order of the cells.
"""

from __future__ import annotations

import functools

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import __version__, udf
from fink_voevent.events.regions import RegionTables, region_tables
from fink_voevent.spark.columns import changing, known
from fink_voevent.tables.coincidences import PAIR_EVENT_COLUMNS
from fink_voevent.tables.schema import NAMESPACE, column_names

_TINY = 1e-300  # in place of a divisor of 0


def pairs(
    alerts: DataFrame,
    events: DataFrame,
    credible_level: float,
    order: int,
    batch: int = 0,
) -> DataFrame:
    """Match alerts with events, and return all pairs that coincide.

    An alert and an event coincide if the credible level at the alert is at most
    `credible_level`, and the delay d of the alert lies in
    -window_before <= d <= window_after.

    Parameters
    ----------
    alerts : DataFrame
        Thin alerts (the table alerts), each once.
    events : DataFrame
        Rows of `versions.matchable`. They are broadcast, and so must be the small side.
    credible_level : float
        0-1, at most `fink_voevent.sky.localization.COVER_LEVEL`. It is lower for an
        event with a lower `cap_level` (see `area_cap.with_cap`).
    order : int
        HEALPix order of the pre-selection. The result does not depend on it.
    batch : int, optional
        Number of the batch that records the pairs.

    Returns
    -------
    DataFrame
        One row a pair: the columns of the table coincidences, without `status`.
        `background_rate`, `p_chance` and `background_id` are null.
    """
    tables = region_tables(events, PAIR_EVENT_COLUMNS, order, credible_level)
    return match_regions(alerts, tables, batch)


def match_regions(alerts: DataFrame, tables: RegionTables, batch: int = 0) -> DataFrame:
    """Match alerts with regions that may be kept from batch to batch: see `pairs`.

    Parameters
    ----------
    alerts : DataFrame
        Thin alerts, each once.
    tables : RegionTables
        Of `regions.region_tables`, made with the columns `PAIR_EVENT_COLUMNS`.
    batch : int, optional
        Number of the batch that records the pairs.

    Returns
    -------
    DataFrame
        As of `pairs`.
    """
    events = tables.events.withColumn("batch", changing(batch, "_event"))
    matched = matched_alerts(alerts, tables)
    return as_coincidences(matched.join(F.broadcast(events), "_event"))


def as_coincidences(matched: DataFrame) -> DataFrame:
    """Select the columns of coincidences, and add the id of each pair.

    Parameters
    ----------
    matched : DataFrame
        One row a pair, with all columns of the table coincidences but `coincidence_id`
        and `status`.

    Returns
    -------
    DataFrame
        The columns of the table coincidences, without `status`.
    """
    identity = coincidence_id("notice_id", "survey", "alert_id")
    computed = {"coincidence_id": identity.alias("coincidence_id")}
    return matched.select(
        [computed.get(c, c) for c in column_names("coincidences") if c != "status"]
    )


def matched_alerts(alerts: DataFrame, tables: RegionTables) -> DataFrame:
    """Match alerts with regions.

    Parameters
    ----------
    alerts : DataFrame
        Any columns, among them those of the table alerts that are used here: `hpx29`,
        `x`, `y`, `z`, `alert_time`, `first_detection` and `last_non_detection`.
    tables : RegionTables
        Of `regions.region_tables`.

    Returns
    -------
    DataFrame
        One row a pair: the columns of `alerts`, the number of the event as `_event`,
        `event_time`, the columns of `pair_columns`, and others with names that begin
        with an underscore.
    """
    in_window = F.col("_alert_us").between(F.col("_first_us"), F.col("_last_us"))
    in_region = _level() <= F.col("_limit")
    return (
        _preselected(alerts, tables)
        .withColumns(_density_terms())
        .where(in_region & in_window & (F.col("_fence") >= 0))
        .withColumns(pair_columns())
    )


def _preselected(alerts: DataFrame, tables: RegionTables) -> DataFrame:
    """Alerts with the regions that they may lie in, by cell, distance and rough window.

    Every alert passes through here, so that this has to be cheap. More expensive
    columns are computed later, for the few pairs that are left.
    """
    # As columns that are never null: the code that Spark generates checks each null.
    place = {name: known(name, 0.0) for name in "xyz"}
    index = {"hpx29": known("hpx29", -1)}
    time = {"_utc_us": known(F.call_udf("unix_micros", F.col("alert_time")), 0)}
    # Spark analyses the whole plan again for each operation: one filter, not three.
    in_pixel = F.expr("_pixel IS NULL OR (hpx29 >= _pixel.lo AND hpx29 < _pixel.hi)")
    in_window = F.col("_utc_us").between(F.col("_from_us"), F.col("_to_us"))
    in_reach = F.col("_pixel").isNotNull() | (_cosine("e") >= F.col("_least_cosine"))
    return (
        alerts.withColumns(place | index | time)
        .withColumn("_cell", udf.cell("hpx29", tables.order))
        .join(F.broadcast(tables.cells), "_cell")
        .join(F.broadcast(tables.shapes), "_event")
        .where(in_pixel & in_window & in_reach)
    )


# Each operation on a Column is a call to the JVM: columns that are always the same are
# made once.
def _vector(prefix: str = "") -> udf.Vector:
    """Vector of the three columns of a prefix: "" alert, "e" event, "m" major axis."""
    return udf.Vector(*[F.col(f"{prefix}{axis}") for axis in "xyz"])


@functools.cache
def _cosine(prefix: str) -> Column:
    """Cosine of the angle between the alert and a vector of the region."""
    return udf.dot(_vector(), _vector(prefix))


@functools.cache
def _half_chord2() -> Column:
    """Square of half the chord from the alert to the centre: sin2(separation / 2)."""
    return udf.half_chord2(_vector(), _vector("e"))


@functools.cache
def _density_terms() -> dict[str, Column]:
    """Fall of each part of the density from its peak: exp(-2 kappa h) - 1.

    h is sin2(separation / 2). In the direction phi from the major axis of an ellipse,
    kappa is minor_kappa + (major_kappa - minor_kappa) cos2(phi). The cosine of phi is
    the component of the alert along the axis, divided by sin(separation), and
    sin2(separation) = 4 h (1 - h).

    The terms are columns of a projection that Spark does not merge with the expressions
    that use them, because one of them (`_fence`) is not deterministic. So each is
    computed once.
    """
    divisor = F.greatest(1.0 - _half_chord2(), F.lit(_TINY))
    along = _cosine("m") * _cosine("m") / (2.0 * divisor)
    elongation = known(F.col("_excess_kappa") * along, 0.0)
    return {
        "_core": F.expm1(-2.0 * F.col("_core_kappa") * _half_chord2() - elongation),
        "_tail": F.expm1(-2.0 * F.col("_tail_kappa") * _half_chord2()),
        "_alert_us": udf.elapsed_us(F.col("alert_time")),
        "_fence": F.spark_partition_id(),
    }


@functools.cache
def _level() -> Column:
    """Credible level at the alert, 0-1: of its pixel, or of the circle or ellipse."""
    core = F.col("_core_weight") * F.col("_core")
    return F.coalesce("_pixel.level", core + F.col("_tail_weight") * F.col("_tail"))


@functools.cache
def _density() -> Column:
    """Probability density at the alert, sr-1."""
    core = F.col("_core_height") * (1.0 + F.col("_core"))
    tail = F.col("_tail_height") * (1.0 + F.col("_tail"))
    return F.coalesce("_pixel.density", core + tail)


@functools.cache
def pair_columns() -> dict[str, Column]:
    """Columns of the table coincidences that belong to a pair, by name.

    They are computed from the columns of the alert and of the region in a row: see
    `matched_alerts`.
    """
    separation = udf.arc(_vector(), _vector("e"))
    # As `udf.delay`, but each time is converted to elapsed time once, not in each pair.
    delay = (F.col("_alert_us") - F.col("_event_us")) / float(udf.DAY_US)
    return {
        "separation": F.when(~F.isnan("ex"), separation),
        "credible_level": _level(),
        "density": _density(),
        "delay": delay,
        "prior_activity": udf.prior_activity(
            "first_detection", "last_non_detection", "event_time"
        ),
        "software": F.lit(f"fink-voevent {__version__}"),
        # `score.probability` fills these in if a background rate is known.
        "background_rate": F.lit(None).cast("double"),
        "p_chance": F.lit(None).cast("double"),
        "background_id": F.lit(None).cast("string"),
    }


@functools.cache
def coincidence_id(*parts: str) -> Column:
    """UUID version 5 (RFC 4122, section 4.3) of the columns that identify a pair.

    It is computed from bytes: to take a substring of a text, Spark counts its
    characters from the start, which costs three times the SHA-1 digest itself.
    """
    name = [_bytes("coincidence")]
    for part in parts:
        name += [_bytes(" "), F.col(part).cast("string").cast("binary")]
    digest = F.sha1(F.concat(F.lit(NAMESPACE.bytes), *name)).cast("binary")
    code = F.ascii(F.substring(digest, 17, 1).cast("string"))
    # Modulo 4, the code of a decimal digit equals its value; that of a letter a-f is
    # one less.
    two_bits = F.when(code >= ord("a"), code + 1).otherwise(code) % 4
    variant = _bytes("-8-9-a-b").substr(two_bits * 2 + 1, F.lit(2))
    return F.concat(
        *(F.substring(digest, 1, 8), _bytes("-")),
        *(F.substring(digest, 9, 4), _bytes("-5")),
        *(F.substring(digest, 14, 3), variant),
        *(F.substring(digest, 18, 3), _bytes("-")),
        F.substring(digest, 21, 12),
    ).cast("string")


def _bytes(text: str) -> Column:
    return F.lit(text.encode())


def with_status(pairs: DataFrame, status: str) -> DataFrame:
    """Give all pairs one status: the columns of the table coincidences, in order."""
    added = {"status": F.lit(status).alias("status")}
    return pairs.select([added.get(c, c) for c in column_names("coincidences")])


def count_beyond_cap(
    alerts: DataFrame, events: DataFrame, credible_level: float, order: int
) -> dict[str, int]:
    """Count the alerts in each region that the cap on its area alone leaves out.

    Parameters
    ----------
    alerts : DataFrame
        Thin alerts, each once.
    events : DataFrame
        Rows of `versions.matchable` with `cap_level` (see `area_cap.with_cap`).
    credible_level, order
        As of `pairs`.

    Returns
    -------
    dict of str to int
        By `event_id`: alerts with a credible level between `cap_level` and
        `credible_level`. Events without such alerts are left out.
    """
    capped = events.where("cap_level IS NOT NULL").withColumnRenamed(
        "cap_level", "_cap"
    )
    whole = region_tables(capped, ("event_id", "_cap"), order, credible_level)
    matched = matched_alerts(alerts, whole).join(F.broadcast(whole.events), "_event")
    rows = matched.where("credible_level > _cap").groupBy("event_id").count().collect()
    return {row["event_id"]: row["count"] for row in rows}
