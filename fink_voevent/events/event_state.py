# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The current state of an event: its current notice, time, region and related events.

A batch is planned from the states of events, without their cells and pixels.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fink_voevent.events.notice import Notice, Region
from fink_voevent.sky.region_size import ORDERS, SKY_ORDER
from fink_voevent.tables.times import DAY_US, TimeRange

MARGIN_US = 1_000_000  # windows are in elapsed time, which counts leap seconds
MOST_ROWS = 300_000  # rows of cells to broadcast at most, about 100 B each
WHOLE_SKY = (1 << (12 << 2 * SKY_ORDER)) - 1


@dataclass(frozen=True)
class EventState:
    """State of one event.

    Two states are equal if the pairs of the event are the same.

    Parameters
    ----------
    event_id : str
        Name of the event, the same for all its notices: see `Citations`.
    notice : Notice
        The current notice.
    event_time_us : int or None
        Time of the latest notice that gives that of the trigger; if none does, that of
        the current notice; if that is only its issue time, or missing, the earliest
        time of all notices. Microseconds of UTC since 1970.
    region_notice : Notice or None
        The latest notice that has a region, of which position and shape are used. While
        the sky map of the current notice is awaited, those of another messenger, as of
        neutrinos at a gravitational wave, do not count.
    region : Region or None
        Its region, or the sky map that was fetched for it.
    related_event_ids : tuple of str or None
        Events of the same time with an overlapping region, and those that are related
        by citations and names (see `Relations`), sorted; None if the event is retracted
        or has no time.
    window : TimeRange or None
        Window of the event, with a margin; None if it cannot be matched: it is
        retracted, has no time, or neither has a region nor awaits one.
    """

    event_id: str
    notice: Notice
    event_time_us: int | None
    region_notice: Notice | None
    region: Region | None
    related_event_ids: tuple[str, ...] | None
    window: TimeRange | None

    @property
    def notice_id(self) -> str:
        """Identity of the current notice."""
        return self.notice.notice_id

    @property
    def kind(self) -> str:
        """Kind of the current notice: initial, update or retraction."""
        return self.notice.kind

    @property
    def region_id(self) -> str | None:
        """Key of the cells in the table regions."""
        return None if self.region is None else self.region.region_id

    @property
    def is_valid(self) -> bool:
        """Whether the event is not retracted, and has a time."""
        return self.related_event_ids is not None

    @property
    def is_matchable(self) -> bool:
        """Whether the event can be matched on the sky."""
        return self.window is not None and self.region is not None

    @property
    def awaits_map(self) -> bool:
        """Whether the event can be matched once its sky map is fetched."""
        return self.window is not None and self.region is None

    @property
    def is_capped(self) -> bool:
        """Whether only a part of the region is matched: see `Region`."""
        return self.is_matchable and self.region.capped

    @property
    def sky(self) -> int:
        """Cells of `SKY_ORDER` that are matched, as bits; the whole sky without map."""
        if self.window is None:
            return 0
        return WHOLE_SKY if self.region is None else self.region.sky


States = Mapping[str, EventState]  # by event_id


@dataclass(frozen=True)
class Changes:
    """The events that new notices change.

    Parameters
    ----------
    before, after : States
        The events that are not the same after as before, or are only in one of both.
    """

    before: States
    after: States

    @property
    def changed(self) -> list[str]:
        """Events that are new or not the same as before, sorted."""
        return sorted(self.after)

    @property
    def renamed(self) -> list[str]:
        """Names of events that are no longer used, sorted.

        A new notice shows that the notices with this name belong to another event.
        """
        return sorted(self.before.keys() - self.after.keys())

    @property
    def not_new(self) -> list[str]:
        """Changed and renamed events that there were before: pairs may be on record."""
        return sorted(self.before)


def event_state(
    event_id: str, notices: Sequence[Notice], maps: Mapping[str, Region]
) -> EventState:
    """Find the state of an event, without related events.

    Parameters
    ----------
    event_id : str
    notices : sequence of Notice
        All notices of the event, the current one last.
    maps : mapping of str to Region
        Sky maps that were fetched, by their address.
    """
    current = notices[-1]
    region_notice = region = None
    awaits_map = current.map_url is not None and current.map_url not in maps
    for notice in reversed(notices):
        # A neutrino at a gravitational wave is no region of the wave.
        is_other = awaits_map and notice.messenger != current.messenger
        region = None if is_other else _region(notice, maps)
        if region is not None:
            region_notice = notice
            break
    time_us = _event_time(notices)
    is_valid = current.kind != "retraction" and time_us is not None
    window = None
    if is_valid and (region is not None or current.skymap_url is not None):
        window = _window(current, time_us)
    related = () if is_valid else None
    return EventState(
        event_id, current, time_us, region_notice, region, related, window
    )


def _region(notice: Notice, maps: Mapping[str, Region]) -> Region | None:
    """Region of a notice: the sky map that was fetched for it, or its own."""
    if notice.map_url is None or notice.map_url not in maps:
        return notice.region
    fetched = maps[notice.map_url]
    return fetched._replace(map_id=f"{notice.notice_id}/{fetched.map_id}")


def _event_time(notices: Sequence[Notice]) -> int | None:
    for notice in reversed(notices):
        if notice.is_trigger_time and notice.time_us is not None:
            return notice.time_us
    current = notices[-1]
    if current.is_event_time and current.time_us is not None:
        return current.time_us
    return min((n.time_us for n in notices if n.time_us is not None), default=None)


def _window(notice: Notice, time_us: int) -> TimeRange:
    """Window around a time, with a margin: microseconds of UTC since 1970."""
    first_us = time_us - notice.window_before * float(DAY_US) - MARGIN_US
    last_us = time_us + notice.window_after * float(DAY_US) + MARGIN_US
    return TimeRange(math.floor(first_us), math.ceil(last_us))


def matchable(states: States) -> States:
    """Events that can be matched on the sky."""
    return {event: state for event, state in states.items() if state.is_matchable}


def awaiting_map(states: States) -> States:
    """Events that await their sky map."""
    return {event: state for event, state in states.items() if state.awaits_map}


def capped(states: States) -> States:
    """Events of which only a part of the region is matched."""
    return {event: state for event, state in states.items() if state.is_capped}


def within(states: States, span: TimeRange) -> States:
    """Events with a window that overlaps a range of time."""
    return {
        event: state
        for event, state in states.items()
        if state.window is not None and state.window.overlaps(span)
    }


def sky_cells(states: States) -> int:
    """Cells in which the events are matched, as bits: see `EventState`."""
    return functools.reduce(operator.or_, (s.sky for s in states.values()), 0)


def time_range(states: States) -> TimeRange | None:
    """Range of time that spans the windows of the events; None if there are none."""
    windows = [s.window for s in states.values() if s.window is not None]
    if not windows:
        return None
    return TimeRange(min(w.first_us for w in windows), max(w.last_us for w in windows))


def order(states: States, fixed_order: int = 0) -> int:
    """Choose the HEALPix order of the cells to match events with.

    It is `fixed_order` unless that is 0, or else the finest of `ORDERS` at which all
    regions together have no more than `MOST_ROWS` rows.
    """
    if fixed_order:
        return fixed_order
    rows = [s.region.rows for s in states.values() if s.is_matchable]
    totals = [sum(column) for column in zip(*rows, strict=True)] if rows else [0]
    fitting = zip(ORDERS, totals, strict=False)
    return next((o for o, n in fitting if n <= MOST_ROWS), ORDERS[-1])
