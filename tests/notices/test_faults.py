# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Each fault of a notice is found, and a notice without one has none."""

from __future__ import annotations

import json

import json_notices
import pytest

from fink_voevent.errors import NoticeError
from fink_voevent.notices import streams, voevent
from fink_voevent.notices.faults import Fault, find_faults
from fink_voevent.notices.formats import read_all
from fink_voevent.notices.normalisation import normalise

# A stream that is known, with defaults, and whose notices name no event.
OURS = """
[[stream]]
name = "example"
pattern = 'ivo://org\\.example/bursts'
messenger = "grb"
default_error_deg = 0.25
"""
PARTS = {
    "root": 'role="observation" version="2.0" ivorn="ivo://org.example/bursts#1"',
    "date": "<Date>2024-01-15T02:10:00</Date>",
    "system": "UTC-ICRS-TOPO",
    "time": "<Time><TimeInstant><ISOTime>2024-01-15T02:00:00</ISOTime></TimeInstant>"
    "</Time>",
    "place": "<C1>10.5</C1><C2>-20.5</C2>",
    "error": "<Error2Radius>0.1</Error2Radius>",
    "cites": "",
    "namespace": "http://www.ivoa.net/xml/VOEvent/v2.0",
}
JSON_NOTICE = {
    "$schema": "https://gcn.nasa.gov/schema/v6/gcn/notices/swift/bat/guano.schema.json",
    "alert_datetime": "2024-01-15T02:10:00Z",
    "trigger_time": "2024-01-15T02:00:00Z",
    "ra": 10.0,
    "dec": 20.0,
    "ra_dec_error": 0.5,
}


def notice(**changes: str) -> bytes:
    """Return a VOEvent without a fault, with some of its parts replaced."""
    part = PARTS | changes
    location = (
        "<WhereWhen><ObsDataLocation><ObservatoryLocation/><ObservationLocation>"
        f'<AstroCoordSystem id="{part["system"]}"/>'
        f'<AstroCoords coord_system_id="{part["system"]}">{part["time"]}'
        f'<Position2D unit="deg"><Value2>{part["place"]}</Value2>{part["error"]}'
        "</Position2D></AstroCoords></ObservationLocation></ObsDataLocation>"
        "</WhereWhen>"
    )
    return (
        f'<voe:VOEvent xmlns:voe="{part["namespace"]}" {part["root"]}>'
        f"<Who>{part['date']}</Who>{location}{part['cites']}</voe:VOEvent>"
    ).encode()


def retraction(cited: str) -> str:
    return f'<Citations><EventIVORN cite="retraction">{cited}</EventIVORN></Citations>'


@pytest.fixture(scope="module")
def known(tmp_path_factory) -> streams.Registry:
    path = tmp_path_factory.mktemp("streams") / "streams.toml"
    path.write_text(OURS)
    return streams.load(str(path))


def faults_of(raw: bytes, registry: streams.Registry) -> list[Fault]:
    row = normalise(raw, registry)
    (document,) = read_all([raw])
    assert not isinstance(document, NoticeError)
    stream, _ = registry.find(document.ivorn, document.values)
    invalid = voevent.find_invalid(raw) if row["schema_valid"] is False else None
    return find_faults(document, stream, row, invalid)


def test_a_notice_as_it_should_be_has_no_fault(known):
    assert faults_of(notice(), known) == []


