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
        "first_detection",
        TIME,
        "UTC",
        "unknown",
        "earliest detection that the packet knows of; a single one before its upper"
        " limits, which it does not contain, is left out",
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
        "no earlier detection in the band, or not positive",
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
    Column(
        "positive",
        FLAG,
        "",
        "unknown, or a dipole",
        "whether the source is brighter than in the reference image",
    ),
    Column(
        "stellar",
        FLAG,
        "",
        "unknown",
        "whether the object is a star: a reliable star within 1.5 arcsec, and no"
        " evidence that it is extragalactic",
    ),
    Column(
        "variable",
        FLAG,
        "",
        "unknown",
        "whether the object is a known variable or binary star of the Galaxy",
    ),
    Column(
        "active_nucleus",
        FLAG,
        "",
        "unknown",
        "whether the object is a known active galactic nucleus or blazar",
    ),
    Column(
        "moving",
        FLAG,
        "",
        "unknown: a single detection, and no known object of the Solar System",
        "whether the object is of the Solar System",
    ),
    Column(
        "redshift",
        REAL,
        "",
        "unknown",
        "redshift of the object or of its host in the packet",
    ),
    Column(
        "host",
        TEXT,
        "",
        "no host in the packet, a star, or a moving object",
        "name of the most probable host galaxy",
    ),
    Column(
        "host_separation",
        REAL,
        "deg",
        "no host, or its position is not in the packet",
        "angle between the alert and the host",
    ),
    Column("host_distance", REAL, "Mpc", "unknown", "luminosity distance of the host"),
    Column(
        "host_distance_error",
        REAL,
        "Mpc",
        "unknown",
        "standard deviation of host_distance",
    ),
    Column(
        "host_chance",
        REAL,
        "0-1",
        "no host",
        "probability that the host is there by chance (Bloom et al. 2002,"
        " AJ 123, 1111)",
    ),
    Column(
        "detections",
        LONG,
        "",
        "written by an earlier version",
        "number of detections of the object in the packet, this one included",
    ),
    Column(
        "detection_span",
        REAL,
        "d",
        "written by an earlier version",
        "time from the first to the last detection in the packet: 0 of a single one",
    ),
    Column(
        "limit_magnitude",
        REAL,
        "mag, AB",
        "no last_non_detection",
        "upper limit of last_non_detection, five times the noise",
    ),
    Column(
        "flux_change",
        REAL,
        "mag",
        "no flux of the reference image",
        "total brightness against the reference image: positive if it is brighter",
    ),
    Column("packet_file", TEXT, "", "", "Fink's file that contains the packet"),
)
