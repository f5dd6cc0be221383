# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""An oracle of `events.current`: the current notice of each event, by Spark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf
from fink_voevent.events import regions, versions
from fink_voevent.events.versions import ORDER, newest_first
from fink_voevent.sky.region_size import ORDERS
from fink_voevent.tables.coincidences import EVENT_COLUMNS
from fink_voevent.tables.times import TimeRange

SAME_TIME_US = 60_000_000
TRIGGER_TIMES = ("isotime", "tjd")
MARGIN_US = 1_000_000
# Columns of a notice that make a region, by their name in `latest`.
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
        `event_significant`, `related_event_ids`, and `kind`, `fisher`, `ellipse`,
        `cells`, `pixels`, `region_id`, `window_before`, `window_after` and
        `skymap_url`.

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
        _significant().alias("event_significant"),
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


def _significant() -> Column:
    """Return whether an event is significant, by the classes of the notice."""
    flag = F.expr("classification['significant']")
    entries = "transform(map_entries(classification), e -> struct(e.value, e.key))"
    best = F.expr(f"array_max({entries})")
    is_said = (best["value"] > 0) & (best["key"] != "GENERIC_TRANSIENT")
    is_burst = F.expr("classification['GRB']") == best["value"]
    is_trigger = (F.col("messenger") == "grb") & is_said
    of_trigger = F.when(is_trigger, F.coalesce(is_burst, F.lit(False)))  # noqa: FBT003
    return F.when(flag.isNotNull(), flag >= 0.5).otherwise(of_trigger)


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


def with_related(events: DataFrame) -> DataFrame:
    """Add `related_event_ids`: events of the same time with an overlapping region.

    Two events are related if neither is retracted, their times differ by at most
    `SAME_TIME_US`, and their 99 % regions have a part of the sky in common, by their
    cells.

    Parameters
    ----------
    events : DataFrame
        One row an event, with `event_id`, `kind`, `event_time` and `cells`.

    Returns
    -------
    DataFrame
        The columns of `events`, and `related_event_ids`, a sorted array: empty if no
        event is related, null if the event is retracted or has no time.
    """
    moment = F.expr("unix_micros(event_time)")
    around = Window.orderBy(moment).rangeBetween(-SAME_TIME_US, SAME_TIME_US)
    is_valid = F.expr("kind <> 'retraction' AND event_time IS NOT NULL")
    other = F.when(is_valid, F.struct("event_id", "cells"))
    related = F.array_sort(
        F.transform(F.filter("_others", _overlaps), lambda o: o["event_id"])
    )
    return (
        events.withColumn("_others", F.collect_list(other).over(around))
        .withColumn("related_event_ids", F.when(is_valid, related))
        .drop("_others")
    )


def _overlaps(other: Column) -> Column:
    """Whether another event has a cell in common with the event of the row."""
    has_common_cell = F.exists(
        other["cells"],
        lambda a: F.exists(
            "cells", lambda b: (a["lo"] < b["hi"]) & (b["lo"] < a["hi"])
        ),
    )
    return (other["event_id"] != F.col("event_id")) & has_common_cell


def roots(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Find the event that each cited notice belongs to.

    Parameters
    ----------
    links : iterable of (str, str)
        The ivorn of a notice, and that of the notice that it cites. If several notices
        have one ivorn, the last in sorted order counts.

    Returns
    -------
    dict of str to str
        By the name of a cited notice, the first notice of its chain of citations. Names
        that are themselves the first are left out.
    """
    cited = dict(sorted(links))
    ends = {start: _end(start, cited) for start in cited.values()}
    return {start: end for start, end in ends.items() if start != end}


def _end(start: str, links: Mapping[str, str]) -> str:
    """Follow links to the last one."""
    seen = {start}
    while start in links and links[start] not in seen:  # notices may cite in a circle
        start = links[start]
        seen.add(start)
    return start


def with_maps(events: DataFrame, maps: DataFrame) -> DataFrame:
    """Give events the sky maps that were fetched for them, as their regions.

    Parameters
    ----------
    events : DataFrame
        Rows of the table events.
    maps : DataFrame
        Rows of the table maps, one for each `skymap_url`.

    Returns
    -------
    DataFrame
        The columns of `events`. If a map was fetched for an event that has none,
        `skymap_sha256`, `cells` and `pixels` are those of the map.
    """
    columns = ("skymap_sha256", "cells", "pixels")
    fetched = maps.select("skymap_url", *[F.col(c).alias(f"_{c}") for c in columns])
    missing_map = F.when(F.col("skymap_sha256").isNull(), F.col("skymap_url"))
    joined = events.withColumn("_url", missing_map).join(
        F.broadcast(fetched.withColumnRenamed("skymap_url", "_url")), "_url", "left"
    )
    merged = {c: F.coalesce(f"_{c}", c) for c in columns}
    return joined.withColumns(merged).select(events.columns)


def summarise(latest: DataFrame) -> dict[str, tuple]:
    """Return what `sized_notices.facts` returns, of rows of `latest`."""
    moment = F.expr("unix_micros(event_time)")
    first, last = (
        moment + sign * F.col(f"window_{side}") * float(udf.DAY_US) + sign * MARGIN_US
        for sign, side in ((-1, "before"), (1, "after"))
    )
    rows = latest.select(
        "event_id",
        F.struct("notice_id", moment, "region_id", "related_event_ids").alias("state"),
        F.floor(first).alias("first_us"),
        F.ceil(last).alias("last_us"),
        versions.is_matchable().alias("is_matchable"),
        versions.awaits_map().alias("awaits_map"),
        F.array(*[regions.row_count(order) for order in ORDERS]).alias("rows"),
        regions.sky_cells().alias("sky"),
        F.col("cap_level").isNotNull().alias("capped"),
    ).collect()
    return {
        r.event_id: (
            tuple(r.state),
            TimeRange(r.first_us, r.last_us) if r.is_matchable else None,
            tuple(r.rows) if r.is_matchable else (),
            r.sky if r.is_matchable else 0,
            r.capped and r.is_matchable,
            TimeRange(r.first_us, r.last_us) if r.awaits_map else None,
        )
        for r in rows
    }
