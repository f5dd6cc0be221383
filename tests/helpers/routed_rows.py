# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Rows of the table routed, for tests of the publisher."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from helpers.delta_tables import commit

from fink_voevent.publish.compose import Author
from fink_voevent.store.batches import Input

AUTHOR = Author("ivo://org.example/fink", "shift@example.org")
T0 = datetime(2022, 10, 9, 13, 16, 59, 999000, tzinfo=timezone.utc)


def row(alert: int = 1, event: str = "grb", batch: int = 0, **changes) -> dict:
    """Return a row of the table routed."""
    values = {
        "coincidence_id": f"{event}-{alert}-{changes.get('event_version', 1)}",
        "status": "new",
        "event_id": event,
        "event_version": 1,
        "ivorn": f"ivo://org.example/{event}#1",
        "notice_id": f"{event}1",
        "notice_sha256": "0",
        "stream": "example",
        "messenger": "grb",
        "tense": "observation",
        "event_time": T0,
        "survey": "ztf",
        "night": "20221009",
        "alert_id": alert,
        "object_id": f"ZTF22{alert}",
        "alert_ra": 288.2645,
        "alert_dec": 19.7735,
        "alert_time": T0 + timedelta(hours=5),
        "magnitude": 17.5,
        "band": "r",
        "quality": 0.99,
        "packet_file": "f",
        "separation": 0.01,
        "credible_level": 0.1,
        "density": 1e4,
        "delay": 0.2,
        "prior_activity": "new",
        "p_chance": 0.001,
        "background_rate": 0.05,
        "notice_received_at": T0 + timedelta(minutes=2),
        "batch": batch,
        "software": "fink-voevent",
        "topics": ["fink_grb_bronze_ztf"],
        "classification": "Galaxy",
        "fink_version": "fink-broker 4.2, fink-science 8.1",
    }
    return values | changes


def commit_rows(root: str, batch: int, rows: list[dict]) -> None:
    """Write and commit a batch of rows as the stage route does."""
    planned = Input(until={"match": batch}, survey="ztf")
    commit(root, "route", {"sent": {}}, planned, routed=rows)
