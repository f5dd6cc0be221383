# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of coincidences."""

from __future__ import annotations

import pyarrow as pa

from fink_voevent.tables.alerts import ALERTS
from fink_voevent.tables.column import FLAG, LONG, REAL, TEXT, TIME, Column

COINCIDENCES = (
    Column("coincidence_id", TEXT, "UUID", "", "UUIDv5 of notice, alert and survey"),
    Column("status", TEXT, "", "", "new, update, withdrawn or retracted"),
    Column("event_id", TEXT, "", "", "see the table events"),
    Column(
        "event_version", LONG, "", "", "version of the notice: see the table events"
    ),
    Column("event_issued", TIME, "UTC", "not given", "issue time of the notice"),
    Column("ivorn", TEXT, "", "", "identifier of the notice, as published"),
    Column("notice_id", TEXT, "UUID", "", "see the table events"),
    Column("notice_sha256", TEXT, "hex", "", "SHA-256 of the notice"),
    Column(
        "related_event_ids",
        pa.list_(TEXT),
        "",
        "the event is retracted",
        "other events of the same burst: those within 60 s whose 99 % regions overlap"
        " with this one, and within 30 d those that cite its notices, that its notices"
        " cite, or that have the same name. An event of a publisher whose source was"
        " trusted on first use is listed in events of that publisher only, and where it"
        " is cited",
    ),
    Column("stream", TEXT, "", "", "see the table events"),
    Column("messenger", TEXT, "", "", "see the table events"),
    Column("tense", TEXT, "", "", "see the table events"),
    Column(
        "event_significant",
        FLAG,
        "",
        "the notice does not say",
        "false if the publisher gives the event a low significance (LVK), or a trigger"
        " is by its most probable class no burst (Fermi GBM, Swift)",
    ),
    Column("event_time", TIME, "UTC", "", "time of the trigger of the event"),
    Column(
        "event_ra", REAL, "deg, ICRS", "no position", "right ascension in the notice"
    ),
    Column("event_dec", REAL, "deg, ICRS", "no position", "declination in the notice"),
    Column("event_error_r90", REAL, "deg", "no position", "error_r90 of the notice"),
    *(c for c in ALERTS if c.name not in ("hpx29", "x", "y", "z")),
    Column("separation", REAL, "deg", "no position", "angle between alert and event"),
    Column(
        "credible_level",
        REAL,
        "0-1",
        "no region: matched in time only, until the sky map is fetched",
        "probability of all places more probable than that of the alert: 0 at the"
        " most probable place",
    ),
    Column("density", REAL, "sr-1", "no region", "probability density at the alert"),
    Column("delay", REAL, "d", "", "elapsed time (TAI) from the event to the alert"),
    Column(
        "prior_activity",
        TEXT,
        "",
        "",
        "active (detected before the event), new (not detected before it, although"
        " observed) or unknown",
    ),
    Column(
        "background_rate",
        REAL,
        "deg-2 d-1",
        "no background rate, or no region",
        "rate of unrelated alerts that pass the same cuts, at this place",
    ),
    Column(
        "p_chance",
        REAL,
        "0-1",
        "no background rate, or no region",
        "probability that unrelated alerts alone give one ranked as high: a small"
        " value is surprising",
    ),
    Column(
        "background_id",
        TEXT,
        "",
        "no background rate, or no region",
        "snapshot of background rates that was used",
    ),
    Column(
        "notice_received_at",
        TIME,
        "UTC",
        "",
        "when the notice was first received from a source that may speak for its"
        " publisher",
    ),
    Column(
        "notice_source",
        TEXT,
        "",
        "a file given to a command, or a notice of an earlier version",
        "that source: see the table events",
    ),
    Column(
        "batch",
        LONG,
        "",
        "",
        "number of the batch that recorded it, counted over all nights; of two rows of"
        " one notice, the one of the later batch is valid",
    ),
    Column("software", TEXT, "", "", "name and version of this software"),
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
    "notice_source": "source",
}

# Columns of the event in a coincidence.
PAIR_EVENT_COLUMNS = (*EVENT_COLUMNS, "event_significant", "related_event_ids")
