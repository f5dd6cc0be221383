# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the pipeline has done, read from landing and the ledgers: one status line."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from fink_voevent.errors import StorageError
from fink_voevent.store.filesystem import Store, open_store
from fink_voevent.store.ledger import Ledger, Manifest

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Status:
    """Counts since the tables were made.

    `lag_s` is the age of the oldest document that is neither an event nor in quarantine
    yet, 0 where there is none.
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

    def line(self) -> str:
        """One line for an operator."""
        topics = ", ".join(f"{t} {n}" for t, n in self.topics.items()) or "none"
        more = f" and {self.beyond_cap} beyond the cap" if self.beyond_cap else ""
        unplaced = self.unplaced_notices
        live = f"{self.live_notices}"
        live += f" and {unplaced} that await their map" if unplaced else ""
        return (
            f"notices received {self.received}, events {self.events},"
            f" quarantine {self.quarantined}, live notices {live},"
            f" alerts searched {self.alerts}, coincidences {self.coincidences}{more},"
            f" topics: {topics}; lag {self.lag_s:.1f} s"
        )


@dataclass
class Observer:
    """Reads the status again and again; files that never change are read once."""

    root: str
    _rows: dict[str, int] = field(default_factory=dict)
    _ledgers: dict[str, Ledger] = field(default_factory=dict)

    def _ledger(self, stage: str) -> Ledger:
        return self._ledgers.setdefault(stage, Ledger(self.root, stage))

    def _manifests(self, stage: str) -> list[Manifest]:
        return self._ledger(stage).manifests()

    def status(self) -> Status:
        """Status of this moment.

        Raises
        ------
        StorageError
            Where the store cannot be read.
        """
        try:
            return self._status()
        except OSError as error:
            raise StorageError(f"cannot read {self.root}: {error}") from None

    def _status(self) -> Status:
        landing = open_store(self.root).subfolder("landing")
        landed = sorted(landing.files(".parquet"), key=lambda f: f.mtime)
        ingested = [m.facts for m in self._manifests("ingest")]
        matched = self._manifests("match")
        topics: Counter[str] = Counter()
        for manifest in self._manifests("route"):
            topics.update(manifest.facts["sent"])
        rows = [self._count(landing, info) for info in landed]
        documents = sum(f["documents"] for f in ingested)
        return Status(
            received=sum(rows),
            events=sum(f["events"] for f in ingested),
            quarantined=sum(f["quarantine"] for f in ingested),
            live_notices=self._newest_match().get("live_notices", 0),
            alerts=sum(m.facts["alerts"] for m in matched),
            coincidences=sum(m.facts["coincidences"] for m in matched),
            topics=dict(sorted(topics.items())),
            lag_s=_lag_s(landed, rows, documents),
            beyond_cap=sum(
                sum(m.facts.get("beyond_cap", {}).values()) for m in matched
            ),
            unplaced_notices=self._newest_match().get("unplaced_notices", 0),
        )

    def _newest_match(self) -> dict[str, Any]:
        newest = self._ledger("match").newest()
        return {} if newest is None else dict(newest.facts)

    def coincidences(self) -> list[dict[str, Any]]:
        """All rows of the journal of coincidences, in order of batch."""
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
        """Whether route has handed over every batch of match that found something."""
        routed = {m for r in self._manifests("route") for m in r.facts["manifests"]}
        matched = self._manifests("match")
        return routed.issuperset(m.name for m in matched if m.tables["coincidences"])

    def _count(self, landing: Store, info: fs.FileInfo) -> int:
        if info.path not in self._rows:
            try:
                self._rows[info.path] = landing.row_count_at(info.path)
            except pa.ArrowException as error:
                _LOG.error(
                    "%s in landing is not Parquet: left out (%s)", info.path, error
                )
                self._rows[info.path] = 0
        return self._rows[info.path]


def _lag_s(landed: list[fs.FileInfo], rows: list[int], documents: int) -> float:
    """Age of the first landing file, in order of time, that is not read yet."""
    total = 0
    for info, count in zip(landed, rows, strict=True):
        total += count
        if total > documents:
            return (datetime.now(timezone.utc) - info.mtime).total_seconds()
    return 0.0
