# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Tables of a night to look at, made without Spark."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
from helpers.delta_tables import commit
from helpers.landed import landed

from fink_voevent.ingest.conversion import convert, quarantine
from fink_voevent.notices import streams
from fink_voevent.store.batches import Input

NIGHT = "20221009"
T0 = datetime(2022, 10, 9, 13, tzinfo=timezone.utc)


def ingest(root: str, *documents: bytes) -> int:
    """Commit documents as a batch of ingest does; return its number."""
    rows = landed(*documents)
    found, reasons = convert(rows, streams.load())
    tables = {
        "events": found.events,
        "regions": found.regions,
        "quarantine": quarantine(rows, reasons),
    }
    counts = {name: len(part) for name, part in tables.items()}
    made = {name: pa.Table.from_batches([part]) for name, part in tables.items()}
    events = made["events"]  # without a source, as those of files, they count
    nobody = pa.nulls(events.num_rows, pa.string())
    number = events.column_names.index("source")
    made["events"] = events.set_column(number, "source", nobody)
    return commit(root, "ingest", {"documents": len(rows), **counts}, **made)


def pair(event_id: str, object_id: str | None, **changes: Any) -> dict[str, Any]:
    """Row of the table coincidences of an alert of `NIGHT`."""
    return {
        "event_id": event_id,
        "object_id": object_id,
        "alert_id": abs(hash((event_id, object_id))) % 10**15,
        "survey": "ztf",
        "night": NIGHT,
        "status": "new",
        "messenger": "grb",
        "event_version": 1,
        "event_issued": T0,
        "notice_received_at": T0,
        "notice_id": "0",
        "event_time": T0,
        "alert_time": T0 + timedelta(hours=3),
        "delay": 0.125,
        "alert_ra": 288.25,
        "alert_dec": 19.75,
        "magnitude": 18.5,
        "band": "r",
        "separation": 0.5,
        "credible_level": 0.25,
        "prior_activity": "new",
        "p_chance": None,
        "batch": 0,
    } | changes


def match(root: str, *pairs: dict[str, Any], alerts: int = 100, live: int = 3) -> int:
    """Commit coincidences as a batch of match does; return its number."""
    facts = {
        "night": NIGHT,
        "survey": "ztf",
        "alerts": alerts,
        "coincidences": len(pairs),
        "live_notices": live,
    }
    planned = Input(until={"ingest": 0}, survey="ztf", night=NIGHT)
    return commit(root, "match", facts, planned, coincidences=list(pairs))


def documents(datatest: Path, *names: str) -> list[bytes]:
    """Return VOEvents of datatest."""
    return [(datatest / "voevents" / f"{name}.xml").read_bytes() for name in names]
