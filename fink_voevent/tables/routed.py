# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of coincidences that were routed to topics."""

from __future__ import annotations

import pyarrow as pa

from fink_voevent.tables.coincidences import COINCIDENCES
from fink_voevent.tables.column import TEXT, Column

ROUTED = (
    *COINCIDENCES,
    Column("topics", pa.list_(TEXT), "", "", "topics to which the packet was sent"),
    Column(
        "classification",
        TEXT,
        "",
        "the alert has none, or no longer exists",
        "class of the object according to Fink: that of SIMBAD if it is known there",
    ),
    Column(
        "fink_version",
        TEXT,
        "",
        "not in the alert, or the alert no longer exists",
        "versions of fink-broker and fink-science that processed the alert",
    ),
)
