# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the pipeline has done so far, read from landing and the tables."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow import fs

from fink_voevent.errors import StorageError
from fink_voevent.listen.landing import is_ours
from fink_voevent.listen.spool import waiting
from fink_voevent.ops import publishers, sources
from fink_voevent.ops.sources import SourceStatus
from fink_voevent.store import unread
from fink_voevent.store.batches import FIRST, BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import Store, open_store
from fink_voevent.tables.schema import stored_schema

INGEST, MATCH, ROUTE = "ingest", "match", "route"  # stages
CHECKED = ("events", "coincidences", "alerts")  # tables whose files are looked at


@dataclass(frozen=True)
class Status:
    """Counts since the tables were made.

    Parameters
    ----------
    received : int
        Documents that have landed.
    events, quarantined : int
        Rows of the tables events and quarantine.
    live_notices : int
        Notices that alerts could match in the latest batch of match.
    alerts : int
        Alerts that were searched.
    coincidences : int
        Rows of the table coincidences, all statuses together.
    topics : dict of str to int
        Packets by topic.
    lag_s : float
        Age (s) of the oldest landed file that is not ingested yet; 0 if there is none.
    beyond_cap : int
        Alerts in the regions of events, outside the area that was matched.
    unplaced_notices : int
        Notices in the latest batch of match whose sky map is not fetched yet.
    in_spool : int
        Documents in the spool of this machine that have not landed.
    in_spool_s : float
        Age (s) of the oldest of them; 0 if there is none.
    problems : tuple of str
        One line for each of our files that is missing or cannot be read: which one, and
        what to do. What it contains is not counted. One line for each source that is
        not connected for some time, and for each publisher whose own sources are silent
        while another source sends its notices.
    sources : tuple of SourceStatus
        The sources of the listeners.
    """

    received: int
    events: int
    quarantined: int
    live_notices: int
    alerts: int
    coincidences: int
    topics: dict[str, int]
    lag_s: float
    beyond_cap: int = 0
    unplaced_notices: int = 0
    in_spool: int = 0
    in_spool_s: float = 0.0
    problems: tuple[str, ...] = ()
    sources: tuple[SourceStatus, ...] = ()

    def line(self) -> str:
        """Return the status line."""
        topics = ", ".join(f"{t} {n}" for t, n in self.topics.items()) or "none"
        live = f"{self.live_notices}"
        if self.unplaced_notices:
            live += f" and {self.unplaced_notices} that await their sky map"
        coincidences = f"{self.coincidences}"
        if self.beyond_cap:
            coincidences += f" and {self.beyond_cap} outside the matched area"
        received = f"{self.received}"
        if self.in_spool:
            received += (
                f" and {self.in_spool} in the spool of this machine (the oldest since"
                f" {self.in_spool_s:.0f} s)"
            )
        return (
            f"notices received {received}, events {self.events},"
            f" quarantine {self.quarantined}, live notices {live},"
            f" alerts searched {self.alerts}, coincidences {coincidences},"
            f" topics: {topics}; lag {self.lag_s:.1f} s"
        )


