# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Related events: one burst that several instruments detect and name."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.events.index import SAME_TIME_US


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
