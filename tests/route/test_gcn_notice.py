# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Coincidences as JSON notices of GCN's core schema."""

from __future__ import annotations

import json
import math

import pytest
from helpers.packets import LATER, PAIR, SEEN, WHEN, packet

from fink_voevent.route import gcn_notice


def test_the_words_are_those_of_the_core_schema():
    told = gcn_notice.notice(packet())
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
    assert gcn_notice.notice(packet(status=status))["alert_type"] == kind


def test_tests_and_injections_say_so():
    assert gcn_notice.notice(packet(tense="test"))["alert_tense"] == "test"
    assert gcn_notice.notice(packet(tense="injection"))["alert_tense"] == "injection"


def test_an_alert_that_is_gone_is_told_without_photometry():
    nulls = dict.fromkeys(SEEN)
    told = gcn_notice.notice(packet(nulls, packet_missing=True, object_id=None))
    assert (told["ra"], told["dec"]) == (288.2645, 19.7735)
    assert not {"mag", "filter", "event_name"} & told.keys()


def test_an_alert_that_cannot_be_read_stops_nothing():
    told = gcn_notice.notice(packet(SEEN | {"jd": None}))
    assert told["ra"] == 288.2645
    assert "mag" not in told


def test_json_has_no_nan_and_the_same_bytes_for_the_same_packet():
    raw = gcn_notice.encoded(packet(SEEN | {"magpsf": math.nan}, p_chance=math.nan))
    assert raw == gcn_notice.encoded(packet(SEEN | {"magpsf": math.nan}, p_chance=None))
    assert "mag" not in json.loads(raw)