@dataclass
class Observer:
    """Reads the status as often as required; files that never change are read once.

    Parameters
    ----------
    root : str
        Folder of our tables: a path or a URI.
    spool : str, optional
        Folder of the spool; empty if there is none on this machine.
    configured : sequence of str, optional
        Addresses of sources that are shown even if no listener has reported them.
    """

    root: str
    spool: str = ""
    configured: Sequence[str] = ()
    _row_counts: dict[str, int] = field(default_factory=dict)
    # Facts of the batches of each stage that were read.
    _facts: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _complete: set[str] = field(default_factory=set)  # data files that were read
    _problems: list[str] = field(default_factory=list)  # since the call of `status`

    @functools.cached_property
    def _tables(self) -> Tables:
        return Tables(self.root)

    def status(self) -> Status:
        """Return the status of this moment.

        A file of ours that is missing or damaged becomes one of the `problems`.

        Raises
        ------
        StorageError
            If the store cannot be read.
        """
        self._problems.clear()
        in_spool, in_spool_s = self.in_spool()
        try:
            status = self._status()
        except (OSError, StorageError) as error:
            raise StorageError(f"cannot read {self.root}: {error}") from None
        return replace(status, in_spool=in_spool, in_spool_s=in_spool_s)

    def _status(self) -> Status:
        landing = open_store(self.root).subfolder("landing")
        left_out = self._unread()
        landed = [
            info
            for info in self._waiting(landing)
            if PurePosixPath(info.path).name not in left_out
        ]
        row_counts = [self._row_count(landing, info) for info in landed]
        ingested, matched, routed = map(self._facts_of, (INGEST, MATCH, ROUTE))
        latest = matched[-1] if matched else {}
        topics: Counter[str] = Counter()
        for facts in routed:
            topics.update(facts["sent"])
        self._check_data_files()
        found = self._sources()
        self._check_publishers()
        documents = sum(facts["documents"] for facts in ingested)
        return Status(
            received=documents + sum(row_counts),
            events=sum(facts["events"] for facts in ingested),
            quarantined=sum(facts["quarantine"] for facts in ingested),
            live_notices=latest.get("live_notices", 0),
            alerts=sum(facts["alerts"] for facts in matched),
            coincidences=sum(facts["coincidences"] for facts in matched),
            topics=dict(sorted(topics.items())),
            lag_s=_lag_s(landed),
            beyond_cap=sum(sum(f.get("beyond_cap", {}).values()) for f in matched),
            unplaced_notices=latest.get("unplaced_notices", 0),
            problems=tuple(dict.fromkeys(self._problems)),
            sources=tuple(found),
        )

    def _waiting(self, landing: Store) -> list[fs.FileInfo]:
        """Return the files of landing that are not ingested yet, the oldest first."""
        files = sorted(landing.files(".parquet"), key=lambda info: info.mtime)
        if all(is_ours(info.path) for info in files):  # they are removed once ingested
            return files
        processed = {
            PurePosixPath(file).name
            for file in BatchLog(self._tables, INGEST).all_files()
            if not is_ours(file)
        }
        return [i for i in files if PurePosixPath(i.path).name not in processed]

    def _facts_of(self, stage: str) -> list[dict[str, Any]]:
        """Return the facts of the batches of a stage; a damaged table is a problem."""
        known = self._facts.setdefault(stage, [])
        try:
            known += BatchLog(self._tables, stage).facts(FIRST + len(known))
        except StorageError as error:
            self._problems.append(str(error))
        return known

    def _sources(self) -> list[SourceStatus]:
        """Return the status of the sources; a damaged table is a problem."""
        now = datetime.now(timezone.utc)
        try:
            found = sources.read(self._tables, self.configured, now)
        except StorageError as error:
            self._problems.append(str(error))
            return []
        self._problems += filter(None, (one.problem(now) for one in found))
        return found

    def _check_publishers(self) -> None:
        """Add the publishers whose own sources are silent to the problems."""
        try:
            self._problems += publishers.problems(self._tables)
        except StorageError as error:
            self._problems.append(str(error))

    def _unread(self) -> set[str]:
        """Return the names of the files that stages could not read, as problems."""
        files = unread.all_files(self.root)
        for file in files:
            again = "set aside" if file.is_set_aside else "it is tried again"
            text = f"{file.path} cannot be read, and its rows are missing"
            self._problems.append(
                f"{text} ({again}; see fink_voevent quarantine): {file.reason}"
            )
        return {PurePosixPath(file.path).name for file in files}

    def in_spool(self) -> tuple[int, float]:
        """Return what `spool.waiting` does; nothing if there is no readable spool."""
        if not self.spool:
            return 0, 0.0
        try:
            return waiting(self.spool)
        except StorageError as error:
            self._problems.append(str(error))
            return 0, 0.0

    def coincidences(self) -> list[dict[str, Any]]:
        """Return all rows of the table coincidences, in the order of the batches."""
        last = BatchLog(self._tables, MATCH).last_done()
        columns = stored_schema("coincidences").names
        rows = self._tables.rows_of("coincidences", columns, FIRST, last)
        found: list[dict[str, Any]] = rows.sort_by("batch").to_pylist()
        return found

    def route_is_done(self) -> bool:
        """Return whether route has sent every batch of match with coincidences."""
        route = BatchLog(self._tables, ROUTE)
        if route.unfinished() is not None:
            return False
        found = self._tables.rows_of(
            "coincidences", ["batch", "survey"], FIRST, route.last_done(MATCH)
        )
        newest = found.group_by("survey").aggregate([("batch", "max")]).to_pylist()
        return all(
            (last := route.newest_planned(row["survey"], route.last_done() + 1))
            and last.input.until[MATCH] >= row["batch_max"]
            for row in newest
        )

    def _check_data_files(self) -> None:
        """Add the files of tables that are missing or not Parquet to the problems."""
        for table in CHECKED:
            folder = open_store(self.root).subfolder(table)
            bad = {}
            for name in self._data_files(table) - self._complete:
                try:
                    folder.footer(name)
                    self._complete.add(name)
                except (OSError, pa.ArrowException) as error:  # noqa: PERF203 - of one
                    bad[name] = " ".join(str(error).split())
            # again, for a compaction may have replaced a file meanwhile
            still = bad.keys() & self._data_files(table) if bad else ()
            self._problems += [
                f"{folder.path}/{name}, a file of the table {table}, is missing or"
                f" damaged: restore it from a copy ({bad[name]})"
                for name in sorted(still)
            ]

    def _data_files(self, table: str) -> set[str]:
        """Files of a table that the stages read; none if the table is damaged."""
        try:
            if self._tables.existing(table) is None:
                return set()
            return set(self._tables.live_files(table))
        except StorageError as error:
            self._problems.append(str(error))
            return set()

    def _row_count(self, landing: Store, info: fs.FileInfo) -> int:
        """Return the number of rows of a landed file; 0 if it is not Parquet."""
        if info.path not in self._row_counts:
            try:
                self._row_counts[info.path] = landing.row_count_at(info.path)
            except (OSError, pa.ArrowException) as error:
                reason = " ".join(str(error).split())
                self._problems.append(
                    f"{info.path} in landing is not Parquet ({reason})"
                )
                return 0
        return self._row_counts[info.path]


def _lag_s(landed: list[fs.FileInfo]) -> float:
    """Return the age (s) of the first of files; 0 if there are none."""
    if not landed:
        return 0.0
    return (datetime.now(timezone.utc) - landed[0].mtime).total_seconds()
