# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The current notice of each event, and its region.

Notices of an event are ordered by version, issue time and identity, so that the current
notice is the same for any batching. Only notices that have neither an issue time nor a
number that orders them (Einstein Probe) are ordered by the time of landing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.events.index import roots
from fink_voevent.events.related import with_related
from fink_voevent.tables.coincidences import EVENT_COLUMNS

# Columns of `latest` by which the notices of one event are ordered.
ORDER = ("event_version", "event_issued", "notice_received_at", "notice_id")

# Columns of the table events that make a region, by their name in `latest`.
REGION = {
    "event_ra": "ra",
    "event_dec": "dec",
    "event_error_r90": "error_r90",
    "fisher": "fisher",
    "ellipse": "ellipse",
    "cells": "cells",
    "pixels": "pixels",
    "region_id": "_map_id",
}
# Values of `time_source` of a notice that gives the time of the trigger itself.
TRIGGER_TIMES = ("isotime", "tjd")
MANY = 200  # so many names of events are joined, instead of listed in an expression


def latest(
    events: DataFrame,
    tenses: tuple[str, ...],
    names: Mapping[str, str] | None = None,
) -> DataFrame:
    """Find the current notice of each event, with the event's time and region.

    Parameters
    ----------
    events : DataFrame
        Notices of any version, in any order: rows of the table events, of which all
        columns of `tables.coincidences.EVENT_COLUMNS` are needed, and `kind`, `live`,
        `time`, `time_source`, `window_before`, `window_after`, `fisher`, `ellipse`,
        `cells`, `pixels`, `skymap_url` and `skymap_sha256`.
    tenses : tuple of str
        Tenses of the notices that are used. A retraction is also used if its tense is
        ``utility``, as in retractions of CHIME.
    names : mapping of str to str, optional
        Names of events as `index.roots` gives them, if known; by default they are
        computed from `events`.

    Returns
    -------
    DataFrame
        One row an event: the columns `EVENT_COLUMNS` of coincidences, `event_time`,
        `related_event_ids`, and `kind`, `fisher`, `ellipse`, `cells`, `pixels`,
        `region_id`, `window_before`, `window_after` and `skymap_url`.

        The region is that of the latest notice that has one, and `region_id` names it;
        it is null if there is none. `event_time` is that of the latest notice that
        gives the time of the trigger; if none does, that of the current notice; if that
        is only its issue time, or missing, the earliest time of all notices.

    Notes
    -----
    Notices are ordered by version, then issue time, then identity. At equal version
    and time, a retraction is last; without an issue time, it is the last notice of its
    version. Other notices of one version without an issue time are in the order of
    landing.
    """
    is_utility = (F.col("kind") == "retraction") & (F.col("tense") == "utility")
    used = events.where(F.col("live") & (F.col("tense").isin(*tenses) | is_utility))
    newest = Window.partitionBy("event_id").orderBy(
        *newest_first("kind = 'retraction'", [EVENT_COLUMNS[c] for c in ORDER])
    )
    whole = newest.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    trigger = F.when(F.col("time_source").isin(*TRIGGER_TIMES), F.col("time"))
    scalars = {n: s for n, s in EVENT_COLUMNS.items() if n not in REGION}
    region = F.when(F.col("cells").isNotNull(), F.struct(*REGION.values()))
    # If another map of the same notice is fetched later, it is another region.
    map_id = F.concat_ws("/", "notice_id", "skymap_sha256")
    named = with_common_event_id(used.withColumn("_map_id", map_id), names)
    ranked = named.select(
        *[F.col(source).alias(name) for name, source in scalars.items()],
        *("kind", "window_before", "window_after", "skymap_url"),
        F.first(region, ignorenulls=True).over(whole).alias("_region"),
        F.coalesce(
            F.first(trigger, ignorenulls=True).over(whole),
            F.when(F.col("time_source") != "issued", F.col("time")),
            F.min("time").over(whole),
        ).alias("event_time"),
        F.row_number().over(newest).alias("_rank"),
    )
    newest_rows = ranked.where("_rank = 1").select(
        "*", *[F.col(f"_region.{s}").alias(n) for n, s in REGION.items()]
    )
    return with_related(newest_rows.drop("_rank", "_region"))


