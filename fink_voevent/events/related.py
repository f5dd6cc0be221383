# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Events that are one burst, seen and named by several instruments."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.events.index import SAME_TIME_US


def with_related(live: DataFrame) -> DataFrame:
    """Add `related_event_ids`: events of the same time and an overlapping region.

    Two instruments that saw one burst name it differently. Related are events that
    stand, whose times differ by `SAME_TIME_US` at most, and whose 99 % regions share a
    part of the sky (by their cells).
    """
    moment = F.expr("unix_micros(event_time)")
    around = Window.orderBy(moment).rangeBetween(-SAME_TIME_US, SAME_TIME_US)
    standing = F.expr("kind <> 'retraction' AND event_time IS NOT NULL")
    other = F.when(standing, F.struct("event_id", "cells"))
    related = F.array_sort(
        F.transform(F.filter("_others", _overlaps), lambda o: o["event_id"])
    )
    return (
        live.withColumn("_others", F.collect_list(other).over(around))
        .withColumn("related_event_ids", F.when(standing, related))
        .drop("_others")
    )


def _overlaps(other: Column) -> Column:
    shared = F.exists(
        other["cells"],
        lambda a: F.exists(
            "cells", lambda b: (a["lo"] < b["hi"]) & (b["lo"] < a["hi"])
        ),
    )
    return (other["event_id"] != F.col("event_id")) & shared
