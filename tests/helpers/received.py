# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents from sources: converted, decided on and kept, as ingest and match do it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from fink_voevent.events.cache import cell_arrays
from fink_voevent.events.current import CurrentEvents
from fink_voevent.events.event_state import Changes
from fink_voevent.events.notice import Rules
from fink_voevent.ingest import trust as trust_table
from fink_voevent.ingest.conversion import convert
from fink_voevent.ingest.duplicates import copies, keep_new
from fink_voevent.ingest.trust import TrustTable
from fink_voevent.listen.spool import sha256
from fink_voevent.notices import streams
from fink_voevent.notices.formats import detect_format
from fink_voevent.notices.trust import Trust, latest
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import arrow_schema, column_names

START = datetime(2024, 1, 15, 2, 30, tzinfo=timezone.utc)


class Received:
    """What ingest and match keep of documents that sources have sent.

    Parameters
    ----------
    folder : Path
    sources : str, optional
        The setting `sources`.
    """

    def __init__(self, folder: Path, sources: str = "") -> None:
        self._folder, self.registry = folder, streams.load()
        self._publishers = self.registry.publishers
        self._batch, self._now = 0, START
        self._carried: set[tuple[str, str]] = set()
        self._regions: dict[str, npt.NDArray[np.int64]] = {}
        self.rows: dict[str, list[dict]] = {"events": [], "copies": [], "trust": []}
        self.current = CurrentEvents(Rules(("observation",)), self._cells)
        self.log: list[tuple[bool, str]] = []  # whether a warning, and the line
        self.set_sources(sources)

    def _cells(self, regions) -> Mapping[str, npt.NDArray[np.int64]]:
        return {region: self._regions[region] for region in regions}

    def set_sources(self, sources: str) -> Changes:
        """Start ingest with another setting; return what it changes."""
        trust = Trust(self._publishers, sources, latest(self.rows["trust"]).values())
        first = {(r["publisher"], r["source"]): r for r in self.rows["trust"]}
        self._trust = TrustTable(trust, trust.changed(), first)
        return self._commit(pa.RecordBatch.from_pylist([], arrow_schema("landing")))

    def send(
        self, source: str, *raws: bytes, transport: str = "vtp", minutes: float = 1
    ) -> Changes:
        """Receive documents from a source, some minutes after the last ones."""
        self._now += timedelta(minutes=minutes)
        rows = [
            {
                "received_at": self._now,
                "transport": transport,
                "source": source,
                "format": detect_format(raw),
                "sha256": sha256(raw),
                "raw": raw,
            }
            for raw in raws
        ]
        return self._commit(
            pa.RecordBatch.from_pylist(rows, schema=arrow_schema("landing"))
        )

    def _commit(self, landed: pa.RecordBatch) -> Changes:
        self._batch += 1
        rows, reasons = convert(landed, self.registry)
        assert set(reasons) <= {None}
        self._regions |= cell_arrays(pa.Table.from_batches([rows.regions]))
        staged = open_store(str(self._folder / f"{self._batch}"))
        if rows.events.num_rows:
            events = pa.Table.from_batches([rows.events])
            staged.write("a.parquet", lambda stream: pq.write_table(events, stream))
        known = {row["notice_id"] for row in self.rows["events"]}
        copied = copies(staged, known, self._carried)
        decided = self._trust.rows(staged)
        keep_new(staged, "events", known)
        parts = [staged.read_table(name) for name in staged.names(".parquet")]
        kept = parts[0] if parts else None
        found = {"events": kept, "copies": copied, "trust": decided}
        for name, table in found.items():
            added = [] if table is None else table.to_pylist()
            self.rows[name] += [row | {"batch": self._batch} for row in added]
            if name != "trust":
                self._carried |= {(row["notice_id"], row["source"]) for row in added}
        if decided.num_rows:
            self._trust.committed(decided.to_pylist())
            self.log += trust_table.messages(decided, self._trust.trust)
        numbers = pa.array([self._batch] * decided.num_rows, pa.int64())
        return self.current.add(
            kept, None, copied, decided.append_column("batch", numbers)
        )

    @property
    def warnings(self) -> list[str]:
        """Lines that the operator sees."""
        return [text for is_warning, text in self.log if is_warning]

    def ingested(self, name: str) -> list[dict]:
        """Return rows of a table, with its columns."""
        return [{c: row[c] for c in column_names(name)} for row in self.rows[name]]

    def places(self) -> dict[str, tuple[float, float, str]]:
        """Return position and kind of the events that can be matched."""
        found = {}
        for event, state in self.current.states.items():
            (row,) = self.current.rows([state]).to_pylist()
            if state.is_matchable:
                found[event] = (row["event_ra"], row["event_dec"], row["kind"])
        return found
