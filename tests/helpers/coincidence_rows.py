# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Coincidences of made-up objects, as rows of the table coincidences."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pyarrow as pa

from fink_voevent.tables.schema import arrow_schema

EVENT = datetime(2026, 3, 1, 4, 0, tzinfo=timezone.utc)
WINDOWS = {"E1": (1.0, 7.0), "E2": (1.0, 7.0)}


def at(days: float) -> datetime:
    """Return the time so many days after the event."""
    return EVENT + timedelta(days=days)


def pair(alert_id: int, days: float = 0.5, **changes) -> dict:
    """Return a coincidence of an object that is new, positive and good."""
    row = {
        "event_id": "E1",
        "survey": "ztf",
        "object_id": "Z1",
        "alert_id": alert_id,
        "status": "new",
        "batch": 0,
        "event_version": 1,
        "event_issued": at(0.01),
        "ivorn": "ivo://x#1",
        "notice_id": "n1",
        "notice_received_at": at(0.02),
        "stream": "s",
        "messenger": "grb",
        "tense": "observation",
        "event_time": EVENT,
        "alert_ra": 10.0 + alert_id * 1e-5,
        "alert_dec": 5.0,
        "alert_time": at(days),
        "first_detection": at(min(days, 0.5)),
        "last_non_detection": at(-0.5),
        "magnitude": 20.0,
        "quality": 0.9,
        "positive": True,
        "credible_level": 0.5,
        "separation": 0.1,
        "density": 10.0,
        "detections": 1,
        "detection_span": 0.0,
        "software": "s",
    }
    return row | changes


def table(rows: list[dict]) -> pa.Table:
    """Return rows as the table coincidences has them; what is missing is null."""
    fields = [f.with_nullable(True) for f in arrow_schema("coincidences")]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))
