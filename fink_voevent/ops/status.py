# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the pipeline has done so far, read from landing and the ledgers."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from fink_voevent.errors import StorageError
from fink_voevent.listen.spool import waiting
from fink_voevent.store.filesystem import Store, open_store
from fink_voevent.store.ledger import Ledger, Manifest

_LOG = logging.getLogger(__name__)


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

    def status(self) -> Status:
        """Return the status of this moment.

        Raises
        ------
        StorageError
            If the store cannot be read.
        """
        in_spool, in_spool_s = self._in_spool()
        try:
            status = self._status()
        except (OSError, StorageError) as error:
            known = f"; {in_spool} documents wait in the spool" if in_spool else ""
            raise StorageError(f"cannot read {self.root}: {error}{known}") from None
        return replace(status, in_spool=in_spool, in_spool_s=in_spool_s)

    def _status(self) -> Status:
        landing = open_store(self.root).subfolder("landing")
        landed = sorted(landing.files(".parquet"), key=lambda f: f.mtime)
        row_counts = [self._row_count(landing, info) for info in landed]
        ingested = [m.facts for m in self._manifests("ingest")]
        matched = [m.facts for m in self._manifests("match")]
        newest = self._ledger("match").newest()
        latest = {} if newest is None else newest.facts
        topics: Counter[str] = Counter()
        for manifest in self._manifests("route"):
            topics.update(manifest.facts["sent"])
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
        )

    def _in_spool(self) -> tuple[int, float]:
        """Return what `spool.waiting` does; nothing if there is no readable spool."""
        if not self.spool:
            return 0, 0.0
        try:
            return waiting(self.spool)
        except StorageError as error:
            _LOG.error("%s", error)
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
        return self._ledger(stage).manifests()

    def _row_count(self, landing: Store, info: fs.FileInfo) -> int:
        """Return the number of rows of a landed file; 0 if it is not Parquet."""
        if info.path not in self._row_counts:
            try:
                self._row_counts[info.path] = landing.row_count_at(info.path)
            except pa.ArrowException as error:
                _LOG.error(
                    "%s in landing is not Parquet and is not counted: %s",
                    info.path,
                    error,
                )
                self._row_counts[info.path] = 0
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
