# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What a page says: the sentence, the reasons, the notices and what they changed."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from helpers.example_events import judged, write_match

from fink_voevent.config.load import load
from fink_voevent.show import candidates, records
from fink_voevent.show.event_page import event_page
from fink_voevent.show.packets import read_packets
from fink_voevent.show.records import EventRecord


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    folder, notices = write_match(tmp_path_factory.mktemp("known") / "match")
    settings = load({}, {}).settings
    found = records.from_match(settings, str(folder), notices)
    return {record.event_id: record for record in found.read(found.names())}


def page_of(record: EventRecord):
    messenger = record.current["messenger"]
    ranked = candidates.of_event(record.coincidences, record.candidates, messenger)
    packets = read_packets([c.rows[-1] for c in ranked.candidates[:8]])
    return event_page(record, ranked, packets)


def with_changes(record: EventRecord, **changes) -> EventRecord:
    rows = tuple(row | changes for row in record.coincidences)
    return replace(record, coincidences=rows, candidates=tuple(judged(rows)))


@pytest.mark.parametrize(
    ("event", "what", "verdict"),
    [
        (
            "S170817a",
            "Gravitational wave, most likely two neutron stars (100 %), 40 ± 8 Mpc,"
            " 2017-08-17 12:41:04 UTC, 90 % within 89 deg².",
            "Point at AT2017gfo: new 10.9 h after the event, fading 0.9 mag a day (r),"
            " 4 detections, in the inner 3 % of the region, near a galaxy at 40 Mpc, as"
            " far as the event; 0.004 unrelated objects like it are expected.",
        ),
        (
            "Swift-1126853",
            "Gamma-ray burst, 2022-10-09 14:10:17 UTC, 90 % within 118 arcsec².",
            "Point at ZTF22aaaagrb: new 5.0 h after the event, fading 1 mag a day (r),"
            " 4 detections, in the inner 19 % of the region; 0.0004 unrelated objects"
            " like it are expected.",
        ),
        (
            "EP-11900080130",
            "X-ray transient, 2024-04-14 09:50:12 UTC, 90 % within 28.3 arcmin².",
            "Point at 169298433216610349: new 3.1 h after the event, rising 0.3 mag a"
            " day (r), 4 detections, in the inner 46 % of the region; 0.006 unrelated"
            " objects like it are expected.",
        ),
    ],
)
def test_one_sentence_says_what_happened_and_what_to_point_at(
    known, event, what, verdict
):
    page = page_of(known[event])
    assert page.what == what
    assert page.verdict.text == verdict
    assert page.sentence == f"{what} {verdict}"


def test_a_candidate_that_chance_gives_is_not_worth_a_telescope(known):
    dull = with_changes(known["Swift-1126853"], p_chance=0.9)
    text = page_of(dull).verdict.text
    assert text.startswith("Nothing is worth a telescope yet: the best of 1, ZTF22")
    assert "2.3 unrelated objects like it are expected" in text


def test_without_rates_the_page_says_that_it_does_not_know(known):
    unknown = with_changes(known["Swift-1126853"], p_chance=None)
    page = page_of(unknown)
    assert page.verdict.text.startswith("Look first at ZTF22aaaagrb: ")
    assert "no rates of such objects were measured" in page.verdict.text
    assert page.candidates[0].expected == "–"


def test_without_candidates_the_page_says_so(known):
    stars = with_changes(known["Swift-1126853"], extragalactic=False)
    assert page_of(stars).verdict.text == (
        "Nothing to point at: none of the 1 objects in its region and window can belong"
        " to it."
    )
    assert "1 other known objects of the Galaxy" in page_of(stars).counts
    empty = replace(known["Swift-1126853"], coincidences=())
    page = page_of(empty)
    assert page.verdict.text == "No alert lies in its region and window so far."
    assert page.searched[0].startswith("No alert of the survey after the event")
    assert page.searched_share == 0


