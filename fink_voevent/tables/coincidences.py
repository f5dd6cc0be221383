# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of thin alerts, of coincidences, and of what was routed."""

from __future__ import annotations

import pyarrow as pa

from fink_voevent.tables.alerts import ALERTS
from fink_voevent.tables.column import LONG, REAL, TEXT, TIME, Column

COINCIDENCES = (
    Column("coincidence_id", TEXT, "UUID", "", "UUIDv5 of notice, alert and survey"),
    Column("status", TEXT, "", "", "new, update, withdrawn or retracted"),
    Column("event_id", TEXT, "", "", "see events"),
    Column("event_version", LONG, "", "", "version of the notice, see events"),
    Column("event_issued", TIME, "UTC", "not given", "when the notice was issued"),
    Column("ivorn", TEXT, "", "", "the notice"),
    Column("notice_id", TEXT, "UUID", "", "see events"),
    Column("notice_sha256", TEXT, "hex", "", "SHA-256 of the notice"),
    Column(
        "related_event_ids",
        pa.list_(TEXT),
        "",
        "the event is retracted",
        "other events within 60 s of this one, their 99 % regions overlapping: the same"
        " burst seen by other instruments",
    ),
    Column("stream", TEXT, "", "", "see events"),
    Column("messenger", TEXT, "", "", "see events"),
    Column("tense", TEXT, "", "", "see events"),
    Column("event_time", TIME, "UTC", "", "time of the event: its trigger's"),
    Column("event_ra", REAL, "deg, ICRS", "no position", "of the notice"),
    Column("event_dec", REAL, "deg, ICRS", "no position", "of the notice"),
    Column("event_error_r90", REAL, "deg", "no position", "of the notice"),
    *(c for c in ALERTS if c.name not in ("hpx29", "x", "y", "z")),
    Column("separation", REAL, "deg", "no position", "great circle, alert to event"),
    Column(
        "credible_level",
        REAL,
        "0-1",
        "no region: a pair in time only, until the sky map is there",
        "probability enclosed at the alert's place: 0 at the best place",
    ),
    Column("density", REAL, "sr-1", "no region", "probability density at the alert"),
    Column("delay", REAL, "d", "", "alert minus event, in elapsed (TAI) time"),
    Column(
        "prior_activity",
        TEXT,
        "",
        "",
        "new (not seen before the event, and looked for), unknown, or active (detected"
        " before)",
    ),
    Column(
        "background_rate",
        REAL,
        "deg-2 d-1",
        "no rate can be had, or no region",
        "unrelated alerts that pass the same cuts, at this place",
    ),
    Column(
        "p_chance",
        REAL,
        "0-1",
        "no rate can be had, or no region",
        "probability that chance gives an alert ranked as high: small is surprising",
    ),
    Column(
        "background_id",
        TEXT,
        "",
        "no rate can be had, or no region",
        "snapshot of the background rates that was used",
    ),
    Column("notice_received_at", TIME, "UTC", "", "when the notice was received"),
    Column(
        "batch",
        LONG,
        "",
        "",
        "number of the batch that recorded it, counted over all nights; of two rows of"
        " one notice the larger holds",
    ),
    Column("software", TEXT, "", "", "fink-voevent and its version"),
)

ROUTED = (
    *COINCIDENCES,
    Column("topics", pa.list_(TEXT), "", "", "topics to which its packet went"),
    Column(
        "classification",
        TEXT,
        "",
        "the alert has none, or is no longer there",
        "class of the object as Fink has it: SIMBAD's for what is catalogued",
    ),
    Column(
        "fink_version",
        TEXT,
        "",
        "the alert does not say, or is no longer there",
        "Fink's own version and that of its science modules",
    ),
)


# Columns of events that matching reads, by their name in a coincidence.
EVENT_COLUMNS = {
    "event_id": "event_id",
    "event_version": "version",
    "event_issued": "issued",
    "ivorn": "ivorn",
    "notice_id": "notice_id",
    "notice_sha256": "sha256",
    "stream": "stream",
    "messenger": "messenger",
    "tense": "tense",
    "event_ra": "ra",
    "event_dec": "dec",
    "event_error_r90": "error_r90",
    "notice_received_at": "received_at",
}


PAIR_EVENT_COLUMNS = (
    *EVENT_COLUMNS,
    "related_event_ids",
)  # of events, in a coincidence
