# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A coincidence as a JSON notice: the core schema of GCN, with its ``FollowUp``.

Its parts are `Alert`, `Reporter`, `Event`, `DateTime`, `Localization`, `Photometry` and
`FollowUp` of https://gcn.nasa.gov/docs/schema; what they have no word for is in the
object ``coincidence``, named as in our own tables.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from fink_voevent.alerts.surveys import ERROR_DEG
from fink_voevent.alerts.transient import of_packet
from fink_voevent.errors import InputError

TENSES = {
    "observation": "current",
    "test": "test",
    "injection": "injection",
    "prediction": "planned",
    "utility": "commanded",
}
TYPES = {
    "new": "initial",
    "update": "update",
    "withdrawn": "retraction",
    "retracted": "retraction",
}
REFERRED = {"grb": "GRB", "gw": "GW", "neutrino": "neutrino", "frb": "FRB"}
INSTRUMENTS = {"ztf": "ZTF", "rubin": "Rubin"}
CONTAINMENT = 0.68  # of the error of an alert's position
NUMBERS = (
    *("coincidence_id", "status", "event_id", "event_version", "event_time"),
    *("related_event_ids", "separation", "credible_level", "density", "delay"),
    *("prior_activity", "background_rate", "p_chance", "background_id", "batch"),
    "software",
)


def notice(packet: Mapping[str, Any]) -> dict[str, Any]:
    """Notice of a packet.

    Parameters
    ----------
    packet : mapping
        As it goes to a topic: the alert, and the struct ``coincidence``.

    Returns
    -------
    dict
        Without what is not known: no value is null.
    """
    pair = packet["coincidence"]
    return _known(
        {
            # not before both were known: the same whenever it is made
            "alert_datetime": max(pair["alert_time"], pair["notice_received_at"]),
            "alert_tense": TENSES[pair["tense"]],
            "alert_type": TYPES[pair["status"]],
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
            "ref_type": REFERRED.get(pair["messenger"], pair["messenger"]),
            "ref_instrument": pair["stream"],
            "ref_ID": pair["event_id"],
            "reference": {"ivorn": pair["ivorn"]},
            "coincidence": _known({name: pair[name] for name in NUMBERS}),
        }
    )


def encoded(packet: Mapping[str, Any]) -> bytes:
    """`notice` as JSON: the same bytes for the same packet."""
    return json.dumps(notice(packet), allow_nan=False, sort_keys=True).encode()


def _photometry(packet: Mapping[str, Any]) -> dict[str, Any]:
    """Tell what the alert measured, if it is there."""
    if packet["coincidence"]["packet_missing"]:
        return {}
    try:
        seen = of_packet(packet)
    except InputError:  # of an alert without time or place, all else is told
        return {}
    if seen.magnitude is None:
        return {}
    return {
        "filter": seen.band,
        "mag": seen.magnitude,
        "mag_error": seen.magnitude_error,
        "mag_system": "AB",
    }


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if _is_known(value)}


def _is_known(value: Any) -> bool:
    return not (
        value is None or (isinstance(value, float) and not math.isfinite(value))
    )