def test_a_retracted_event_has_nothing_to_observe(known):
    record = known["S170817a"]
    issued = datetime(2017, 8, 18, tzinfo=timezone.utc)
    last = dict(record.current) | {
        "kind": "retraction",
        "notice_type": "RETRACTION",
        "issued": issued,
        "notice_id": "the-retraction",
    }
    gone = with_changes(record, status="retracted", notice_id="the-retraction")
    page = page_of(replace(gone, notices=(*record.notices, last)))
    assert page.verdict.text == (
        "Retracted by its publisher (2017-08-18 00:00:00 UTC): nothing to observe."
    )
    assert page.candidates == ()
    assert {one.reason for one in page.withdrawn} == {
        "the event was retracted by the notice of 2017-08-18 00:00:00 UTC"
    }
    assert page.notices[-1].changed == ("retracts the event",)
    assert page.notices[-1].alerts.endswith(" retracted")


def test_a_withdrawn_candidate_is_listed_with_the_reason(known):
    page = page_of(known["S170817a"])
    (gone,) = page.withdrawn
    assert gone.candidate.name == "ZTF17aaa0010"
    assert gone.reason == (
        "no longer in the region or window, according to the notice of 2017-08-17"
        " 17:54:51 UTC"
    )


def test_the_notices_say_what_each_changed(known):
    """BAT's position of GRB 221009A, then XRT's."""
    first, second = page_of(known["Swift-1126853"]).notices
    assert first.changed[0] == "first notice"
    assert any("moved by" in text for text in second.changed)
    assert any("90 % region from" in text for text in second.changed)
    assert (first.alerts, second.alerts) == ("none", "4 new")


def test_a_test_is_never_taken_for_an_event(known):
    record = known["S170817a"]
    fake = replace(record, notices=(dict(record.current) | {"tense": "injection"},))
    assert "injection: not a real event" in page_of(fake).what


def sun_separation_deg(ra: float, dec: float) -> float:
    """Angle to the Sun at GW170817, from the low-precision formula of the Almanac."""
    days = (known_time() - datetime(2000, 1, 1, 12, tzinfo=timezone.utc)).days
    anomaly = math.radians(357.528 + 0.9856003 * days)
    longitude = math.radians(
        280.46
        + 0.9856474 * days
        + 1.915 * math.sin(anomaly)
        + 0.02 * math.sin(2 * anomaly)
    )
    tilt = math.radians(23.439)
    sun = (
        math.cos(longitude),
        math.cos(tilt) * math.sin(longitude),
        math.sin(tilt) * math.sin(longitude),
    )
    a, d = math.radians(ra), math.radians(dec)
    place = (math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d))
    product = sum(x * y for x, y in zip(sun, place, strict=True))
    return math.degrees(math.acos(product))


def known_time() -> datetime:
    return datetime(2017, 8, 17, 12, 41, 4, tzinfo=timezone.utc)


def test_the_event_has_its_numbers_with_their_meaning(known):
    facts = {fact.label: fact for fact in page_of(known["S170817a"]).facts}
    assert facts["False alarms"].value == "1 in 3,168,809 years"
    assert facts["Area"].value == "50 % in 26.9 deg², 90 % in 89 deg²"
    assert facts["Window"].value == "0 to +14 d"
    degrees = re.match(r"Sun (\d+)°, Moon (\d+)° ", facts["Distance to"].value)
    region = known["S170817a"].region
    assert int(degrees[1]) == round(sun_separation_deg(region.ra, region.dec))
    links = {link.text: link.address for link in page_of(known["S170817a"]).links}
    assert links["GraceDB"] == "https://gracedb.ligo.org/superevents/S170817a/view/"


def test_the_searched_part_is_a_lower_bound(known):
    page = page_of(known["S170817a"])
    assert 0 < page.searched_share < 1
    assert page.searched[0].startswith("At least ")
    small = page_of(known["EP-11900080130"])
    assert small.searched_share == pytest.approx(1)
    assert small.searched[0].startswith("All of the probability was observed by Rubin")


def test_alerts_before_the_event_search_nothing(known):
    record = with_changes(known["EP-11900080130"], delay=-0.5)
    assert page_of(record).searched_share == 0


def test_an_object_that_was_there_before_says_so(known):
    record = known["EP-11900080130"]
    early = record.event_time - timedelta(days=30)
    rows = with_changes(record, prior_activity="active", first_detection=early)
    neutrino = dict(record.current) | {"messenger": "neutrino"}
    page = page_of(replace(rows, notices=(neutrino,)))
    assert "first seen 30 d before the event" in page.candidates[0].why
