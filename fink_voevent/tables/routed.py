# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of coincidences that were routed to topics, each with its candidate."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from fink_voevent.tables.candidates import CANDIDATES
from fink_voevent.tables.coincidences import COINCIDENCES
from fink_voevent.tables.column import FLAG, TEXT, Column

# Columns of the candidate in a packet, and in the table routed, by their name there:
# the columns of the coincidence itself are those of its alert.
CANDIDATE_COLUMNS = {
    "candidate_class": "class",
    "candidate_rank": "rank",
    "candidate_nature": "nature",
    "onset_from": "onset_from",
    "onset_to": "onset_to",
    "expected_unrelated": "expected_unrelated",
    "candidate_chance": "p_chance",
    "candidate_level": "credible_level",
    "candidate_detections": "detections",
    "candidate_span": "detection_span",
    "fast_rise": "fast_rise",
    "magnitude_peak": "magnitude_peak",
    "fastest_rate": "magnitude_rate",
}
# Column of a packet that is not one of the candidate: see `ROUTED`.
REPORT_COLUMN = "reports_candidate"
_CANDIDATE = {column.name: column for column in CANDIDATES}

ROUTED = (
    *COINCIDENCES,
    *(
        replace(
            _CANDIDATE[source],
            name=name,
            null="no candidate",
            meaning=f"{source} of the candidate, see the table candidates",
        )
        for name, source in CANDIDATE_COLUMNS.items()
    ),
    Column(
        REPORT_COLUMN,
        FLAG,
        "",
        "an earlier version has sent it",
        "whether the packet is the one that reports the candidate to the topics silver"
        " and gold, or reports that its tier, class or nature has changed: see"
        " reported_alert_id in the table candidates",
    ),
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
