# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Match events in time only, until the sky map that they name is fetched.

Such an event has no other region, and is matched as if it could be anywhere on the sky.
Its pairs are recorded with a null `credible_level`, and are sent to no topic. The map
then updates or withdraws them, as any new version of the notice does.

`VOEVENT_CAP_DEG2` limits the part of the sky that is matched. No part of the sky is
better than another here, so the same part of the window is matched instead: the one
nearest to the event.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf
from fink_voevent.match import pairing
from fink_voevent.spark.columns import changing
from fink_voevent.tables.coincidences import PAIR_EVENT_COLUMNS

_SKY_COLUMNS = ("separation", "credible_level", "density")  # null without a region


def pairs(alerts: DataFrame, events: DataFrame, batch: int = 0) -> DataFrame:
    """Match alerts with the part of the window of each event that is matched.

    Parameters
    ----------
    alerts : DataFrame
        Thin alerts (the table alerts), each once.
    events : DataFrame
        Rows of `versions.latest` that await their map (`versions.awaits_map`), with
        the `cap_level` of `area_cap.with_cap` if there is a cap. They are broadcast,
        and so must be the small side.
    batch : int, optional
        Number of the batch that records the pairs.

    Returns
    -------
    DataFrame
        One row a pair: the columns of the table coincidences, without `status`;
        `separation`, `credible_level`, `density`, `background_rate`, `p_chance` and
        `background_id` are null.
    """
    windows = events.select(
        *(*PAIR_EVENT_COLUMNS, "event_time"),
        changing(batch, "length(event_id)").alias("batch"),
        *_window_us(*_matched_window(events)),
    )
    unknown = {name: F.lit(None).cast("double") for name in _SKY_COLUMNS}
    return pairing.as_coincidences(
        _in_window(alerts, windows).withColumns(pairing.pair_columns() | unknown)
    )


def count_alerts(alerts: DataFrame, events: DataFrame) -> dict[str, int]:
    """Count the alerts in the whole window of each event.

    Parameters
    ----------
    alerts : DataFrame
        With `alert_time`.
    events : DataFrame
        With `event_id`, `event_time`, `window_before` and `window_after`.

    Returns
    -------
    dict of str to int
        By `event_id`; events without an alert are left out.
    """
    windows = _window_us(F.col("window_before"), F.col("window_after"))
    matched = _in_window(
        alerts.select("alert_time"), events.select("event_id", *windows)
    )
    rows = matched.groupBy("event_id").count().collect()
    return {row["event_id"]: row["count"] for row in rows}


def _in_window(alerts: DataFrame, windows: DataFrame) -> DataFrame:
    """Join alerts with the windows that they lie in."""
    timed = alerts.withColumn("_alert_us", udf.elapsed_us(F.col("alert_time")))
    in_window = F.col("_alert_us").between(F.col("_first_us"), F.col("_last_us"))
    return timed.join(F.broadcast(windows), in_window)


def _window_us(before: Column, after: Column) -> tuple[Column, Column, Column]:
    """Event time, and start and end of a window in days, as elapsed microseconds."""
    moment = udf.elapsed_us(F.col("event_time"))
    day_us = float(udf.DAY_US)
    return (
        moment.alias("_event_us"),
        (moment - F.round(before * day_us)).alias("_first_us"),
        (moment + F.round(after * day_us)).alias("_last_us"),
    )


def _matched_window(events: DataFrame) -> tuple[Column, Column]:
    """Days before and after the event that are matched, of its whole window."""
    before, after = F.col("window_before"), F.col("window_after")
    if "cap_level" not in events.columns:
        return before, after
    length = F.coalesce("cap_level", F.lit(1.0)) * (before + after)
    # As far to both sides; if one side of the window is shorter than that, further to
    # the other.
    reach = F.greatest(length / 2, length - F.least(before, after))
    return F.least(before, reach), F.least(after, reach)
