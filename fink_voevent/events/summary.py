# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Summaries of all current events on the driver, from which a batch is planned.

They are collected once, whenever the notices change, because each query to Spark takes
a while.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf
from fink_voevent.events import regions, versions
from fink_voevent.tables.times import TimeRange

MARGIN_US = 1_000_000  # windows are in elapsed time, which counts leap seconds
WHOLE_SKY = (1 << (12 << 2 * regions.SKY_ORDER)) - 1


@dataclass(frozen=True)
class EventSummary:
    """Summary of one event, a row of `versions.latest`.

    Parameters
    ----------
    event_id : str
    state : tuple
        What the pairs of the event depend on: its current notice, time, region and
        related events. A late notice can change each of them, even if it does not
        become the current one.
    span : TimeRange or None
        Window of the event, with a margin; None if it cannot be matched on the sky.
    rows : tuple of int
        Rows of the region in `regions.cells`, at each of `regions.ORDERS`.
    sky : int
        Cells of `regions.SKY_ORDER` that the region overlaps, as bits.
    capped : bool
        Whether only a part of the region is matched: see `area_cap`.
    unplaced : TimeRange or None
        Window of an event that awaits its sky map (see `time_only`), or None.
    """

    event_id: str
    state: tuple[Any, ...]
    span: TimeRange | None
    rows: tuple[int, ...]
    sky: int
    capped: bool = False
    unplaced: TimeRange | None = None


Summary = Mapping[str, EventSummary]  # by event_id


def summarise(latest: DataFrame) -> Summary:
    """Summarise events, with one query to Spark.

    Parameters
    ----------
    latest : DataFrame
        Rows of `versions.latest`, with `cap_level` if there is a cap.
    """
    moment = F.expr("unix_micros(event_time)")
    first_us, last_us = _window_us()
    has_caps = "cap_level" in latest.columns
    is_capped = F.col("cap_level").isNotNull() if has_caps else F.lit(False)  # noqa: FBT003
    rows = latest.select(
        "event_id",
        F.struct("notice_id", moment, "region_id", "related_event_ids").alias("state"),
        F.floor(first_us).alias("first_us"),
        F.ceil(last_us).alias("last_us"),
        versions.is_matchable().alias("is_matchable"),
        versions.awaits_map().alias("awaits_map"),
        F.array(*[regions.row_count(order) for order in regions.ORDERS]).alias("rows"),
        regions.sky_cells().alias("sky"),
        is_capped.alias("capped"),
    ).collect()
    return {
        r.event_id: EventSummary(
            r.event_id,
            tuple(r.state),
            TimeRange(r.first_us, r.last_us) if r.is_matchable else None,
            tuple(n or 0 for n in r.rows) if r.is_matchable else (),
            r.sky if r.is_matchable else 0,
            r.capped and r.is_matchable,
            TimeRange(r.first_us, r.last_us) if r.awaits_map else None,
        )
        for r in rows
    }


def _window_us() -> tuple[Column, Column]:
    """Start and end of the window, with a margin: microseconds of UTC since 1970."""
    moment, day_us = F.expr("unix_micros(event_time)"), float(udf.DAY_US)
    first = moment - F.col("window_before") * day_us - MARGIN_US
    return first, moment + F.col("window_after") * day_us + MARGIN_US


def reachable(events: DataFrame, span: TimeRange) -> DataFrame:
    """Select rows of `versions.latest` by their window: it overlaps a range of time.

    They are those of `within`, and others that cannot be matched.
    """
    first_us, last_us = _window_us()
    return events.where((first_us <= span.last_us) & (last_us >= span.first_us))


def changed(now: Summary, before: Summary) -> list[str]:
    """Events that are new or not the same as before, sorted."""
    return sorted(
        event
        for event, summary in now.items()
        if event not in before or before[event].state != summary.state
    )


def select(summaries: Summary, events: Iterable[str]) -> Summary:
    """Summaries of some events."""
    return {event: summaries[event] for event in events}


def within(summaries: Summary, span: TimeRange) -> Summary:
    """Events that can be matched, with a window that overlaps a range of time."""
    return {
        event: summary
        for event, summary in summaries.items()
        if summary.span is not None and summary.span.overlaps(span)
    }


def capped(summaries: Summary) -> Summary:
    """Events of which only a part of the region is matched."""
    return {event: summary for event, summary in summaries.items() if summary.capped}


def unplaced(summaries: Summary) -> Summary:
    """Events that await their sky map, with the whole sky as their region."""
    return {
        event: replace(summary, span=summary.unplaced, sky=WHOLE_SKY)
        for event, summary in summaries.items()
        if summary.unplaced is not None
    }


def sky_cells(summaries: Summary) -> int:
    """Cells that the regions of the events overlap, as bits: see `EventSummary`."""
    return functools.reduce(operator.or_, (s.sky for s in summaries.values()), 0)


def time_range(summaries: Summary) -> TimeRange | None:
    """Range of time that spans the windows of the events; None if there are none."""
    spans = [s.span for s in summaries.values() if s.span is not None]
    if not spans:
        return None
    return TimeRange(min(s.first_us for s in spans), max(s.last_us for s in spans))


def order(summaries: Summary, fixed_order: int = 0) -> int:
    """Choose the HEALPix order of the cells to match events with.

    It is `fixed_order` unless that is 0, or else the finest of `regions.ORDERS` at
    which all regions together have no more than `regions.MOST_ROWS` rows.
    """
    if fixed_order:
        return fixed_order
    rows = [s.rows for s in summaries.values() if s.rows]
    totals = [sum(column) for column in zip(*rows, strict=True)] if rows else [0]
    fitting = zip(regions.ORDERS, totals, strict=False)
    return next((o for o, n in fitting if n <= regions.MOST_ROWS), regions.ORDERS[-1])
