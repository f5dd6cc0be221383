# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Events whose sky map is not fetched yet, and that have no other region: time alone.

Time alone pairs an event with all alerts of its nights, nearly all of which would be
withdrawn when the map comes. So those alerts are counted, by event, and no coincidence
is made of them.
"""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf


def counts(alerts: DataFrame, unplaced: DataFrame) -> dict[str, int]:
    """Count, by event, alerts whose delay lies within the window.

    Parameters
    ----------
    alerts : DataFrame
        Thin alerts, each once.
    unplaced : DataFrame
        Rows of `versions.latest` that have a time; their region is not looked at.
    """
    windows = unplaced.select(
        *("event_id", "window_before", "window_after"),
        udf.elapsed_us(F.col("event_time")).alias("_event_us"),
    )
    delay_us = F.col("_alert_us") - F.col("_event_us")
    in_window = delay_us.between(
        -F.col("window_before") * float(udf.DAY_US),
        F.col("window_after") * float(udf.DAY_US),
    )
    rows = (
        alerts.select(udf.elapsed_us(F.col("alert_time")).alias("_alert_us"))
        .join(F.broadcast(windows), in_window)
        .groupBy("event_id")
        .count()
        .collect()
    )
    return {row["event_id"]: row["count"] for row in rows}