@pytest.mark.parametrize(
    ("changes", "found", "effect"),
    [
        ({"time": ""}, "no time", "not matched"),
        (
            {"time": PARTS["time"].replace("01-15", "01-00")},
            "'2024-01-00T02:00:00' is not a time",
            "the time of the issue",
        ),
        (
            {"time": PARTS["time"].replace("T02", "T14")},
            "the event is later than the issue",
            "as it is written",
        ),
        (
            {"system": "LOCAL-ICRS-TOPO"},
            "the time scale of 'LOCAL-ICRS-TOPO' is not known",
            "UTC and ICRS are assumed",
        ),
        ({"system": "UTC-FK4-TOPO"}, "the frame of 'UTC-FK4-TOPO'", "ICRS"),
        (
            {"system": "UTC-FK4-TOPO"},
            "attribute 'id': The value 'UTC-FK4-TOPO' is not allowed",
            "read all the same",
        ),
        ({"place": ""}, "no position", "not matched"),
        ({"place": "<C1>0</C1><C2>0</C2>", "error": ""}, "0 0 without", "not matched"),
        (
            {"place": "<C1>10</C1><C2>95</C2>"},
            "'10 95' is not a position: out of",
            "not",
        ),
        ({"place": "<C1>x</C1><C2>5</C2>"}, "they are not two numbers", "not matched"),
        (
            {"error": "<Error2Radius>360</Error2Radius>"},
            "its error is the whole sky",
            "not matched",
        ),
        ({"error": ""}, "no Error2Radius", "15 arcmin is used"),
        (
            {"error": "<Error2Radius>0.0</Error2Radius>"},
            "Error2Radius is '0.0'",
            "15 arcmin is used",
        ),
        ({"date": ""}, "no Who/Date", "which of two notices is later"),
        ({"date": "<Date>today</Date>"}, "'today' is not a date", "is later"),
        (
            {"root": PARTS["root"].replace('role="observation"', "")},
            "no role",
            "taken as an observation",
        ),
        (
            {"root": PARTS["root"].replace("observation", "observe")},
            "the role 'observe' is not known",
            "Comet does not pass it on",
        ),
        (
            {"root": PARTS["root"].replace("observation", "rehearsal")},
            "the word 'rehearsal' for its role, tense or alert type is not known",
            "never matched: it may be a test",
        ),
        (
            {"root": PARTS["root"].replace("#1", "")},
            "the ivorn 'ivo://org.example/bursts' is unusual",
            "kept as it is",
        ),
        (
            {
                "root": PARTS["root"].replace("2.0", "2.1"),
                "namespace": PARTS["namespace"].replace("2.0", "2.1"),
            },
            "it is a VOEvent 2.1",
            "read all the same",
        ),
        (
            {"namespace": "http://www.ivoa.net/xml/VOEvent"},
            "the root element is not in the namespace of VOEvent 2.0",
            "read all the same",
        ),
        (
            {"root": 'broker="x" ' + PARTS["root"]},
            "not valid by the schema of VOEvent 2.0: Element 'VOEvent', attribute",
            "read all the same",
        ),
        (
            {
                "cites": "<Citations><EventIVORN cite='update'>ivo://org.example/b#0"
                "</EventIVORN></Citations>"
            },
            "a citation with cite='update'",
            "not linked",
        ),
    ],
)
def test_a_fault_is_found_and_its_effect_said(known, changes, found, effect):
    faults = faults_of(notice(**changes), known)
    match = next(fault for fault in faults if found in fault.found)
    assert effect in match.effect
    assert match.advice


def test_an_unknown_stream_is_said_with_the_defaults():
    first, *rest = faults_of(notice(), streams.load())
    assert "the stream is not known" in first.found
    assert "an error contains 90 %" in first.effect
    assert rest == []


def test_a_retraction_needs_neither_time_nor_position(known):
    cites = retraction("ivo://org.example/bursts#0")
    raw = notice(time="", place="<C1>0</C1><C2>0</C2>", cites=cites)
    assert faults_of(raw, known) == []


def test_a_retraction_of_a_notice_of_another_publisher_is_a_fault(known):
    (fault,) = faults_of(notice(cites=retraction("ivo://org.other/x#0")), known)
    assert fault.found == (
        "retraction of 'ivo://org.other/x#0', a notice of another publisher"
    )


def test_a_retraction_that_cites_nothing_is_a_fault(known):
    flag = '<What><Param name="Retraction" value="1"/></What>'
    (fault,) = faults_of(notice(cites=flag), known)
    assert "a retraction of nothing" in fault.found


@pytest.mark.parametrize(
    ("missing", "found"),
    [
        ("trigger_time", "no time"),
        ("ra", "no position"),
        ("ra_dec_error", "no ra_dec_error"),
        ("alert_datetime", "no alert_datetime"),
    ],
)
def test_the_faults_of_json_are_in_the_words_of_its_schema(missing, found):
    content = {name: value for name, value in JSON_NOTICE.items() if name != missing}
    content["id"] = ["1"]
    faults = faults_of(json.dumps(content).encode(), streams.load())
    assert found in [fault.found for fault in faults]
    assert not any("Error2Radius" in fault.advice for fault in faults)


def test_an_event_that_is_never_matched_needs_no_position(known):
    utility = PARTS["root"].replace("observation", "utility")
    assert faults_of(notice(root=utility, time=""), known) == []


def test_notices_of_publishers_that_are_known_have_no_fault(datatest):
    registry = streams.load()
    found = {
        path.stem: [fault.found for fault in faults_of(path.read_bytes(), registry)]
        for path in sorted((datatest / "voevents").iterdir())
    }
    assert {name for name, faults in found.items() if faults} == set()


@pytest.mark.parametrize("field", ["alert_tense", "alert_type"])
def test_a_word_of_json_that_is_not_known_is_a_fault(known, field):
    raw = json_notices.gcn("newton/eye", id="7", **{field: "Tomorrow"})
    found = [fault.found for fault in faults_of(raw, known)]
    assert "the word 'Tomorrow' for its role, tense or alert type is not known" in found
