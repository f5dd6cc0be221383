# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""JSON notices, and the values that should be read in each, as in `traps`."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
from astropy.io import fits
from trap_documents import DATED, Trap

SITE = "https://gcn.nasa.gov/schema/main/gcn/notices"
TIME = {"trigger_time": "2024-01-15T11:58:00.25"}
READ_TIME = {"time": "2024-01-15T11:58:00.250000Z", "time_source": "isotime"}
SENT = {"alert_datetime": "2024-01-15T12:00:00Z"}
PLACE = {"ra": 10.5, "dec": -20.25, "ra_dec_error": 0.5}
READ_PLACE = {"ra": 10.5, "dec": -20.25, "position_kind": "source"}
NO_PLACE = {"ra": None, "dec": None, "position_kind": "none", "cells": None}


def multi_order_map() -> bytes:
    """Return a map of three pixels of two orders.

    They contain 40 %, 32 % and 28 % of the probability; the first is the densest.
    """
    uniq = np.array([4 * 64 + 11, 4 * 16 + 20, 4 * 16 + 21])
    density = np.array([0.4 * 768, 0.32 * 192, 0.28 * 192]) / (4 * np.pi)
    columns = [
        fits.Column("UNIQ", "K", array=uniq),
        fits.Column("PROBDENSITY", "D", unit="sr-1", array=density),
    ]
    table = fits.BinTableHDU.from_columns(columns)
    header = {"ORDERING": "NUNIQ", "COORDSYS": "C", "DISTMEAN": 120.5, "DISTSTD": 30.25}
    table.header.update(header)
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    return stream.getvalue()


def _to_bytes(**content: Any) -> bytes:
    return json.dumps(content, indent=1).encode()


def lvk(kind: str, event: dict[str, Any] | None, **changes: Any) -> bytes:
    """Return an alert of LVK (igwn.gwalert)."""
    content = {
        "alert_type": kind,
        "time_created": "2024-01-15T12:03:00Z",
        "superevent_id": "S240115ab",
        "urls": {"gracedb": "https://gracedb.example/S240115ab"},
        "event": event,
        "external_coinc": None,
    }
    return _to_bytes(**content | changes)


def gcn(path: str, **content: Any) -> bytes:
    """Return a notice of one of GCN's schemas."""
    return _to_bytes(**{"$schema": f"{SITE}/{path}.schema.json"} | content)


MAP = base64.b64encode(multi_order_map()).decode()
EVENT: dict[str, Any] = {
    "time": "2024-01-15T11:58:00.250Z",
    "far": 3.5e-10,
    "significant": True,
    "instruments": ["H1", "L1"],
    "group": "CBC",
    "search": "AllSky",
    "properties": {"HasNS": 1.0},
    "classification": {"BNS": 0.9, "Terrestrial": 0.1},
}
SUPEREVENT = {"event_id": "S240115ab", "messenger": "gw", "schema_valid": None}
GBM = {"id": ["745121685", "bn240115498"], "record_number": 3} | TIME | SENT | PLACE

