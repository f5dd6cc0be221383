# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""All notices in brief, on the driver: which events a new one can change.

What holds of an event depends on its own notices, and on those of the events around it
in time (`related`). So of years of notices those few are read that a batch is about.
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

SAME_TIME_US = 60_000_000  # instruments trigger on one burst this far apart, at most
_COLUMNS = ("event_id", "ivorn", "time", "skymap_url", "skymap_sha256")


class IndexEntry(NamedTuple):
    """One notice.

    Parameters
    ----------
    event_id, ivorn : str
        As the notice has them.
    time_us : int or None
        Its time, microseconds of UTC since 1970.
    map_url : str or None
        Of a sky map that it names and does not hold.
    file : str
        Where it is read, relative to the root.
    """

    event_id: str
    ivorn: str
    time_us: int | None
    map_url: str | None
    file: str


@dataclass(frozen=True)
class EventIndex:
    """Notices that take part, and the maps that were fetched for them.

    Parameters
    ----------
    entries : tuple of Entry
    maps : mapping of str to str
        File of each map, relative to the root, by its address.
    """

    entries: tuple[IndexEntry, ...] = ()
    maps: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def roots(self) -> dict[str, str]:
        """Name of the event for each name of one that is another's: see `roots`."""
        return roots(
            (e.ivorn, e.event_id)
            for e in self.entries
            if e.event_id.startswith("ivo://") and e.event_id != e.ivorn
        )

    @cached_property
    def members(self) -> dict[str, list[IndexEntry]]:
        """Notices of each event."""
        found: dict[str, list[IndexEntry]] = {}
        for entry in self.entries:
            found.setdefault(self.name(entry.event_id), []).append(entry)
        return found

    @cached_property
    def _times(self) -> tuple[npt.NDArray[np.int64], list[str]]:
        """Times of all notices, sorted, and the events that they are of."""
        timed = sorted(
            (entry.time_us, event)
            for event, entries in self.members.items()
            for entry in entries
            if entry.time_us is not None
        )
        return np.array([t for t, _ in timed], np.int64), [e for _, e in timed]

    def name(self, event_id: str) -> str:
        """Name of the event that a notice with this one is of."""
        return self.roots.get(event_id, event_id)

    def plus(self, other: EventIndex) -> EventIndex:
        """Both."""
        return EventIndex(self.entries + other.entries, {**self.maps, **other.maps})

    def changed(self, before: EventIndex, new: EventIndex) -> set[str]:
        """Events that are not surely as they were `before`; `self` has the `new` too.

        Those that new notices and maps are of, those whose names changed by what new
        notices cite, and those around them.
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
        """Add the events with a time within `SAME_TIME_US` of one of theirs.

        Times are those of any of their notices: what holds is one of them.
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

    def of(self, events: Iterable[str]) -> EventIndex:
        """Their notices, and the maps of those."""
        entries = tuple(entry for event in events for entry in self.members[event])
        urls = {entry.map_url for entry in entries}
        return EventIndex(entries, {u: f for u, f in self.maps.items() if u in urls})

    @property
    def event_files(self) -> list[str]:
        """Files that hold the notices, sorted."""
        return sorted({entry.file for entry in self.entries})


def roots(links: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Name of the event for each name of one that is another's.

    Parameters
    ----------
    links : iterable of (str, str)
        The ivorn of a notice, and that of the one that it cites: the last where several
        notices bear one ivorn.
    """
    cited = dict(sorted(links))
    ends = {start: _end(start, cited) for start in cited.values()}
    return {start: end for start, end in ends.items() if start != end}


def _end(start: str, links: Mapping[str, str]) -> str:
    seen = {start}
    while start in links and links[start] not in seen:  # notices may cite in a circle
        start = links[start]
        seen.add(start)
    return start


def read_index(root: str, files: Sequence[str], tenses: Sequence[str]) -> EventIndex:
    """Census of files of events, and of maps, relative to the root.

    Parameters
    ----------
    root : str
        Folder of our tables.
    files : sequence of str
    tenses : sequence of str
        Of the notices that take part: as in `versions.latest`.
    """
    of_maps = [f for f in files if f.startswith("maps/")]
    maps = _table(root, "maps", of_maps, ("skymap_url",), ds.scalar(True))
    withdrawn = (pc.field("kind") == "retraction") & (pc.field("tense") == "utility")
    taking_part = pc.field("live") & (pc.field("tense").isin(tenses) | withdrawn)
    told = sorted(set(files) - set(of_maps))
    events = _table(root, "events", told, _COLUMNS, taking_part)
    times = events["time"].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    lacking = pc.if_else(
        events["skymap_sha256"].is_null(), events["skymap_url"], pa.scalar(None)
    )
    columns = (events["event_id"], events["ivorn"], times, lacking, events["_file"])
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
    """Columns of chosen rows, and `_file`."""
    schema = arrow_schema(table)
    if not files:
        empty = schema.empty_table().select(list(columns))
        return empty.append_column("_file", pa.array([], pa.string()))
    store = open_store(root)
    fewest = merging.instead(root, table, files)
    path_of = {store.at(*file.split("/")).path: file for file in fewest}
    found = ds.dataset(
        list(path_of), schema, "parquet", filesystem=store.filesystem
    ).to_table([*columns, "__filename"], filter=chosen)
    names = [path_of[path] for path in found["__filename"].to_pylist()]
    return found.select(list(columns)).append_column(
        "_file", pa.array(names, pa.string())
    )
