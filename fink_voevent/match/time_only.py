# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Events whose sky map is not fetched yet, and that have no other region: time alone.

Until its map is there, the event is met as if it could be anywhere. Such a pair is
marked by a null `credible_level`: it stands in the table, and no topic is told of it.
The map updates or withdraws it, as any version of the notice does.

`VOEVENT_CAP_DEG2` is a part of the sky, no place of which is better than another here:
so large a part of the window is matched instead, that nearest to the event.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf
from fink_voevent.match import pairing
from fink_voevent.tables.coincidences import PAIR_EVENT_COLUMNS

_PLACE = ("separation", "credible_level", "density")  # what there is none to tell


def pairs(alerts: DataFrame, unplaced: DataFrame, batch: int = 0) -> DataFrame:
    """All pairs of an alert and an event in the part of the window that is matched.

    Parameters
    ----------
    alerts : DataFrame
        Thin alerts, each once.
    unplaced : DataFrame
        Rows of `versions.latest` that `versions.awaits_map`, with the `cap_level` of
        `area_cap.with_cap`; the small side, broadcast.
    batch : int
        That records them.

    Returns
    -------
    DataFrame
        Columns of coincidences, without `status`; `separation`, `credible_level`,
        `density` and `p_chance` are null.
    """
    told = unplaced.select(
        *(*PAIR_EVENT_COLUMNS, "event_time"),
        F.lit(batch).cast("bigint").alias("batch"),
        *_window_us(*_nearest(unplaced)),
    )
    unknown = {name: F.lit(None).cast("double") for name in _PLACE}
    return pairing.as_coincidences(
        _met(alerts, told).withColumns(pairing.pair_columns() | unknown)
    )


def counts(alerts: DataFrame, unplaced: DataFrame) -> dict[str, int]:
    """Count, by event, alerts whose delay lies within its whole window.

    Parameters
    ----------
    alerts, unplaced : DataFrame
        As `pairs` takes them.
    """
    whole = _window_us(F.col("window_before"), F.col("window_after"))
    found = _met(alerts.select("alert_time"), unplaced.select("event_id", *whole))
    rows = found.groupBy("event_id").count().collect()
    return {row["event_id"]: row["count"] for row in rows}


def _met(alerts: DataFrame, windows: DataFrame) -> DataFrame:
    timed = alerts.withColumn("_alert_us", udf.elapsed_us(F.col("alert_time")))
    in_window = F.col("_alert_us").between(F.col("_first_us"), F.col("_last_us"))
    return timed.join(F.broadcast(windows), in_window)


def _window_us(before: Column, after: Column) -> tuple[Column, Column, Column]:
    """Time of the event, and its window of so many days, in elapsed time."""
    moment = udf.elapsed_us(F.col("event_time"))
    day_us = float(udf.DAY_US)
    return (
        moment.alias("_event_us"),
        (moment - F.round(before * day_us)).alias("_first_us"),
        (moment + F.round(after * day_us)).alias("_last_us"),
    )


def _nearest(unplaced: DataFrame) -> tuple[Column, Column]:
    """Days before and after the event that are matched of its window."""
    before, after = F.col("window_before"), F.col("window_after")
    if "cap_level" not in unplaced.columns:
        return before, after
    length = F.coalesce("cap_level", F.lit(1.0)) * (before + after)
    # as far to both sides, or where one is shorter than that, further to the other
    reach = F.greatest(length / 2, length - F.least(before, after))
    return F.least(before, reach), F.least(after, reach)
