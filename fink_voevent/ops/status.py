# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the pipeline has done so far, read from landing and the ledgers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from fink_voevent.errors import StorageError
from fink_voevent.listen.spool import waiting
from fink_voevent.store import alert_files, merging, unread
from fink_voevent.store.filesystem import Store, open_store
from fink_voevent.store.ledger import WHAT_TO_DO, Ledger, Manifest

# Facts that the status needs from the manifests of a stage, and their types.
FACTS: dict[str, dict[str, tuple[type, ...]]] = {
    "ingest": {"documents": (int,), "events": (int,), "quarantine": (int,)},
    "match": {
        "alerts": (int,),
        "coincidences": (int,),
        "night": (str,),
        "span_us": (list, type(None)),
    },
    "announced": {},  # batches of match for route
    "route": {"sent": (dict,), "manifests": (list,)},
    alert_files.STAGE: {
        "night": (str,),
        "span_us": (list, type(None)),
        "replaces": (list,),
    },
}
# Stage that writes a table.
TABLES = {"events": "ingest", "coincidences": "match", "alerts": "match"}


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
        Age (s) of the oldest landed file with a document that is neither an event nor
        in quarantine yet; 0 if there is none.
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
        what to do. What it contains is not counted.
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
    """

    root: str
    spool: str = ""
    _row_counts: dict[str, int] = field(default_factory=dict)
    _ledgers: dict[str, Ledger] = field(default_factory=dict)
    _complete: set[str] = field(default_factory=set)  # data files that were read
    _problems: list[str] = field(default_factory=list)  # since the call of `status`

    def status(self) -> Status:
        """Return the status of this moment.

        A file of ours that is missing or damaged becomes one of the `problems`.

        Raises
        ------
        StorageError
            If the store cannot be read.
        """
        self._problems.clear()
        in_spool, in_spool_s = self._in_spool()
        try:
            status = self._status()
        except (OSError, StorageError) as error:
            known = f"; {in_spool} documents wait in the spool" if in_spool else ""
            raise StorageError(f"cannot read {self.root}: {error}{known}") from None
        return replace(status, in_spool=in_spool, in_spool_s=in_spool_s)

    def _status(self) -> Status:
        landing = open_store(self.root).subfolder("landing")
        left_out = self._unread()
        landed = [
            info
            for info in sorted(landing.files(".parquet"), key=lambda f: f.mtime)
            if PurePosixPath(info.path).name not in left_out
        ]
        row_counts = [self._row_count(landing, info) for info in landed]
        manifests = {stage: self._manifests(stage) for stage in FACTS}
        ingested = [m.facts for m in manifests["ingest"]]
        matched = [m.facts for m in manifests["match"]]
        latest = self._latest_facts()
        topics: Counter[str] = Counter()
        for manifest in manifests["route"]:
            topics.update(manifest.facts["sent"])
        self._check_data_files()
        return Status(
            received=sum(row_counts),
            events=sum(facts["events"] for facts in ingested),
            quarantined=sum(facts["quarantine"] for facts in ingested),
            live_notices=latest.get("live_notices", 0),
            alerts=sum(facts["alerts"] for facts in matched),
            coincidences=sum(facts["coincidences"] for facts in matched),
            topics=dict(sorted(topics.items())),
            lag_s=_lag_s(landed, row_counts, sum(f["documents"] for f in ingested)),
            beyond_cap=sum(sum(f.get("beyond_cap", {}).values()) for f in matched),
            unplaced_notices=latest.get("unplaced_notices", 0),
            problems=tuple(dict.fromkeys(self._problems)),
        )

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

    def _in_spool(self) -> tuple[int, float]:
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
        store = open_store(self.root)
        rows: list[dict[str, Any]] = []
        for manifest in self._manifests("match"):
            for name in manifest.tables.get("coincidences", ()):
                table = pq.read_table(
                    f"{store.path}/{name}", filesystem=store.filesystem
                )
                rows += table.to_pylist()
        return rows

    def route_is_done(self) -> bool:
        """Return whether route has committed every batch of match with coincidences."""
        routed = {m for r in self._manifests("route") for m in r.facts["manifests"]}
        matched = self._manifests("match")
        return routed.issuperset(m.name for m in matched if m.tables["coincidences"])

    def _ledger(self, stage: str) -> Ledger:
        return self._ledgers.setdefault(stage, Ledger(self.root, stage))

    def _manifests(self, stage: str) -> list[Manifest]:
        """Return the manifests of a stage; those that are damaged are problems."""
        own = self._ledger(stage)
        found = []
        for name in own.names():
            try:
                manifest = own.manifest(name)
            except (StorageError, OSError) as error:  # noqa: PERF203 - of one file
                self._problems.append(" ".join(str(error).split()))
                continue
            missing = [
                fact
                for fact, kinds in FACTS[stage].items()
                if not isinstance(manifest.facts.get(fact), kinds)
            ]
            if missing:
                text = f"has no valid {', '.join(missing)}: {WHAT_TO_DO}"
                self._problems.append(f"{own.folder}/{name} {text}")
            else:
                found.append(manifest)
        return found

    def _latest_facts(self) -> Mapping[str, Any]:
        """Facts of the latest batch of match; empty if there are none."""
        try:
            newest = self._ledger("match").newest()
        except StorageError:  # a problem already
            return {}
        return {} if newest is None else newest.facts

    def _check_data_files(self) -> None:
        """Add the files of tables that are missing or not Parquet to the problems.

        Only the files that the stages read are checked: see `merging.fewest_files`.
        """
        folder = open_store(self.root)
        for table in TABLES:
            bad = {}
            for name in self._data_files(table) - self._complete:
                try:
                    folder.row_count(name)
                    self._complete.add(name)
                except (OSError, pa.ArrowException) as error:  # noqa: PERF203 - of one
                    bad[name] = " ".join(str(error).split())
            # again, for a compaction may have replaced a file meanwhile
            still = bad.keys() & self._data_files(table) if bad else ()
            self._problems += [
                f"{self.root}/{name}, a file of the table {table}, is missing or"
                f" damaged: restore it from a copy ({bad[name]})"
                for name in sorted(still)
            ]

    def _data_files(self, table: str) -> set[str]:
        """Files of a table that the stages read; empty if a merge is damaged."""
        manifests = self._manifests(TABLES[table])
        if table == "alerts":
            sets = alert_files.alert_files(
                manifests, self._manifests(alert_files.STAGE)
            )
            files = [f for one in sets for f in one.files]
        else:
            files = [f for m in manifests for f in m.tables.get(table, ())]
        try:
            return set(merging.fewest_files(self.root, table, files))
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


def _lag_s(landed: list[fs.FileInfo], row_counts: list[int], documents: int) -> float:
    """Return the age (s) of the first landed file that is not ingested completely.

    Parameters
    ----------
    landed : list of FileInfo
        In order of time.
    row_counts : list of int
        Rows of each file.
    documents : int
        Documents that were ingested.
    """
    total = 0
    for info, count in zip(landed, row_counts, strict=True):
        total += count
        if total > documents:
            return (datetime.now(timezone.utc) - info.mtime).total_seconds()
    return 0.0
