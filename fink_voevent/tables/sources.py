# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of the table `sources`: when each source was connected, and when not."""

from __future__ import annotations

from fink_voevent.tables.batches import BATCH
from fink_voevent.tables.column import LONG, TEXT, TIME, Column

SOURCES = (
    Column(
        BATCH.name,
        LONG,
        "",
        "",
        "number of the report that wrote the row, counted by listener: each report"
        " replaces all rows of its listener",
    ),
    Column(
        "listener",
        TEXT,
        "",
        "",
        "random name of the listener that wrote the row; it is kept in the spool",
    ),
    Column("host", TEXT, "", "", "name of the machine of the listener"),
    Column("at", TIME, "UTC", "", "when the row was written"),
    Column("source", TEXT, "", "", "address, as it is configured"),
    Column(
        "state",
        TEXT,
        "",
        "",
        "connected; lost (not connected, and tried again); stopped (the listener did"
        " not run) or removed (the listener ran without this source)",
    ),
    Column("since", TIME, "UTC", "", "when this state began"),
    Column("until", TIME, "UTC", "the state lasted at the time `at`", "when it ended"),
    Column("reason", TEXT, "", "connected", "why the source was not connected"),
    Column(
        "last_document",
        TIME,
        "UTC",
        "none was received before the end of the state",
        "when the last document of the source was received, up to the end of the state",
    ),
    Column(
        "last_sign",
        TIME,
        "UTC",
        "nothing was received before the end of the state",
        "when the last sign of life of the source was received, up to the end of the"
        " state: of VTP any bytes, as an iamalive; of Kafka any answer of a broker",
    ),
    Column("documents", LONG, "", "", "number of documents received in this state"),
)