def with_common_event_id(
    events: DataFrame, names: Mapping[str, str] | None = None
) -> DataFrame:
    """Give all notices of an event the same `event_id`.

    If the notices of a publisher do not name their event, each belongs to the event of
    the notice that it supersedes or retracts, which may itself supersede another.

    Parameters
    ----------
    events : DataFrame
        Notices, with `event_id` and `ivorn`.
    names : mapping of str to str, optional
        As of `latest`.

    Returns
    -------
    DataFrame
        The columns of `events`.
    """
    if names is None:
        cited = F.col("event_id").startswith("ivo://") & (
            F.col("event_id") != F.col("ivorn")
        )
        names = roots(events.where(cited).select("ivorn", "event_id").collect())
    if not names:
        return events
    renames = events.sparkSession.createDataFrame(
        sorted(names.items()), "event_id string, _root string"
    )
    renamed = F.coalesce("_root", "event_id")
    joined = events.join(F.broadcast(renames), "event_id", "left")
    return joined.withColumn("event_id", renamed).drop("_root")


def is_matchable() -> Column:
    """Whether a row of `latest` can be matched: it is valid and has a region."""
    return _is_valid() & F.col("cells").isNotNull()


def awaits_map() -> Column:
    """Whether a row of `latest` can be matched once its sky map is fetched."""
    lacks_map = F.col("cells").isNull() & F.col("skymap_url").isNotNull()
    return _is_valid() & lacks_map


def _is_valid() -> Column:
    """Whether the event of a row of `latest` is not retracted, and has a time."""
    return (F.col("kind") != "retraction") & F.col("event_time").isNotNull()


def matchable(events: DataFrame) -> DataFrame:
    """Select the rows of `latest` that can be matched on the sky: see `is_matchable`.

    Parameters
    ----------
    events : DataFrame
        With `kind`, `event_time` and `cells`.
    """
    return events.where(is_matchable())


def select_events(rows: DataFrame, events: Collection[str]) -> DataFrame:
    """Select the rows of some events.

    Parameters
    ----------
    rows : DataFrame
        With `event_id`.
    events : collection of str
        Values of `event_id`.
    """
    if len(events) < MANY:
        return rows.where(F.col("event_id").isin(*events))
    spark = rows.sparkSession
    wanted = spark.createDataFrame([(e,) for e in events], "event_id string")
    return rows.join(F.broadcast(wanted), "event_id", "left_semi")


def with_window(events: DataFrame, window: tuple[float, float] | None) -> DataFrame:
    """Replace the windows of all events by one.

    Parameters
    ----------
    events : DataFrame
        With `window_before` and `window_after` (days).
    window : tuple of float, or None
        Days before and after the event; None to keep the windows as they are.
    """
    if window is None:
        return events
    before, after = (F.lit(float(days)) for days in window)
    return events.withColumns({"window_before": before, "window_after": after})


def newest_first(retracted: str, order: Sequence[str]) -> list[Column]:
    """Columns that sort the notices of an event, the current one first.

    Parameters
    ----------
    retracted : str
        SQL condition: whether a row is a retraction. A retraction without an issue time
        is the last notice of its version; with one, the last of that time.
    order : sequence of str
        Names of the columns of version, issue time, time of landing and identity. The
        time of landing is used only for notices without an issue time.
    """
    version, issued, received, identity = order
    undated = F.expr(f"{retracted} AND {issued} IS NULL")
    landed = F.when(F.col(issued).isNull(), F.col(received))
    return [
        F.col(version).desc(),
        undated.desc(),
        F.col(issued).desc_nulls_last(),
        F.expr(retracted).desc(),
        landed.desc_nulls_last(),
        F.col(identity).desc(),
    ]
