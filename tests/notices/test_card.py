# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The card of a notice has what a person on shift looks for."""

from __future__ import annotations

import base64
import json

import json_notices
import pytest

from fink_voevent.notices import streams
from fink_voevent.notices.card import WIDTH, card
from fink_voevent.notices.normalisation import normalise
from fink_voevent.notices.quantities import format_area
from fink_voevent.sky import skymap


def fields(raw: bytes) -> dict[str, str]:
    """Return the text of each line of a card by its label; the first of warnings."""
    found: dict[str, str] = {}
    label = ""
    for line in card(raw, streams.load()):
        label = line[:16].strip() or label
        found[label] = f"{found.get(label, '')} {line[16:]}".strip()
    return found


def test_the_card_of_a_burst(datatest):
    raw = (datatest / "voevents" / "grb130702a_fin_pos.xml").read_bytes()
    burst = "ivo://nasa.gsfc.gcn/Fermi#GBM"
    assert fields(raw) == {
        "event": "GBM-394416326",
        "notice": "update (observation)",
        "publisher": "Fermi GBM, final position",
        "messenger": "gamma-ray burst",
        "stream": "fermi_gbm_final",
        "ivorn": f"{burst}_Fin_Pos_2013-07-02T00:05:23.08_394416326_0-115",
        "event time": "2013-07-02 00:05:23.08 UTC",
        "issued": "2013-07-02 01:05:00 UTC, 59.6 min after the event",
        "position": "ra 218.81000  dec +12.25000 deg (ICRS)",
        "error": "4.02 deg, contains 68 %; 90 % within 9.19 deg with systematic errors",
        "region": "circle: 50 % in 64.4 deg2, 90 % in 265 deg2",
        "matched": "yes",
        "window": "2013-07-02 00:05 to 2013-07-09 00:05 UTC (0 d to +7 d)",
        "follows up": f"{burst}_Alert_2013-07-02T00:05:23.08_394416326_1-110",
    }


def test_the_card_of_a_sky_map(datatest):
    raw = (datatest / "json" / "lvk_initial_with_map.json").read_bytes()
    found = fields(raw)
    assert found["position"] == "that of the sky map"
    assert found["false alarms"] == "0.011 /yr (one in 90.5 yr)"
    assert found["classes"] == (
        "CBC 100 %, significant 100 %, HasNS 100 %, BNS 90 %, Terrestrial 10 %"
    )
    assert found["distance"] == "120.5 +- 30.2 Mpc"
    content = json.loads(raw)["event"]["skymap"]
    sky_map = skymap.read(base64.b64decode(content))
    half, most = (format_area(sky_map.area_deg2(level)) for level in (0.5, 0.9))
    assert found["region"] == f"sky map: 50 % in {half}, 90 % in {most}"


@pytest.mark.parametrize(
    ("name", "shape"),
    [("maxi_ellipse.json", "ellipse"), ("maxi_rectangle.json", "error box")],
)
def test_the_areas_of_a_region_contain_50_and_90_percent(datatest, name, shape):
    raw = (datatest / "json" / name).read_bytes()
    region = fields(raw)["region"]
    assert region.startswith(shape)
    row = normalise(raw, streams.load())
    assert f"90 % in {format_area(row['area_90'])}" in region


@pytest.mark.parametrize(
    ("folder", "name", "matched"),
    [
        ("voevents", "grb221009a_bat.xml", "yes"),
        ("voevents", "gbm_test.xml", "no: it is a test (VOEVENT_ALLOW_TESTS)"),
        ("voevents", "s230518h_preliminary.xml", "no: it has no region, unless"),
        ("voevents", "grb130702a_alert.xml", "no: it has no region, unless another"),
        ("traps", "bat_known_source_is_off.xml", "no: its stream is not (live = false"),
        ("traps", "lvk_has_no_position.xml", "in time only, until its sky map"),
        ("traps", "nothing_but_an_ivorn.xml", "no: it has no time, unless another"),
        ("traps", "lvk_retraction_by_citation.xml", "no: it retracts the event"),
        ("traps", "prediction.xml", "no: it is a prediction"),
        ("json", "lvk_mock_event.json", "no: it is an injection"),
    ],
)
def test_the_card_says_whether_alerts_are_matched(datatest, folder, name, matched):
    raw = (datatest / folder / name).read_bytes()
    assert fields(raw)["matched"].startswith(matched)


def test_the_card_of_any_notice_of_the_test_data_is_narrow(datatest):
    for folder in ("voevents", "traps", "json"):
        for path in sorted((datatest / folder).iterdir()):
            for line in card(path.read_bytes(), streams.load()):
                # An identifier is not broken, so that it can be copied.
                assert len(line) <= WIDTH or " " not in line[16:].strip(), line


def test_a_notice_with_a_word_that_is_not_known_is_not_matched():
    raw = json_notices.gcn("newton/eye", id="7", alert_tense="Tomorrow", ra=1, dec=2)
    assert fields(raw)["matched"] == "no: its role, tense or alert type is not known"
