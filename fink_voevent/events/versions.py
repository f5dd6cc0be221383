# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which notice of an event holds, and what a new one changes of what was told.

The order of notices is their own (version, issue, then identity), never of arrival, so
that what holds is the same for any batching.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.events.index import roots
from fink_voevent.events.related import with_related
from fink_voevent.tables.coincidences import EVENT_COLUMNS

ORDER = ("event_version", "event_issued", "notice_id")  # of notices of one event

# Columns of events that say where, by their name in `latest`.
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
TRIGGER_TIMES = ("isotime", "tjd")
MANY = 200  # events to name one by one in an expression


def latest(
    events: DataFrame,
    tenses: tuple[str, ...],
    names: Mapping[str, str] | None = None,
) -> DataFrame:
    """Latest notice of each event, with the time of the event's trigger.

    Parameters
    ----------
    events : DataFrame
        Notices of any version, in any order.
    tenses : tuple of str
        Those that take part; a retraction does as a utility too, as CHIME's are.
    names : mapping of str to str, optional
        `index.roots`, where it is known; by default these events are asked.

    Returns
    -------
    DataFrame
        One row an event: columns of coincidences, and `kind`, `fisher`, `cells`,
        `pixels`, `window_before`, `window_after`, `skymap_url`. The region is that of
        the latest notice that has one, named by `region_id`; `event_time` that of the
        latest that gives the trigger's, a follow-up's own time standing in where there
        is none.

    Notes
    -----
    The order is the notice's own (version, issue, then identity), never of arrival. A
    retraction without a date is the last of its version.
    """
    withdrawn = (F.col("kind") == "retraction") & (F.col("tense") == "utility")
    taking_part = events.where(
        F.col("live") & (F.col("tense").isin(*tenses) | withdrawn)
    )
    newest = Window.partitionBy("event_id").orderBy(
        *newest_first("kind = 'retraction'", [EVENT_COLUMNS[c] for c in ORDER])
    )
    whole = newest.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    trigger = F.when(F.col("time_source").isin(*TRIGGER_TIMES), F.col("time"))
    told = {n: s for n, s in EVENT_COLUMNS.items() if n not in REGION}
    region = F.when(F.col("cells").isNotNull(), F.struct(*REGION.values()))
    # another map of the same notice, fetched since, is another region
    map_id = F.concat_ws("/", "notice_id", "skymap_sha256")
    ranked = with_common_event_id(
        taking_part.withColumn("_map_id", map_id), names
    ).select(
        *[F.col(source).alias(name) for name, source in told.items()],
        *("kind", "window_before", "window_after", "skymap_url"),
        F.first(region, ignorenulls=True).over(whole).alias("_region"),
        F.coalesce(F.first(trigger, ignorenulls=True).over(whole), "time").alias(
            "event_time"
        ),
        F.row_number().over(newest).alias("_rank"),
    )
    newest_rows = ranked.where("_rank = 1").select(
        "*", *[F.col(f"_region.{s}").alias(n) for n, s in REGION.items()]
    )
    return with_related(newest_rows.drop("_rank", "_region"))


def with_common_event_id(
    events: DataFrame, names: Mapping[str, str] | None = None
) -> DataFrame:
    """Give the notices of an event one `event_id` where each cites only the last.

    Of publishers whose notices name no event, a notice belongs to the event of the
    notice that it supersedes or retracts: that one's may be another's again. `names` as
    in `latest`.
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
    """Whether an alert can meet a row of `latest`: it stands, has region and time."""
    return _stands() & F.col("cells").isNotNull()


def awaits_map() -> Column:
    """Whether an alert can meet a row of `latest` once its sky map is fetched."""
    lacking = F.col("cells").isNull() & F.col("skymap_url").isNotNull()
    return _stands() & lacking


def _stands() -> Column:
    return (F.col("kind") != "retraction") & F.col("event_time").isNotNull()


def matchable(live: DataFrame) -> DataFrame:
    """Rows of `latest` that an alert can meet."""
    return live.where(is_matchable())


def of_events(live: DataFrame, events: Collection[str]) -> DataFrame:
    """Rows of `latest` of some events."""
    if len(events) < MANY:
        return live.where(F.col("event_id").isin(*events))
    spark = live.sparkSession
    wanted = spark.createDataFrame([(e,) for e in events], "event_id string")
    return live.join(F.broadcast(wanted), "event_id", "left_semi")


def with_window(live: DataFrame, window: tuple[float, float] | None) -> DataFrame:
    """Rows of `latest`, their windows replaced by one (before, after) in days."""
    if window is None:
        return live
    before, after = (F.lit(float(days)) for days in window)
    return live.withColumns({"window_before": before, "window_after": after})


def newest_first(retracted: str, order: Sequence[str]) -> list[Column]:
    """Order of the notices of an event, the current one first.

    Parameters
    ----------
    retracted : str
        SQL condition that a row is a retraction: one without an issue time is the last
        of its version.
    order : sequence of str
        Columns of the version, the issue time and the identity.
    """
    version, issued, identity = order
    undated = F.expr(f"{retracted} AND {issued} IS NULL")
    return [
        F.col(version).desc(),
        undated.desc(),
        F.col(issued).desc_nulls_last(),
        F.col(identity).desc(),
    ]
