# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Columns of candidates: an object and an event, with all alerts that coincide."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from fink_voevent.tables.alerts import ALERTS
from fink_voevent.tables.coincidences import COINCIDENCES
from fink_voevent.tables.column import FLAG, LONG, REAL, TEXT, TIME, Column

_PAIR = {column.name: column for column in COINCIDENCES}
_ALERT = {column.name: column for column in ALERTS}
# Columns of the event that a candidate has as its newest coincidence has them.
CANDIDATE_EVENT_COLUMNS = (
    *("event_version", "event_issued", "ivorn", "notice_id", "notice_received_at"),
    *("stream", "messenger", "tense", "event_time"),
)
HOST_COLUMNS = (
    *("host", "host_separation", "host_distance", "host_distance_error"),
    "host_chance",
)
_NOT_FOUND = "no background rate, or it is not known there"

CANDIDATES = (
    _PAIR["event_id"],
    _PAIR["survey"],
    Column(
        "object_id",
        TEXT,
        "",
        "",
        "objectId (ZTF) or diaObjectId (Rubin); an alert without object is a candidate"
        " of its own, with the name alert-ALERT_ID",
    ),
    Column(
        "status",
        TEXT,
        "",
        "",
        "new, update, withdrawn (no alert of the object is left in the region and the"
        " window) or retracted (so is the event)",
    ),
    Column(
        "reason",
        TEXT,
        "",
        "new or update",
        "why it is withdrawn or retracted, with the notice",
    ),
    Column(
        "class",
        TEXT,
        "",
        "",
        "fresh (its onset is after the event, with an upper limit shortly before or"
        " later), fresh_unknown (without such a limit), flaring (an active nucleus or"
        " another extragalactic object that is brighter than its reference, during the"
        " event) or other",
    ),
    Column(
        "onset_from",
        REAL,
        "d",
        "no upper limit before the first detection",
        "elapsed time (TAI) from the event to the last upper limit before the first"
        " detection",
    ),
    Column(
        "onset_to",
        REAL,
        "d",
        "",
        "elapsed time (TAI) from the event to the first detection on record; to the"
        " first alert, if no packet says more",
    ),
    Column(
        "expected_unrelated",
        REAL,
        "candidates",
        _NOT_FOUND,
        "expected number of unrelated candidates of the class that rank as high for"
        " this event: a small value is surprising",
    ),
    Column(
        "p_chance",
        REAL,
        "0-1",
        _NOT_FOUND,
        "probability that there is at least one such candidate",
    ),
    Column(
        "rank",
        LONG,
        "",
        "withdrawn or retracted",
        "position among the candidates of the event when the row was written: 1 is the"
        " most surprising",
    ),
    Column(
        "total_unrelated",
        REAL,
        "candidates",
        _NOT_FOUND,
        "expected number of unrelated candidates of the class, with as many detections"
        " (one or two), in the region and the window, divided by the share of the class"
        " in the budget of the event",
    ),
    Column(
        "place_share",
        REAL,
        "0-1",
        _NOT_FOUND,
        "share of unrelated candidates that lie at places as probable",
    ),
    Column(
        "onset_share",
        REAL,
        "0-1",
        "the class has no onset, or the window of the event is not known",
        "share of the window that is as near to the event as the first detection",
    ),
    Column(
        "distance_share",
        REAL,
        "0-1",
        "no host, or no distance of the event",
        "share of unrelated hosts whose distance agrees as well with the event",
    ),
    Column(
        "strength_share",
        REAL,
        "0-1",
        "not flaring, or too few flares were counted",
        "share of unrelated flares that are as strong, by flux_change",
    ),
    Column(
        "background_id",
        TEXT,
        "",
        _NOT_FOUND,
        "snapshot of background rates that was used",
    ),
    Column(
        "is_upper_limit",
        FLAG,
        "",
        _NOT_FOUND,
        "whether the rate is an upper limit, because too little was counted",
    ),
    Column(
        "nature",
        TEXT,
        "",
        "",
        "what the object is, as far as its packets say: moving (of the Solar System),"
        " variable (a known variable or binary star), star, galactic (another known"
        " object of the Galaxy), negative (fainter than its reference, or only in bad"
        " alerts brighter), active_nucleus or source (none of these)",
    ),
    Column("object_ra", REAL, "deg, ICRS", "", "right ascension of the best alert"),
    Column("object_dec", REAL, "deg, ICRS", "", "declination of the best alert"),
    Column(
        "best_alert_id",
        LONG,
        "",
        "",
        "alert with the smallest credible_level, of several the first; it gives the"
        " position, separation and density",
    ),
    replace(_PAIR["separation"], meaning="angle between the best alert and the event"),
    Column("credible_level", REAL, "0-1", "", "smallest of its alerts"),
    Column("density", REAL, "sr-1", "", "probability density at the best alert"),
    Column("first_detection", TIME, "UTC", "", "first detection on record"),
    Column(
        "last_non_detection",
        TIME,
        "UTC",
        "none in the packets",
        "last upper limit before first_detection",
    ),
    Column("last_detection", TIME, "UTC", "", "time of the last alert"),
    Column(
        "detections",
        LONG,
        "",
        "",
        "number of detections on record: as many as the packet with the most has, or"
        " good alerts, if these are more",
    ),
    Column(
        "detection_span",
        REAL,
        "d",
        "",
        "time between two detections that are known: in one packet, or of good alerts",
    ),
    Column(
        "fast_rise",
        FLAG,
        "",
        "",
        "whether a good alert is 1 mag or more above the upper limit in its packet, a"
        " day or less after it",
    ),
    Column("magnitude_first", REAL, "mag, AB", "no good alert", "of the first alert"),
    Column("magnitude_latest", REAL, "mag, AB", "no good alert", "of the last alert"),
    Column("magnitude_peak", REAL, "mag, AB", "no good alert", "of the brightest"),
    Column(
        "magnitude_rate",
        REAL,
        "mag d-1",
        "no good alert with a rate",
        "fastest change of its alerts; positive if it fades",
    ),
    replace(_ALERT["flux_change"], meaning="largest flux_change of its good alerts"),
    Column("quality", REAL, "0-1", "not scored", "largest quality of its alerts"),
    Column(
        "positive",
        FLAG,
        "",
        "unknown",
        "whether the source is brighter than in the reference image in a good alert",
    ),
    replace(_ALERT["stellar"], meaning="whether it is a star, by any of its alerts"),
    replace(
        _ALERT["variable"],
        meaning="whether it is a known variable or binary star, by any of its alerts",
    ),
    replace(
        _ALERT["active_nucleus"],
        meaning="whether it is a known active galactic nucleus or blazar, by any of its"
        " alerts",
    ),
    replace(
        _ALERT["moving"],
        meaning="whether it is of the Solar System, by any of its alerts",
    ),
    replace(
        _ALERT["extragalactic"],
        meaning="whether it is known to be extragalactic, by any of its alerts; false"
        " for a known object of the Galaxy or the Solar System",
    ),
    _ALERT["redshift"],
    *(_ALERT[name] for name in HOST_COLUMNS),
    *(_PAIR[name] for name in CANDIDATE_EVENT_COLUMNS),
    _PAIR["related_event_ids"],
    Column(
        "alert_ids",
        pa.list_(LONG),
        "",
        "",
        "its alerts in the region and the window; those before, if it is withdrawn or"
        " retracted",
    ),
    _PAIR["software"],
    Column(
        "reported_alert_id",
        LONG,
        "",
        "neither silver nor gold, or no alert was good enough to report it",
        "alert that reports the candidate to the topics silver and gold; of this batch,"
        " or, if nothing has changed since, of an earlier one",
    ),
    Column(
        "reported_as",
        TEXT,
        "",
        "an earlier version has written the row",
        "tier, class and nature that this alert reports, separated by spaces; empty if"
        " there is no such alert",
    ),
)
