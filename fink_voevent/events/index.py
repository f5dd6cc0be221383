# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Index of all notices on the driver: which events a new notice can change.

The current state of an event depends on its own notices, and on those of the events
around it in time (see `related`). So of years of notices, only a few are read for a
batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from fink_voevent.store import merging
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import arrow_schema

# Longest time between the triggers of several instruments on one burst.
SAME_TIME_US = 60_000_000
_COLUMNS = ("event_id", "ivorn", "time", "skymap_url", "skymap_sha256")


class IndexEntry(NamedTuple):
    """One notice.

    Parameters
    ----------
    event_id, ivorn : str
        As in the notice.
    time_us : int or None
        Time of the event in the notice, microseconds of UTC since 1970.
    map_url : str or None
        Address of a sky map that the notice names and does not contain.
    file : str
        File of the table events that has it, relative to the root.
    """

    event_id: str
    ivorn: str
    time_us: int | None
    map_url: str | None
    file: str


@dataclass(frozen=True)
class EventIndex:
    """Notices that are used, and the sky maps that were fetched for them.

    Parameters
    ----------
    entries : tuple of IndexEntry
    maps : mapping of str to str
        File of each map, relative to the root, by its address.
    """

    entries: tuple[IndexEntry, ...] = ()
    maps: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def roots(self) -> dict[str, str]:
        """Name of the event that each other name belongs to: see `roots`."""
        return roots(
            (e.ivorn, e.event_id)
            for e in self.entries
            if e.event_id.startswith("ivo://") and e.event_id != e.ivorn
        )

    @cached_property
    def members(self) -> dict[str, list[IndexEntry]]:
        """Notices of each event, by the name of the event."""
        found: dict[str, list[IndexEntry]] = {}
        for entry in self.entries:
            found.setdefault(self.name(entry.event_id), []).append(entry)
        return found

    @cached_property
    def _times(self) -> tuple[npt.NDArray[np.int64], list[str]]:
        """Times of all notices, sorted, and the name of the event of each."""
        timed = sorted(
            (entry.time_us, event)
            for event, entries in self.members.items()
            for entry in entries
            if entry.time_us is not None
        )
        return np.array([t for t, _ in timed], np.int64), [e for _, e in timed]

    def name(self, event_id: str) -> str:
        """Name of the event of a notice with this `event_id`."""
        return self.roots.get(event_id, event_id)

    def plus(self, other: EventIndex) -> EventIndex:
        """Both indexes together."""
        return EventIndex(self.entries + other.entries, {**self.maps, **other.maps})

    def changed(self, before: EventIndex, new: EventIndex) -> set[str]:
        """Events that may not be the same as before.

        They are the events of new notices and maps, those that get another name because
        of the citations of new notices, and those around them in time.

        Parameters
        ----------
        before, new : EventIndex
            The notices before, and the new ones; this index has both.
        """
        names = {entry.event_id for entry in new.entries}
        names |= {entry.event_id for entry in self.entries if entry.map_url in new.maps}
        moved = {
            name
            for name in self.roots.keys() | before.roots.keys()
            if self.name(name) != before.name(name)
        }
        touched = {self.name(name) for name in names | moved}
        touched |= {before.name(name) for name in moved}
        return self.around(touched & self.members.keys())

    def around(self, events: Collection[str]) -> set[str]:
        """Add the events with a time within `SAME_TIME_US` of one of these events.

        The times of all notices of an event count, because each may become current.
        """
        times, owners = self._times
        near = [
            entry.time_us
            for event in events
            for entry in self.members[event]
            if entry.time_us is not None
        ]
        first = np.searchsorted(times, np.array(near, np.int64) - SAME_TIME_US, "left")
        last = np.searchsorted(times, np.array(near, np.int64) + SAME_TIME_US, "right")
        found = set(events)
        for start, end in set(zip(first.tolist(), last.tolist(), strict=True)):
            found.update(owners[start:end])
        return found

    def select(self, events: Iterable[str]) -> EventIndex:
        """Notices of some events, and their maps."""
        entries = tuple(entry for event in events for entry in self.members[event])
        urls = {entry.map_url for entry in entries}
        return EventIndex(entries, {u: f for u, f in self.maps.items() if u in urls})

    @property
    def event_files(self) -> list[str]:
        """Files that contain the notices, sorted."""
        return sorted({entry.file for entry in self.entries})


def roots(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Find the event that each cited notice belongs to.

    Parameters
    ----------
    links : iterable of (str, str)
        The ivorn of a notice, and that of the notice that it cites. If several notices
        have one ivorn, the last in sorted order counts.

    Returns
    -------
    dict of str to str
        By the name of a cited notice, the first notice of its chain of citations. Names
        that are themselves the first are left out.
    """
    cited = dict(sorted(links))
    ends = {start: _end(start, cited) for start in cited.values()}
    return {start: end for start, end in ends.items() if start != end}


def _end(start: str, links: Mapping[str, str]) -> str:
    """Follow links to the last one."""
    seen = {start}
    while start in links and links[start] not in seen:  # notices may cite in a circle
        start = links[start]
        seen.add(start)
    return start


def read_index(root: str, files: Sequence[str], tenses: Sequence[str]) -> EventIndex:
    """Read the index of files of events and of maps.

    Parameters
    ----------
    root : str
        Folder of our tables.
    files : sequence of str
        Relative to the root.
    tenses : sequence of str
        Tenses of the notices that are used, as in `versions.latest`.
    """
    map_files = [f for f in files if f.startswith("maps/")]
    maps = _table(root, "maps", map_files, ("skymap_url",), ds.scalar(True))
    is_utility = (pc.field("kind") == "retraction") & (pc.field("tense") == "utility")
    is_used = pc.field("live") & (pc.field("tense").isin(tenses) | is_utility)
    event_files = sorted(set(files) - set(map_files))
    events = _table(root, "events", event_files, _COLUMNS, is_used)
    times = events["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    missing_map = pc.if_else(
        events["skymap_sha256"].is_null(), events["skymap_url"], pa.scalar(None)
    )
    columns = (events["event_id"], events["ivorn"], times, missing_map, events["_file"])
    entries = zip(*[column.to_pylist() for column in columns], strict=True)
    pairs = zip(maps["skymap_url"].to_pylist(), maps["_file"].to_pylist(), strict=True)
    return EventIndex(tuple(IndexEntry(*entry) for entry in entries), dict(pairs))


def _table(
    root: str,
    table: str,
    files: Sequence[str],
    columns: Sequence[str],
    chosen: pc.Expression,
) -> pa.Table:
    """Columns of chosen rows of a table, and `_file`, the file of each row."""
    schema = arrow_schema(table)
    if not files:
        empty = schema.empty_table().select(list(columns))
        return empty.append_column("_file", pa.array([], pa.string()))
    store = open_store(root)
    fewest = merging.fewest_files(root, table, files)
    path_of = {store.subfolder(*file.split("/")).path: file for file in fewest}
    found = ds.dataset(
        list(path_of), schema, "parquet", filesystem=store.filesystem
    ).to_table([*columns, "__filename"], filter=chosen)
    names = [path_of[path] for path in found["__filename"].to_pylist()]
    return found.select(list(columns)).append_column(
        "_file", pa.array(names, pa.string())
    )
