# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of thin alerts, the same for ZTF and Rubin."""

from __future__ import annotations

from fink_voevent.tables.column import FLAG, LONG, REAL, TEXT, TIME, Column

ALERTS = (
    Column("survey", TEXT, "", "", "ztf or rubin"),
    Column("night", TEXT, "YYYYMMDD", "", "Fink's name of the night"),
    Column(
        "alert_id",
        LONG,
        "",
        "",
        "identifier of the alert: candid (ZTF) or diaSourceId (Rubin)",
    ),
    Column("object_id", TEXT, "", "no object", "objectId (ZTF) or diaObjectId (Rubin)"),
    Column("alert_ra", REAL, "deg, ICRS", "", "right ascension of the alert"),
    Column("alert_dec", REAL, "deg, ICRS", "", "declination of the alert"),
    Column("hpx29", LONG, "HEALPix order 29, nested", "", "index of the position"),
    Column("x", REAL, "", "", "unit vector: towards ra 0, dec 0"),
    Column("y", REAL, "", "", "unit vector: towards ra 90 deg, dec 0"),
    Column("z", REAL, "", "", "unit vector: towards dec 90 deg"),
    Column("alert_time", TIME, "UTC", "", "middle of the exposure"),
    Column(
        "first_detection", TIME, "UTC", "unknown", "earliest detection in the packet"
    ),
    Column(
        "last_non_detection",
        TIME,
        "UTC",
        "none in the packet",
        "latest upper limit before the first detection",
    ),
    Column(
        "magnitude",
        REAL,
        "mag, AB",
        "not measured",
        "magnitude in the difference image",
    ),
    Column(
        "magnitude_rate",
        REAL,
        "mag d-1",
        "no earlier detection in the band",
        "change since the previous detection in the band, at least 0.02 d earlier;"
        " positive if it fades",
    ),
    Column("band", TEXT, "", "unknown", "filter of the exposure"),
    Column(
        "quality",
        REAL,
        "0-1",
        "not scored",
        "score of the survey: real (1) or bogus (0)",
    ),
    Column(
        "extragalactic",
        FLAG,
        "",
        "unknown",
        "false for a known object of the Galaxy or the Solar System",
    ),
    Column("packet_file", TEXT, "", "", "Fink's file that contains the packet"),
)
