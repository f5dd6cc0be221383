# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Everything on record about an event, read without Spark.

From the tables of the services, or from the output of ``fink_voevent match`` and the
notices that it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError
from fink_voevent.events.current import CurrentEvents
from fink_voevent.events.event_state import MARGIN_US, EventState
from fink_voevent.events.notice import MAP_COLUMNS
from fink_voevent.events.reading import cell_arrays, copies_and_trust, rules_of
from fink_voevent.ingest.conversion import convert
from fink_voevent.listen import landing
from fink_voevent.listen.files import documents
from fink_voevent.listen.spool import sha256
from fink_voevent.notices import streams
from fink_voevent.notices.formats import detect_format
from fink_voevent.show import views
from fink_voevent.sky import region as sky_region
from fink_voevent.sky.region import Region
from fink_voevent.store.batches import BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import arrow_schema, column_names
from fink_voevent.tables.times import DAY_US, TimeRange, microseconds

INGEST, MAPS, MATCH = "ingest", "maps", "match"  # stages
# Of notices, all columns but the long ones.
NOTICE_COLUMNS = [c for c in column_names("events") if c != "params"]
COINCIDENCES = "coincidences.parquet"  # of the output of `match`
CANDIDATES = "candidates.parquet"
Row = Mapping[str, Any]


@dataclass(frozen=True)
class EventRecord:
    """What is on record about one event.

    Parameters
    ----------
    event_id : str
    event_time : datetime or None
        UTC.
    notices : tuple of mapping
        Rows of the table events, in their order: the last is current.
    region : Region or None
        The region that is matched.
    region_id : str or None
        Its key in the table regions.
    coincidences : tuple of mapping
        Rows of the table coincidences, all statuses, in the order of their batches.
    candidates : tuple of mapping
        Rows of the table candidates, the last one of each object.
    related_event_ids : tuple of str
    window_days : tuple of float or None
        Days before and after the event in which alerts are matched; None if it is not
        matched.
    """

    event_id: str
    event_time: datetime | None
    notices: tuple[Row, ...]
    region: Region | None
    region_id: str | None
    coincidences: tuple[Row, ...]
    candidates: tuple[Row, ...]
    related_event_ids: tuple[str, ...]
    window_days: tuple[float, float] | None

    @property
    def current(self) -> Row:
        """The current notice."""
        return self.notices[-1]

    @property
    def is_retracted(self) -> bool:
        """Whether the event is retracted."""
        return bool(self.current["kind"] == "retraction")


