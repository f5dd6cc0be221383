# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The live notices in brief, on the driver: what a batch is planned by.

Asked for once, whenever the notices change: a question to Spark costs more than its
answer.
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

MARGIN_US = 1_000_000  # windows are in elapsed time, leap seconds counted
WHOLE_SKY = (1 << (12 << 2 * regions.SKY_ORDER)) - 1


@dataclass(frozen=True)
class EventSummary:
    """One event of `versions.latest`.

    Parameters
    ----------
    event_id : str
    state : tuple
        What its pairs depend on: another notice, or another time or region (a late
        notice that is not the newest can bring either), or another instrument that has
        seen it.
    span : TimeRange or None
        When an alert meets it, with a margin; None for one that no alert can meet.
    rows : tuple of int
        Rows that its region is broadcast as, at each of `regions.ORDERS`.
    sky : int
        Where an alert meets it: the cells of `regions.SKY_ORDER` are its bits.
    capped : bool
        Whether a part of its region is matched: see `area_cap`.
    unplaced : TimeRange or None
        When alerts are in its window, where it awaits its sky map: see `time_only`.
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
    """Digest of `versions.latest`; one question to Spark."""
    moment = F.expr("unix_micros(event_time)")
    first_us, last_us = _edges_us()
    known = "cap_level" in latest.columns
    is_capped = F.col("cap_level").isNotNull() if known else F.lit(False)  # noqa: FBT003
    rows = latest.select(
        "event_id",
        F.struct("notice_id", moment, "region_id", "related_event_ids").alias("state"),
        F.floor(first_us).alias("first_us"),
        F.ceil(last_us).alias("last_us"),
        versions.is_matchable().alias("can_be_met"),
        versions.awaits_map().alias("awaits_map"),
        F.array(*[regions.rows_at(order) for order in regions.ORDERS]).alias("rows"),
        regions.sky().alias("sky"),
        is_capped.alias("capped"),
    ).collect()
    return {
        r.event_id: EventSummary(
            r.event_id,
            tuple(r.state),
            TimeRange(r.first_us, r.last_us) if r.can_be_met else None,
            tuple(n or 0 for n in r.rows) if r.can_be_met else (),
            r.sky if r.can_be_met else 0,
            r.capped and r.can_be_met,
            TimeRange(r.first_us, r.last_us) if r.awaits_map else None,
        )
        for r in rows
    }


def _edges_us() -> tuple[Column, Column]:
    """First and last moment at which an alert meets an event, with a margin."""
    moment, day_us = F.expr("unix_micros(event_time)"), float(udf.DAY_US)
    first = moment - F.col("window_before") * day_us - MARGIN_US
    return first, moment + F.col("window_after") * day_us + MARGIN_US


def reachable(live: DataFrame, span: TimeRange) -> DataFrame:
    """Rows of `versions.latest` that `within` gives, or that no alert can meet."""
    first_us, last_us = _edges_us()
    return live.where((first_us <= span.last_us) & (last_us >= span.first_us))


def changed(now: Summary, before: Summary) -> list[str]:
    """Events that are not the same as before, sorted."""
    return sorted(
        event
        for event, brief in now.items()
        if event not in before or before[event].state != brief.state
    )


def chosen(digest: Summary, events: Iterable[str]) -> Summary:
    """Digest of some events."""
    return {event: digest[event] for event in events}


def within(digest: Summary, span: TimeRange) -> Summary:
    """Events that an alert of a span of time can meet."""
    return {
        event: brief
        for event, brief in digest.items()
        if brief.span is not None and brief.span.overlaps(span)
    }


def capped(digest: Summary) -> Summary:
    """Events that are matched in a part of their region."""
    return {event: brief for event, brief in digest.items() if brief.capped}


def unplaced(digest: Summary) -> Summary:
    """Events that await their sky map, as if it were the whole sky."""
    return {
        event: replace(brief, span=brief.unplaced, sky=WHOLE_SKY)
        for event, brief in digest.items()
        if brief.unplaced is not None
    }


def sky(digest: Summary) -> int:
    """Where alerts can meet the events: see `Brief`."""
    return functools.reduce(operator.or_, (b.sky for b in digest.values()), 0)


def reach(digest: Summary) -> TimeRange | None:
    """Span of time in which alerts can meet the events; None where none can."""
    spans = [brief.span for brief in digest.values() if brief.span is not None]
    if not spans:
        return None
    return TimeRange(min(s.first_us for s in spans), max(s.last_us for s in spans))


def order(digest: Summary, fixed_order: int = 0) -> int:
    """HEALPix order to meet the events at: the finest that is not too many rows."""
    if fixed_order:
        return fixed_order
    met = [brief.rows for brief in digest.values() if brief.rows]
    totals = [sum(column) for column in zip(*met, strict=True)] if met else [0]
    fitting = zip(regions.ORDERS, totals, strict=False)
    return next((o for o, n in fitting if n <= regions.MOST_ROWS), regions.ORDERS[-1])
