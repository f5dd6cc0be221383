# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A packet as it is sent to a topic: a ZTF alert and its coincidence."""

from __future__ import annotations

ALERT_TIME, NOTICE_TIME = "2022-10-09T14:00:00.000000Z", "2022-10-09T14:30:00.000000Z"
PAIR = {
    "coincidence_id": "9f3c",
    "status": "new",
    "event_id": "Swift-1126853",
    "event_version": 1,
    "event_time": "2022-10-09T13:16:59.000000Z",
    "related_event_ids": ["Fermi-687014224"],
    "stream": "swift_bat",
    "messenger": "grb",
    "tense": "observation",
    "ivorn": "ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_1126853-1",
    "survey": "ztf",
    "alert_id": 2105,
    "object_id": "ZTF22abc",
    "alert_ra": 288.2645,
    "alert_dec": 19.7735,
    "alert_time": ALERT_TIME,
    "notice_received_at": NOTICE_TIME,
    "separation": 0.01,
    "credible_level": 0.5,
    "density": 1e6,
    "delay": 0.03,
    "prior_activity": "new",
    "background_rate": None,
    "p_chance": 1e-4,
    "background_id": None,
    "event_significant": None,
    "candidate_class": "fresh",
    "candidate_rank": 1,
    "candidate_nature": "source",
    "candidate_detections": 2,
    "onset_from": -0.4,
    "onset_to": 0.03,
    "expected_unrelated": 1e-4,
    "batch": 3,
    "software": "fink-voevent",
    "packet_missing": False,
}
CANDIDATE = {"ra": 288.2645, "dec": 19.7735, "jd": 2459862.08, "magpsf": 16.5, "fid": 1}


def packet(candidate=CANDIDATE, **changes) -> dict:
    alert = {"objectId": "ZTF22abc", "candid": 2105, "candidate": candidate}
    return {**alert, "coincidence": {**PAIR, **changes}}