class Records:
    """All events of some notices and coincidences.

    Parameters
    ----------
    events : pyarrow.Table
        Rows of the table events.
    maps : pyarrow.Table or None
        Rows of the table maps.
    regions : callable
        Given values of `region_id`, returns rows of the table regions.
    coincidences : callable
        Given values of `event_id`, returns rows of the table coincidences.
    candidates : callable
        Given values of `event_id`, returns the last rows of the table candidates.
    settings : Settings
        What is matched.
    sent : tuple of pyarrow.Table, optional
        Rows of the tables copies and trust.
    """

    def __init__(
        self,
        events: pa.Table,
        maps: pa.Table | None,
        regions: Any,
        coincidences: Any,
        candidates: Any,
        settings: Settings,
        sent: tuple[pa.Table | None, pa.Table | None] = (None, None),
    ) -> None:
        self._events, self._regions, self._coincidences = events, regions, coincidences
        self._candidates = candidates
        self._rows = {
            notice_id: number
            for number, notice_id in enumerate(events["notice_id"].to_pylist())
        }

        def cells(
            region_ids: Collection[str],
        ) -> Mapping[str, npt.NDArray[np.int64]]:
            return cell_arrays(regions(region_ids).select(["region_id", "cells"]))

        self._current = CurrentEvents(rules_of(settings), cells)
        self._current.add(events, maps, *sent)

    def names(self, days: float | None = None) -> list[str]:
        """Return the names of events, sorted.

        Parameters
        ----------
        days : float, optional
            Only the events with a time so many days before the latest of all, or later.
        """
        times = {
            name: state.event_time_us
            for name, state in self._current.states.items()
            if state.event_time_us is not None
        }
        if days is None or not times:
            return sorted(times)
        first_us = max(times.values()) - days * timedelta(days=1) / timedelta(
            microseconds=1
        )
        return sorted(name for name, time_us in times.items() if time_us >= first_us)

    def all_names(self) -> list[str]:
        """Return the names of all events, sorted, also of those without a time."""
        return sorted(self._current.states)

    def window(self, name: str) -> TimeRange | None:
        """Return the window in which alerts of an event are matched.

        None if it is not matched: it is retracted, or has no time.
        """
        window = self._current.states[name].window
        if window is None:
            return None
        return TimeRange(window.first_us + MARGIN_US, window.last_us - MARGIN_US)

    def check(self, names: Iterable[str]) -> list[str]:
        """Return these names, if there are events of all of them.

        Raises
        ------
        InputError
            If there is none of a name.
        """
        wanted = list(dict.fromkeys(names))
        for name in wanted:
            if name not in self._current.states:
                raise InputError(
                    f"no event {name}: `fink_voevent page` without a name makes the"
                    " pages of all recent events"
                )
        return wanted

    def read(self, names: Sequence[str]) -> Iterator[EventRecord]:
        """Yield the records of events, in this order."""
        states = {name: self._current.states[name] for name in names}
        ids = {s.region_id for s in states.values() if s.region_id is not None}
        pixels = {
            row["region_id"]: row["pixels"]
            for row in self._regions(ids).select(["region_id", "pixels"]).to_pylist()
        }
        pairs: dict[str, list[Row]] = {name: [] for name in names}
        for row in self._coincidences(names).sort_by("batch").to_pylist():
            pairs[row["event_id"]].append(row)
        judged: dict[str, list[Row]] = {name: [] for name in names}
        for row in self._candidates(names).to_pylist():
            judged[row["event_id"]].append(row)
        for name, state in states.items():
            yield self._record(state, pixels, tuple(pairs[name]), tuple(judged[name]))

    def _record(
        self,
        state: EventState,
        pixels: Mapping[str, Any],
        coincidences: tuple[Row, ...],
        candidates: tuple[Row, ...],
    ) -> EventRecord:
        ids = self._current.notice_ids(state.event_id)
        found = self._events.take([self._rows[notice_id] for notice_id in ids])
        notices = tuple(found.to_pylist())
        region, placed = None, state.region_notice
        if placed is not None:
            row = next(n for n in notices if n["notice_id"] == placed.notice_id)
            shape = {name: row[name] for name in ("ra", "dec", "fisher", "ellipse")}
            region = sky_region.from_row(
                shape | {"pixels": pixels.get(str(state.region_id))}
            )
        moment = None
        if state.event_time_us is not None:
            moment = _EPOCH + timedelta(microseconds=state.event_time_us)
        return EventRecord(
            state.event_id,
            moment,
            notices,
            region,
            state.region_id,
            coincidences,
            candidates,
            state.related_event_ids or (),
            _window_days(state),
        )


def _window_days(state: EventState) -> tuple[float, float] | None:
    """Days before and after an event, without the margin of the window."""
    if state.window is None or state.event_time_us is None:
        return None
    before_us = state.event_time_us - state.window.first_us - MARGIN_US
    after_us = state.window.last_us - state.event_time_us - MARGIN_US
    return round(before_us / DAY_US, 3), round(after_us / DAY_US, 3)


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def from_tables(settings: Settings) -> Records:
    """Return the events of the services below the data prefix of the settings.

    Raises
    ------
    InputError
        If there are no notices.
    StorageError
        If the tables cannot be read.
    """
    tables = Tables(settings.root)
    last = _last_done(tables)
    events = tables.rows_of("events", NOTICE_COLUMNS, 0, last[INGEST])
    if not events.num_rows:
        raise InputError(
            f"no notices in {settings.root}: name the folder of the services with"
            " --data-prefix, or the output of `fink_voevent match` with --on"
        )
    maps = tables.rows_of("maps", list(MAP_COLUMNS), 0, last[MAPS])

    def regions(region_ids: Collection[str]) -> pa.Table:
        columns = ["region_id", "cells", "pixels"]
        return tables.arrow("regions", columns, _among("region_id", region_ids))

    def coincidences(event_ids: Collection[str]) -> pa.Table:
        where = _among("event_id", event_ids) & (pc.field("batch") <= last[MATCH])
        return tables.arrow("coincidences", column_names("coincidences"), where)

    def candidates(event_ids: Collection[str]) -> pa.Table:
        where = _among("event_id", event_ids)
        columns = column_names("candidates")
        found = views.candidate_rows(settings.root, columns, where)
        return _no_candidates() if found is None else found

    sent = copies_and_trust(tables, 0, last[INGEST])
    return Records(events, maps, regions, coincidences, candidates, settings, sent)


