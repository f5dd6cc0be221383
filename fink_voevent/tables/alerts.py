# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of thin alerts: what ZTF and Rubin both say of an alert."""

from __future__ import annotations

from fink_voevent.tables.column import FLAG, LONG, REAL, TEXT, TIME, Column

ALERTS = (
    Column("survey", TEXT, "", "", "ztf or rubin"),
    Column("night", TEXT, "YYYYMMDD", "", "Fink's night"),
    Column("alert_id", LONG, "", "", "candid or diaSourceId"),
    Column("object_id", TEXT, "", "no object", "objectId or diaObjectId"),
    Column("alert_ra", REAL, "deg, ICRS", "", "right ascension"),
    Column("alert_dec", REAL, "deg, ICRS", "", "declination"),
    Column("hpx29", LONG, "HEALPix order 29, nested", "", "index of the position"),
    Column("x", REAL, "", "", "unit vector, towards ra 0, dec 0"),
    Column("y", REAL, "", "", "unit vector, towards ra 90 deg, dec 0"),
    Column("z", REAL, "", "", "unit vector, towards dec 90 deg"),
    Column("alert_time", TIME, "UTC", "", "mid-exposure"),
    Column("first_detection", TIME, "UTC", "unknown", "earliest detection on record"),
    Column(
        "last_non_detection",
        TIME,
        "UTC",
        "none on record",
        "latest upper limit before the first detection",
    ),
    Column("magnitude", REAL, "mag, AB", "not measured", "of the difference image"),
    Column(
        "magnitude_rate",
        REAL,
        "mag d-1",
        "no earlier detection in the band",
        "change since the detection before, 0.02 d earlier at least; positive fades",
    ),
    Column("band", TEXT, "", "unknown", "filter"),
    Column("quality", REAL, "0-1", "not scored", "real (1) or bogus (0)"),
    Column(
        "extragalactic",
        FLAG,
        "",
        "unknown",
        "false for a known star, asteroid or other object of the Galaxy or nearer",
    ),
    Column("packet_file", TEXT, "", "", "Fink's file that holds the packet"),
)
