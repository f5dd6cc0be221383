# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Coincidences as JSON notices of GCN's core schema."""

from __future__ import annotations

import json
import math

import pytest

from fink_voevent import followup

WHEN, LATER = "2022-10-09T14:00:00.000000Z", "2022-10-09T14:30:00.000000Z"
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
    "alert_time": WHEN,
    "notice_received_at": LATER,
    "separation": 0.01,
    "credible_level": 0.5,
    "density": 1e6,
    "delay": 0.03,
    "prior_activity": "new",
    "background_rate": None,
    "p_chance": 1e-4,
    "background_id": None,
    "batch": 3,
    "software": "fink-voevent",
    "packet_missing": False,
}
SEEN = {"ra": 288.2645, "dec": 19.7735, "jd": 2459862.08, "magpsf": 16.5, "fid": 1}


def packet(candidate=SEEN, **changes) -> dict:
    alert = {"objectId": "ZTF22abc", "candid": 2105, "candidate": candidate}
    return {**alert, "coincidence": {**PAIR, **changes}}


def test_the_words_are_those_of_the_core_schema():
    told = followup.notice(packet())
    numbers = told.pop("coincidence")
    assert told == {
        "alert_datetime": LATER,
        "alert_tense": "current",
        "alert_type": "initial",
        "mission": "Fink",
        "instrument": "ZTF",
        "messenger": "EM",
        "event_name": "ZTF22abc",
        "id": "2105",
        "observation_start": WHEN,
        "ra": 288.2645,
        "dec": 19.7735,
        "ra_dec_error": pytest.approx(0.1 / 3600),
        "containment_probability": 0.68,
        "filter": "g",
        "mag": 16.5,
        "mag_system": "AB",
        "ref_type": "GRB",
        "ref_instrument": "swift_bat",
        "ref_ID": "Swift-1126853",
        "reference": {"ivorn": PAIR["ivorn"]},
    }
    assert numbers["p_chance"] == 1e-4
    assert numbers["related_event_ids"] == ["Fermi-687014224"]
    assert "background_rate" not in numbers  # no value is null


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("new", "initial"),
        ("update", "update"),
        ("withdrawn", "retraction"),
        ("retracted", "retraction"),
    ],
)
def test_what_takes_a_pair_back_is_a_retraction(status, kind):
    assert followup.notice(packet(status=status))["alert_type"] == kind


def test_tests_and_injections_say_so():
    assert followup.notice(packet(tense="test"))["alert_tense"] == "test"
    assert followup.notice(packet(tense="injection"))["alert_tense"] == "injection"


def test_an_alert_that_is_gone_is_told_without_photometry():
    nulls = dict.fromkeys(SEEN)
    told = followup.notice(packet(nulls, packet_missing=True, object_id=None))
    assert (told["ra"], told["dec"]) == (288.2645, 19.7735)
    assert not {"mag", "filter", "event_name"} & told.keys()


def test_an_alert_that_cannot_be_read_stops_nothing():
    told = followup.notice(packet(SEEN | {"jd": None}))
    assert told["ra"] == 288.2645
    assert "mag" not in told


def test_json_has_no_nan_and_the_same_bytes_for_the_same_packet():
    raw = followup.encoded(packet(SEEN | {"magpsf": math.nan}, p_chance=math.nan))
    assert raw == followup.encoded(packet(SEEN | {"magpsf": math.nan}, p_chance=None))
    assert "mag" not in json.loads(raw)
