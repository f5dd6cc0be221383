# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The current state of all events, in the memory of the driver, without Spark.

The state of an event follows from its own notices, from the events of the same time,
and from those that are cited or have the same name. So a new notice costs as much time
after years of notices as after a few. Cells and pixels of regions are not in memory;
cells are read only of regions that may overlap that of another event of the same time.
"""

from __future__ import annotations

import contextlib
import gc
import operator
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

import pyarrow as pa

from fink_voevent.events.citations import Citations, Link
from fink_voevent.events.discoveries import Discoveries, cites
from fink_voevent.events.event_state import Changes, EventState, States, event_state
from fink_voevent.events.notice import (
    Notice,
    Region,
    Rules,
    read_maps,
    read_notices,
    used,
)
from fink_voevent.events.notice_rows import NoticeRows
from fink_voevent.events.overlap import CellsOf, Overlaps
from fink_voevent.events.relations import Listed, Relations, links_of
from fink_voevent.events.significance import significances
from fink_voevent.events.time_buckets import TimeBuckets
from fink_voevent.events.trusted import TrustedNotices
from fink_voevent.tables.coincidences import EVENT_COLUMNS
from fink_voevent.tables.column import TIME
from fink_voevent.tables.schema import arrow_schema
from fink_voevent.tables.times import DAY_US, TimeRange

# Longest time between the triggers of several instruments on one burst.
SAME_TIME_US = 60_000_000
# Columns of the table events that belong to a region, by their name in `rows`.
_PLACE = {
    "event_ra": "ra",
    "event_dec": "dec",
    "event_error_r90": "error_r90",
    "fisher": "fisher",
    "ellipse": "ellipse",
}
_OF_NOTICE = {n: s for n, s in EVENT_COLUMNS.items() if n not in {"event_id", *_PLACE}}
_ORDER = operator.attrgetter("order")
_ROW_COLUMNS = sorted({*_OF_NOTICE.values(), *_PLACE.values(), "classification"})


class CurrentEvents:
    """All used notices, and the current state of each event.

    The result is the same for notices and sky maps in any order and in any batches. If
    `add` raises an error, the object cannot be used any more: make it again.

    Parameters
    ----------
    rules : Rules
        Which notices are used, and how their events are matched.
    cells_of : callable
        Reads the cells of regions, given their `region_id`: see `overlap.CellsOf`.

    Attributes
    ----------
    states : mapping of str to EventState
        State of each event by its name. It changes when notices are added.
    matchable, awaiting_map : int
        Number of events that can be matched, and of those that await their sky map.
    """

    def __init__(self, rules: Rules, cells_of: CellsOf) -> None:
        self._rules = rules
        self._overlaps = Overlaps(cells_of)
        self._citations = Citations()
        schema = arrow_schema("events")
        fields = [schema.field(name).with_nullable(True) for name in _ROW_COLUMNS]
        self._rows = NoticeRows(pa.schema(fields))
        self._received = TrustedNotices()
        self._discoveries = Discoveries()
        self._notices: dict[str, list[Notice]] = {}  # by event, the current one last
        self._maps: dict[str, Region] = {}  # by address
        self._lacking_map: dict[str, set[str]] = {}  # `event_id` of notices, by address
        self._states: dict[str, EventState] = {}
        self._moments = TimeBuckets(SAME_TIME_US)  # valid events by their time
        self._relations = Relations()  # of valid events
        self._listed = Listed()
        self._days = TimeBuckets(DAY_US)  # events with a window by their time
        self._widest = (0, 0)  # windows lie within this, relative to the event
        self.states: States = MappingProxyType(self._states)
        self.matchable = self.awaiting_map = 0

    def add(
        self,
        notices: pa.Table | None,
        maps: pa.Table | None = None,
        copies: pa.Table | None = None,
        trust: pa.Table | None = None,
    ) -> Changes:
        """Add notices, and sky maps that were fetched.

        A notice changes nothing until a trusted source has sent it: see
        `TrustedNotices`.

        Parameters
        ----------
        notices : pyarrow.Table or None
            Rows of the table events with `notice.NOTICE_COLUMNS`, and the others that
            `rows` returns. Notices that are not used, or that were added before, change
            nothing.
        maps : pyarrow.Table, optional
            Rows of the table maps with `notice.MAP_COLUMNS`: of each `skymap_url` one.
        copies : pyarrow.Table, optional
            Rows of the table copies with `trusted.COPY_COLUMNS`.
        trust : pyarrow.Table, optional
            Rows of the table trust with `trusted.TRUST_COLUMNS`.

        Returns
        -------
        Changes
            The events that changed, as they were before and as they are now.
        """
        with _without_collection():
            return self._add(notices, maps, copies, trust)

    def _add(
        self,
        notices: pa.Table | None,
        maps: pa.Table | None,
        copies: pa.Table | None,
        trust: pa.Table | None,
    ) -> Changes:
        touched: set[str] = set()
        if maps is not None:
            fetched = read_maps(maps, self._rules)
            self._maps |= fetched
            touched.update(*(self._lacking_map.get(url, ()) for url in fetched))
        read = [] if notices is None else self._read(notices)
        received = self._received.add(read, copies, trust)
        ended, begun = self._discoveries.change(*received)
        left = self._leave(ended)
        moved = self._citations.change(_links(ended), _links(begun))
        touched = {self._citations.name(event_id) for event_id in touched}
        touched |= left | self._regroup(moved) | self._group(begun)
        return self._renew(touched)

    def add_maps(self, maps: pa.Table) -> Changes:
        """Add sky maps that were fetched: see `add`."""
        return self.add(None, maps)

    def name(self, event_id: str) -> str:
        """Name of the event of notices with this `event_id`: see `Citations`."""
        return self._citations.name(event_id)

    def within(self, span: TimeRange) -> States:
        """Events with a window that overlaps a range of time.

        They can be matched on the sky, or await their sky map.
        """
        first_us, last_us = self._widest
        near = self._days.near(span.first_us - last_us, span.last_us - first_us)
        return {
            event: state
            for event in near
            if (state := self._states[event]).window.overlaps(span)
        }

    def rows(self, states: Collection[EventState]) -> pa.Table:
        """Rows of events, as matching needs them, without cells and pixels.

        Parameters
        ----------
        states : collection of EventState
            Of these events, now or before notices were added.

        Returns
        -------
        pyarrow.Table
            One row an event, in this order: the columns of `versions.latest` but
            `cells` and `pixels`, which the table regions has by `region_id`.
        """
        current = self._rows.take([s.notice.row for s in states])
        placed = [s.region_notice.row for s in states if s.region_notice is not None]
        numbers = iter(range(len(placed)))
        index = [None if s.region_notice is None else next(numbers) for s in states]
        place = self._rows.take(placed).take(pa.array(index, pa.int64()))
        notices = [s.notice for s in states]
        columns = {
            "event_id": pa.array([s.event_id for s in states], pa.string()),
            **{name: current[source] for name, source in _OF_NOTICE.items()},
            **{name: place[source] for name, source in _PLACE.items()},
            "event_significant": significances(
                current["classification"], current["messenger"]
            ),
            "kind": pa.array([n.kind for n in notices], pa.string()),
            "window_before": pa.array([n.window_before for n in notices], pa.float64()),
            "window_after": pa.array([n.window_after for n in notices], pa.float64()),
            "skymap_url": pa.array([n.skymap_url for n in notices], pa.string()),
            "region_id": pa.array([s.region_id for s in states], pa.string()),
            "event_time": pa.array([s.event_time_us for s in states], TIME),
            "notice_source": pa.array([n.source for n in notices], pa.string()),
            "notice_received_at": pa.array([n.received_us for n in notices], TIME),
            "related_event_ids": pa.array(
                [s.related_event_ids for s in states], pa.list_(pa.string())
            ),
        }
        return pa.table(columns)

    def notice_ids(self, event: str) -> list[str]:
        """Return the `notice_id` of all used notices of an event, the current last.

        The list is empty if there is no event of this name.
        """
        return [notice.notice_id for notice in self._notices.get(event, ())]

    def _read(self, notices: pa.Table) -> list[Notice]:
        """Read the used notices, and keep their rows."""
        chosen = used(notices, self._rules.tenses)
        first_row = len(self._rows)
        self._rows.append(chosen)
        return read_notices(chosen, first_row, self._rules)

    def _leave(self, ended: Iterable[Notice]) -> set[str]:
        """Remove notices from their events; return the names of these events."""
        touched = set()
        for notice in ended:
            event = self._citations.name(notice.event_id)
            notices = self._notices[event]
            notices.remove(notice)
            if not notices:
                del self._notices[event]
            touched.add(event)
        return touched

    def _group(self, new: Iterable[Notice]) -> set[str]:
        """Add notices to their events; return the names of these events."""
        touched = set()
        for notice in new:
            event = self._citations.name(notice.event_id)
            self._notices.setdefault(event, []).append(notice)
            touched.add(event)
            if notice.map_url is not None:
                self._lacking_map.setdefault(notice.map_url, set()).add(notice.event_id)
        return touched

    def _regroup(self, moved: Mapping[str, str]) -> set[str]:
        """Move notices whose event has another name now; return the names of both.

        `moved` is what `Citations.add` returns.
        """
        leaving: dict[str, set[str]] = {}
        for event_id, event in moved.items():
            leaving.setdefault(event, set()).add(event_id)
        touched = set()
        for event in leaving.keys() & self._notices.keys():
            notices = self._notices.pop(event)
            staying = [n for n in notices if n.event_id not in leaving[event]]
            if staying:
                self._notices[event] = staying
            for notice in notices:
                if notice.event_id in leaving[event]:
                    name = self._citations.name(notice.event_id)
                    self._notices.setdefault(name, []).append(notice)
                    touched.add(name)
            touched.add(event)
        return touched

    def _renew(self, touched: set[str]) -> Changes:
        """Find the states of events again, and of those related to them."""
        before = {event: self._remove(event) for event in touched}
        for event in touched:
            notices = self._notices.get(event)
            if notices is not None:
                notices.sort(key=_ORDER)
                self._put(event_state(event, notices, self._maps))
        for event in self._link(before) - before.keys():
            before[event] = self._states[event]
            self._states[event] = replace(before[event], related_event_ids=())
        for event, names in self._related(before).items():
            state, related = self._states[event], tuple(sorted(names))
            if state.related_event_ids != related:
                before.setdefault(event, state)
                self._states[event] = replace(state, related_event_ids=related)
        former, renewed = {}, {}
        for event, state in before.items():
            now = self._states.get(event)
            lists = [() if s is None else s.related_event_ids for s in (state, now)]
            self._listed.change(event, *(names or () for names in lists))
            if state is None or now is None or state != now:
                former[event], renewed[event] = state, now
        return Changes(_known(former), _known(renewed))

    def _link(self, renewed: Iterable[str]) -> set[str]:
        """Renew what events say of others; return valid events that may be affected."""
        states = [self._states[event] for event in renewed if event in self._states]
        links = [
            links_of(state.event_id, state.event_time_us, self._notices[state.event_id])
            for state in states
            if state.is_valid
        ]
        found = self._relations.change(renewed, links)
        return {e for e in found if e in self._states and self._states[e].is_valid}

    def _put(self, state: EventState) -> None:
        """Set the state of an event that has none."""
        self._states[state.event_id] = state
        if state.is_valid:
            self._moments.add(state.event_id, state.event_time_us)
        if state.window is not None:
            time_us, (first_us, last_us) = state.event_time_us, self._widest
            self._days.add(state.event_id, time_us)
            first_us = min(first_us, state.window.first_us - time_us)
            last_us = max(last_us, state.window.last_us - time_us)
            self._widest = (first_us, last_us)
        self.matchable += state.is_matchable
        self.awaiting_map += state.awaits_map

    def _remove(self, event: str) -> EventState | None:
        """Remove the state of an event, and return it, if it has one."""
        state = self._states.pop(event, None)
        if state is None:
            return None
        if state.is_valid:
            self._moments.remove(event, state.event_time_us)
        if state.window is not None:
            self._days.remove(event, state.event_time_us)
        self.matchable -= state.is_matchable
        self.awaiting_map -= state.awaits_map
        return state

    def _related(self, before: States) -> dict[str, set[str]]:
        """Related events of renewed events, and of those related to them before or now.

        Two events are related if neither is retracted, their times differ by at most
        `SAME_TIME_US`, and their regions have cells in common; or by what they say. An
        event need not list one that lists it: see `Relations`. `before` are the former
        states of the renewed events.
        """
        found: dict[str, set[str]] = {}

        def related(event: str) -> set[str]:
            """Start with the related events that were not renewed."""
            if event not in found:
                others = self._states[event].related_event_ids
                found[event] = {other for other in others if other not in before}
            return found[event]

        for event in before:
            for other in self._listed.by(event):
                if other not in before:
                    related(other)
        pairs = {
            (event, other): self._regions(event, other)
            for event in before
            for other in self._neighbours(event)
            if other not in before or event < other
        }
        overlapping = self._overlaps.among(set(pairs.values()))
        for (event, other), regions in pairs.items():
            if regions in overlapping:
                for one, two in ((event, other), (other, event)):
                    if self._relations.is_believed(one, two):
                        related(one).add(two)
        for event in {*found, *before}:
            others = self._relations.of(event)
            if others:
                related(event).update(others)
        return found

    def _neighbours(self, event: str) -> Iterable[str]:
        """Events of the same time whose region may overlap with that of an event."""
        state = self._states.get(event)
        if state is None or not state.is_valid or state.region is None:
            return
        time_us, sky = state.event_time_us, state.region.sky
        for name in self._moments.near(time_us - SAME_TIME_US, time_us + SAME_TIME_US):
            other = self._states[name]
            is_same_time = abs(other.event_time_us - time_us) <= SAME_TIME_US
            if name != event and is_same_time and other.region is not None:
                if sky & other.region.sky:
                    yield name

    def _regions(self, event: str, other: str) -> tuple[str, str]:
        """Regions of two events, sorted: other events may have the same two."""
        a, b = sorted((self._states[event].region_id, self._states[other].region_id))
        return a, b


def _links(notices: Iterable[Notice]) -> list[Link]:
    """Citations of notices that name no event, but cite another notice."""
    return [(n.ivorn, n.event_id) for n in notices if cites(n)]


def _known(states: Mapping[str, EventState | None]) -> States:
    """Leave out the events that do not exist."""
    return {event: state for event, state in states.items() if state is not None}


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Stop Python's cyclic garbage collector meanwhile.

    It would traverse all notices again and again, which have no cycles: it takes as
    long as everything else if 100,000 notices are added.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
