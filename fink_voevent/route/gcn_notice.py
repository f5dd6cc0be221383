# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A coincidence as a JSON notice in the core schema of GCN, with its ``FollowUp``.

The notice consists of the parts `Alert`, `Reporter`, `Event`, `DateTime`,
`Localization`, `Photometry` and `FollowUp` of https://gcn.nasa.gov/docs/schema. Values
that these have no field for are in the object ``coincidence``, named as in our tables.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from fink_voevent.alerts.surveys import ERROR_DEG
from fink_voevent.alerts.transient import from_packet
from fink_voevent.errors import InputError

# Values of GCN's fields for the values of ours.
ALERT_TENSES = {
    "observation": "current",
    "test": "test",
    "injection": "injection",
    "prediction": "planned",
    "utility": "commanded",
    "unknown": "test",  # it is not an observation
}
ALERT_TYPES = {
    "new": "initial",
    "update": "update",
    "withdrawn": "retraction",
    "retracted": "retraction",
}
REF_TYPES = {"grb": "GRB", "gw": "GW", "neutrino": "neutrino", "frb": "FRB"}
INSTRUMENTS = {"ztf": "ZTF", "rubin": "Rubin"}

CONTAINMENT = 0.68  # probability that the position's error circle contains the object
COINCIDENCE_FIELDS = (
    *("coincidence_id", "status", "event_id", "event_version", "event_time"),
    *("related_event_ids", "separation", "credible_level", "density", "delay"),
    *("prior_activity", "background_rate", "p_chance", "background_id", "batch"),
    *("candidate_class", "candidate_rank", "candidate_nature", "onset_from"),
    *("onset_to", "expected_unrelated", "candidate_detections", "event_significant"),
    "software",
)


def compose(packet: Mapping[str, Any]) -> dict[str, Any]:
    """Return the notice of a packet.

    Parameters
    ----------
    packet : mapping
        A packet as it is sent to a topic: the columns of Fink's alert, and the struct
        ``coincidence`` with the columns of the table coincidences, times as ISO
        strings, and ``packet_missing``.

    Returns
    -------
    dict
        Fields without a value are left out: no value is null.
    """
    pair = packet["coincidence"]
    return _without_nulls(
        {
            # The moment when alert and notice were both known. It does not depend on
            # when this function runs, so that the same packet gives the same notice.
            "alert_datetime": max(pair["alert_time"], pair["notice_received_at"]),
            "alert_tense": ALERT_TENSES[pair["tense"]],
            "alert_type": ALERT_TYPES[pair["status"]],
            "mission": "Fink",
            "instrument": INSTRUMENTS[pair["survey"]],
            "messenger": "EM",
            "event_name": pair["object_id"],
            "id": str(pair["alert_id"]),
            "observation_start": pair["alert_time"],
            "ra": pair["alert_ra"],
            "dec": pair["alert_dec"],
            "ra_dec_error": ERROR_DEG[pair["survey"]],
            "containment_probability": CONTAINMENT,
            **_photometry(packet),
            "ref_type": REF_TYPES.get(pair["messenger"], pair["messenger"]),
            "ref_instrument": pair["stream"],
            "ref_ID": pair["event_id"],
            "reference": {"ivorn": pair["ivorn"]},
            "coincidence": _without_nulls(
                {name: pair[name] for name in COINCIDENCE_FIELDS}
            ),
        }
    )


def encode(packet: Mapping[str, Any]) -> bytes:
    """Return the notice of a packet as JSON: the same bytes for the same packet."""
    return json.dumps(compose(packet), allow_nan=False, sort_keys=True).encode()


def _photometry(packet: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `Photometry`; empty if the alert has no magnitude."""
    if packet["coincidence"]["packet_missing"]:
        return {}
    try:
        transient = from_packet(packet)
    except InputError:  # an alert without time or position; the rest is still sent
        return {}
    if transient.magnitude is None:
        return {}
    return {
        "filter": transient.band,
        "mag": transient.magnitude,
        "mag_error": transient.magnitude_error,
        "mag_system": "AB",
    }


def _without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    """Drop values that are None, NaN or infinite."""
    return {
        name: value
        for name, value in values.items()
        if value is not None
        and not (isinstance(value, float) and not math.isfinite(value))
    }
