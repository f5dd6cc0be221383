# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Alerts met with notices: the pairs that coincide in time and on the sky.

Functions DataFrame to DataFrame, the same for a stream and for data at rest. HEALPix
cells only pre-select, in a broadcast equi-join; the credible level decides, so that the
result is the same at any cell order.
"""

from __future__ import annotations

import functools

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import __version__, udf
from fink_voevent.events import regions
from fink_voevent.events.regions import RegionTables
from fink_voevent.spark.columns import known
from fink_voevent.tables.coincidences import PAIR_EVENT_COLUMNS
from fink_voevent.tables.schema import NAMESPACE, names

_NOTHING = 1e-300


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
        0-1, at most `fink_voevent.sky.localization.COVER_LEVEL`.
    order : int
        HEALPix order of the pre-selection. The result does not depend on it.
    batch : int
        That records them.

    Returns
    -------
    DataFrame
        Columns of coincidences, without `status`.
    """
    return match_regions(
        alerts,
        regions.region_tables(live, PAIR_EVENT_COLUMNS, order, credible_level),
        batch,
    )


def match_regions(alerts: DataFrame, among: RegionTables, batch: int = 0) -> DataFrame:
    """As `pairs`, of regions that may be kept in memory from batch to batch."""
    # The number of the batch comes with the events, as a column: as a constant of the
    # large stage it would make Spark compile that anew for each batch.
    told = among.events.withColumn("batch", F.lit(batch).cast("bigint"))
    return as_coincidences(
        matched_alerts(alerts, among).join(F.broadcast(told), "_event")
    )


def as_coincidences(met: DataFrame) -> DataFrame:
    """Pairs, known by all that they are made of, as columns of coincidences."""
    identity = coincidence_id("notice_id", "survey", "alert_id")
    computed = {"coincidence_id": identity.alias("coincidence_id")}
    return met.select(
        [computed.get(c, c) for c in names("coincidences") if c != "status"]
    )


def matched_alerts(alerts: DataFrame, among: RegionTables) -> DataFrame:
    """Alerts with the `_event` that each meets, and how well."""
    on_time = F.col("_alert_us").between(F.col("_first_us"), F.col("_last_us"))
    inside = _level() <= F.col("_limit")
    return (
        _candidates(alerts, among)
        .withColumns(_fallen())
        .where(inside & on_time & (F.col("_fence") >= 0))
        .withColumns(pair_columns())
    )


def _candidates(alerts: DataFrame, among: RegionTables) -> DataFrame:
    """Alerts met with regions as far as cells, distance and window roughly tell.

    Each alert passes here: what costs much is left to those that are met.
    """
    # as columns that are never null: Spark's code looks at each null that can be
    place = {name: known(name, 0.0) for name in "xyz"}
    index = {"hpx29": known("hpx29", -1)}
    when = {"_utc_us": known(F.call_udf("unix_micros", F.col("alert_time")), 0)}
    # each operation has Spark look through the whole plan again: one filter, not three
    in_pixel = F.expr("_pixel IS NULL OR (hpx29 >= _pixel.lo AND hpx29 < _pixel.hi)")
    in_window = F.col("_utc_us").between(F.col("_from_us"), F.col("_to_us"))
    in_reach = F.col("_pixel").isNotNull() | (_cosine("e") >= F.col("_least_cosine"))
    return (
        alerts.withColumns(place | index | when)
        .withColumn("_cell", udf.cell("hpx29", among.order))
        .join(F.broadcast(among.cells), "_cell")
        .join(F.broadcast(among.shapes), "_event")
        .where(in_pixel & in_window & in_reach)
    )


# Each operation on a Column is a call to the JVM: columns that are always the same are
# made once.
def _vector(name: str = "") -> udf.Vector:
    return udf.Vector(*[F.col(f"{name}{axis}") for axis in "xyz"])


@functools.cache
def _cosine(name: str) -> Column:
    """Of the angle between the alert and a vector of the region."""
    return udf.dot(_vector(), _vector(name))


@functools.cache
def _near() -> Column:
    return udf.half_chord2(_vector(), _vector("e"))


@functools.cache
def _fallen() -> dict[str, Column]:
    """How far the density has fallen from its peak: exp(-2 kappa h) - 1 of each part.

    Towards an angle phi from the major axis of an ellipse, kappa is minor_kappa +
    (major_kappa - minor_kappa) cos2(phi), where cos(phi) is the component along the
    axis over sin(separation): sin2(separation) = 4 h (1 - h).

    As columns of a projection that Spark does not merge with what uses them, so that
    each is computed once: the fence that they use is not deterministic.
    """
    beyond = F.greatest(1.0 - _near(), F.lit(_NOTHING))
    along = _cosine("m") * _cosine("m") / (2.0 * beyond)
    elongated = known(F.col("_excess_kappa") * along, 0.0)
    return {
        "_core": F.expm1(-2.0 * F.col("_core_kappa") * _near() - elongated),
        "_tail": F.expm1(-2.0 * F.col("_tail_kappa") * _near()),
        "_alert_us": udf.elapsed_us(F.col("alert_time")),
        "_fence": F.spark_partition_id(),
    }


@functools.cache
def _level() -> Column:
    core = F.col("_core_weight") * F.col("_core")
    return F.coalesce("_pixel.level", core + F.col("_tail_weight") * F.col("_tail"))


@functools.cache
def _density() -> Column:
    core = F.col("_core_height") * (1.0 + F.col("_core"))
    tail = F.col("_tail_height") * (1.0 + F.col("_tail"))
    return F.coalesce("_pixel.density", core + tail)


def _delay() -> Column:
    """As `udf.delay`; each time is put on its scale once, not for each pair."""
    return (F.col("_alert_us") - F.col("_event_us")) / float(udf.DAY_US)


@functools.cache
def pair_columns() -> dict[str, Column]:
    """Columns of a pair that say how well it coincides."""
    apart = udf.arc(_vector(), _vector("e"))
    return {
        "separation": F.when(~F.isnan("ex"), apart),
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


@functools.cache
def coincidence_id(*parts: str) -> Column:
    """UUIDv5 (RFC 4122, section 4.3) of the columns that identify a pair.

    Put together from bytes: Spark counts the characters of a text from its start at
    each substring, which costs three times the digest itself.
    """
    name = [_bytes("coincidence")]
    for part in parts:
        name += [_bytes(" "), F.col(part).cast("string").cast("binary")]
    digest = F.sha1(F.concat(F.lit(NAMESPACE.bytes), *name)).cast("binary")
    code = F.ascii(F.substring(digest, 17, 1).cast("string"))
    # modulo 4, the code of a decimal digit is as its value, that of a letter one less
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


def with_status(met: DataFrame, status: str) -> DataFrame:
    """Pairs as coincidences of one status."""
    told = {"status": F.lit(status).alias("status")}
    return met.select([told.get(c, c) for c in names("coincidences")])


def count_beyond_cap(
    alerts: DataFrame, live: DataFrame, credible_level: float, order: int
) -> dict[str, int]:
    """Count, by event, alerts that lie within the credible level, beyond the cap."""
    capped = live.where("cap_level IS NOT NULL").withColumnRenamed("cap_level", "_own")
    whole = regions.region_tables(capped, ("event_id", "_own"), order, credible_level)
    found = matched_alerts(alerts, whole).join(F.broadcast(whole.events), "_event")
    rows = found.where("credible_level > _own").groupBy("event_id").count().collect()
    return {row["event_id"]: row["count"] for row in rows}
