# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""JSON notices of coincidences in the core schema of GCN."""

from __future__ import annotations

import json
import math

import pytest
from helpers.packets import ALERT_TIME, CANDIDATE, NOTICE_TIME, PAIR, packet

from fink_voevent.route import gcn_notice


def test_fields_and_values_are_those_of_the_core_schema():
    notice = gcn_notice.compose(packet())
    numbers = notice.pop("coincidence")
    assert notice == {
        "alert_datetime": NOTICE_TIME,
        "alert_tense": "current",
        "alert_type": "initial",
        "mission": "Fink",
        "instrument": "ZTF",
        "messenger": "EM",
        "event_name": "ZTF22abc",
        "id": "2105",
        "observation_start": ALERT_TIME,
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
def test_the_status_of_a_pair_gives_the_type_of_its_notice(status, kind):
    assert gcn_notice.compose(packet(status=status))["alert_type"] == kind


def test_tests_and_injections_are_marked():
    assert gcn_notice.compose(packet(tense="test"))["alert_tense"] == "test"
    assert gcn_notice.compose(packet(tense="injection"))["alert_tense"] == "injection"


def test_a_notice_of_a_missing_alert_has_no_photometry():
    nulls = dict.fromkeys(CANDIDATE)
    notice = gcn_notice.compose(packet(nulls, packet_missing=True, object_id=None))
    assert (notice["ra"], notice["dec"]) == (288.2645, 19.7735)
    assert not {"mag", "filter", "event_name"} & notice.keys()


def test_a_notice_of_an_alert_without_time_has_no_photometry():
    notice = gcn_notice.compose(packet(CANDIDATE | {"jd": None}))
    assert notice["ra"] == 288.2645
    assert "mag" not in notice


def test_nan_is_left_out_as_null_is():
    raw = gcn_notice.encode(packet(CANDIDATE | {"magpsf": math.nan}, p_chance=math.nan))
    assert raw == gcn_notice.encode(
        packet(CANDIDATE | {"magpsf": math.nan}, p_chance=None)
    )
    assert "mag" not in json.loads(raw)


@pytest.mark.parametrize(
    "changes",
    [
        {"jd": 1e300},
        {"jd": -math.inf},
        {"fid": []},
        {"magpsf": "bright"},
        {"magpsf": math.inf, "ra": math.nan},
    ],
    ids=str,
)
def test_odd_values_of_an_alert_are_left_out_of_its_notice(changes):
    raw = gcn_notice.encode(packet(CANDIDATE | changes))
    notice = json.loads(raw)
    assert notice["ra"] == 288.2645
    assert "mag" not in notice


def test_any_text_and_number_can_be_in_a_notice():
    texts = {"event_id": "\ud800", "ivorn": "\x00\x1b", "object_id": "\u202e"}
    odd = packet(separation=math.inf, alert_ra=math.nan, density=-math.inf, **texts)
    notice = json.loads(gcn_notice.encode(odd))
    assert notice["reference"] == {"ivorn": "\x00\x1b"}
    assert not {"ra"} & notice.keys()
    assert not {"separation", "density"} & notice["coincidence"].keys()