def done_batches(settings: Settings) -> dict[str, int]:
    """Return the last batch of each stage that pages are made of; -1 for none.

    Raises
    ------
    StorageError
        If the tables cannot be read.
    """
    return _last_done(Tables(settings.root))


def _last_done(tables: Tables) -> dict[str, int]:
    log = BatchLog(tables, INGEST)
    return {stage: log.last_done(stage) for stage in (INGEST, MAPS, MATCH)}


def from_match(settings: Settings, folder: str, notices: Iterable[str]) -> Records:
    """Return the events of the output of ``fink_voevent match``.

    Parameters
    ----------
    settings : Settings
        Those of the match.
    folder : str
        Output folder of the match.
    notices : iterable of str
        The files, folders or archives of notices that were matched.

    Raises
    ------
    InputError
        If the output or the notices are missing.
    """
    store = open_store(folder)
    for name in (COINCIDENCES, CANDIDATES):
        if not store.exists(name):
            raise InputError(f"no {name} in {folder}: run `fink_voevent match`")
    pairs = store.read_table(COINCIDENCES)
    missing = set(column_names("coincidences")) - set(pairs.column_names)
    if missing:
        raise InputError(
            f"{folder}/{COINCIDENCES} lacks {', '.join(sorted(missing))}: run"
            " `fink_voevent match` of this version"
        )
    events, regions = _events_of(settings, notices)

    def coincidences(event_ids: Collection[str]) -> pa.Table:
        return pairs.filter(_among("event_id", event_ids))

    judged = store.read_table(CANDIDATES)

    def candidates(event_ids: Collection[str]) -> pa.Table:
        return judged.filter(_among("event_id", event_ids))

    return Records(events, None, regions, coincidences, candidates, settings)


def from_notices(settings: Settings, notices: Iterable[str]) -> Records:
    """Return the events of notices in files, without coincidences and candidates.

    Parameters
    ----------
    settings : Settings
        What is matched.
    notices : iterable of str
        Files, folders or archives.

    Raises
    ------
    InputError
        If there is no notice that can be read.
    """
    events, regions = _events_of(settings, notices)

    def coincidences(_: Collection[str]) -> pa.Table:
        return arrow_schema("coincidences").empty_table()

    def candidates(_: Collection[str]) -> pa.Table:
        return _no_candidates()

    return Records(events, None, regions, coincidences, candidates, settings)


def _events_of(
    settings: Settings, notices: Iterable[str]
) -> tuple[pa.Table, Callable[[Collection[str]], pa.Table]]:
    """Rows of the table events of files, each once, and a reader of their regions."""
    rows, _ = convert(_landed(notices), streams.load(settings.streams))
    if not rows.events.num_rows:
        raise InputError("no notice found at the paths given")
    events = pa.Table.from_batches([rows.events]).select(NOTICE_COLUMNS)
    # Files that are given are the operator's own: no source has to be trusted.
    nobody = pa.nulls(events.num_rows, pa.string())
    events = events.set_column(NOTICE_COLUMNS.index("source"), "source", nobody)
    found = pa.Table.from_batches([rows.regions])

    def regions(region_ids: Collection[str]) -> pa.Table:
        return found.filter(_among("region_id", region_ids))

    return _once(events), regions


def _no_candidates() -> pa.Table:
    return arrow_schema("candidates").empty_table()


def _landed(paths: Iterable[str]) -> pa.RecordBatch:
    rows = [
        (
            microseconds(document.received_at),
            "file",
            document.name,
            detect_format(document.raw),
            sha256(document.raw),
            document.raw,
        )
        for document in documents(paths)
    ]
    if not rows:
        raise InputError("no notice found at the paths given")
    return landing.landing_table(rows).combine_chunks().to_batches()[0]


def _once(events: pa.Table) -> pa.Table:
    """Leave out notices that were read before."""
    seen: set[str] = set()
    first = []
    for number, notice_id in enumerate(events["notice_id"].to_pylist()):
        if notice_id not in seen:
            seen.add(notice_id)
            first.append(number)
    return events.take(first)


def _among(column: str, values: Collection[str]) -> pc.Expression:
    return pc.field(column).isin(pa.array(sorted(values), pa.string()))