JSON_NOTICES = (
    Trap("lvk_initial_with_map", lvk("INITIAL", EVENT | {"skymap": MAP}),
         READ_TIME | SUPEREVENT | {"kind": "initial", "position_kind": "map",
         "ra": None, "far": 3.5e-10, "classification": {"HasNS": 1.0, "BNS": 0.9,
         "Terrestrial": 0.1, "CBC": 1.0, "significant": 1.0}, "skymap_state": "read",
         "distance.mean": 120.5, "distance.std": 30.25, "error_r90": None}),
    Trap("lvk_preliminary_without_map", lvk("PRELIMINARY", EVENT),
         READ_TIME | SUPEREVENT | NO_PLACE | {"kind": "initial", "skymap_state": "none",
         "pixels": None}),
    Trap("lvk_map_that_is_torn", lvk("UPDATE", EVENT | {"skymap": MAP[:400]}),
         READ_TIME | SUPEREVENT | NO_PLACE | {"kind": "update", "pixels": None}),
    Trap("lvk_retraction", lvk("RETRACTION", None),
         SUPEREVENT | NO_PLACE | {"kind": "retraction", "time": None,
         "tense": "observation"}),
    Trap("lvk_mock_event", lvk("INITIAL", EVENT, superevent_id="MS240115ab"),
         {"tense": "injection"}),
    Trap("lvk_mock_data", lvk("INITIAL", EVENT | {"search": "MDC"}),
         {"tense": "injection"}),
    Trap("gbm_flight_with_systematics", gcn("fermi/gbm/trigger", **GBM,
         subtype="FLIGHT_POSITION", alert_type="update", containment_probability=0.68,
         systematic_included=True), READ_TIME | READ_PLACE | {"kind": "update",
         "event_id": "GBM-745121685", "version": DATED + 10**13 + 3,
         "error_r90": 0.7107988}),
    Trap("gbm_flight_without_systematics", gcn("fermi/gbm/trigger", **GBM,
         subtype="FLIGHT_POSITION", alert_type="update", containment_probability=0.68),
         READ_PLACE | {"stream": "fermi_gbm_json_flight", "error_r90": 15.7661028}),
    Trap("icecube_track", gcn("icecube/single_neutrino_alerts", **TIME, **SENT, **PLACE,
         id=["137840_57034692"], pipeline="Gold Track Alert", alert_type="initial",
         record_number=1, far=8e-8, p_astro=0.34), READ_PLACE | {"far": 8e-8,
         "event_id": "IceCube-137840-57034692", "error_r90": 0.5,
         "significance.value": 0.34, "messenger": "neutrino"}),
    Trap("icecube_map_beside_the_circle", gcn("icecube/single_neutrino_alerts", **TIME,
         **SENT, **PLACE, id=["1_2"], healpix_file=MAP), READ_PLACE | {
         "skymap_state": "read", "error_r90": 0.5}),
    Trap("chime_retraction_without_date", gcn("chime/frb", **TIME, id="427325191",
         alert_type="retraction"), NO_PLACE | {"kind": "retraction",
         "version": 10**13 - 1, "event_id": "CHIME-FRB-427325191"}),
    Trap("chime_update_without_date", gcn("chime/frb", **TIME, id="427325191",
         alert_type="update"), NO_PLACE | {"kind": "update", "version": 2}),
    Trap("chime_burst_holds_95_percent", gcn("chime/frb", **TIME, **PLACE,
         id="427325191", alert_type="initial"), READ_PLACE | {"containment": 0.95,
         "kind": "initial", "version": 0}),
    Trap("maxi_ellipse", gcn("maxi/gsc.unknown", **TIME, **SENT,
         id="9", record_number=1, ra=10.5, dec=-20.25, ra_dec_error=[0.22, 0.19, 153]),
         READ_PLACE | {"error_raw": 0.22, "error_r90": 0.22,
         "ellipse.angle": 153.0, "area_90": 0.1313187}),
    Trap("maxi_rectangle", gcn("maxi/gsc.unknown", **TIME, **SENT, id="9",
         ra=346.56, dec=18.61, rectangular_error_corners=[[345.72, 19.547],
         [345.464, 19.29], [347.309, 17.634], [347.566, 17.889]]),
         {"error_raw": 1.2397248, "ellipse": None, "area_90": 0.8507684}),
    Trap("superk_test", gcn("superk/sn_alert", **TIME, **SENT, **PLACE, id="SN.1",
         alert_tense="test", containment_probability=0.68), {"tense": "test",
         "containment": 0.68}),
    Trap("injected", gcn("km3net/alert", **TIME, **SENT, **PLACE, id="1",
         alert_tense="injection"), {"tense": "injection"}),
    Trap("planned", gcn("km3net/alert", **TIME, **SENT, **PLACE, id="1",
         alert_tense="planned"), {"tense": "prediction"}),
    Trap("mission_that_is_new", gcn("newton/eye", **TIME, **SENT, **PLACE, id=["7"],
         mission="Newton", instrument="Eye"), READ_TIME | READ_PLACE | {
         "event_id": "newton/eye-7", "observatory": "Newton", "instrument": "Eye",
         "stream": "gcn_json", "live": True, "containment": 0.9}),
    Trap("optical_coincidences_of_others", gcn("boom/alert", **SENT,
         data={"targets": []}), {"live": False}),
)  # fmt: skip
