# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from helpers.pipeline import settings_in
from helpers.shown_tables import NIGHT, documents, ingest, match, pair

from fink_voevent.errors import InputError
from fink_voevent.show import detail, listing
from fink_voevent.show.listing import Wanted
from fink_voevent.store.delta import Tables

ALL = Wanted()
GBM = ("grb130702a_alert", "grb130702a_flt_pos", "grb130702a_gnd_pos")


@pytest.fixture(scope="module")
def folder(datatest, tmp_path_factory):
    """Notices of several events, and coincidences; for tests that only read."""
    made = tmp_path_factory.mktemp("shown")
    root = settings_in(made).root
    ingest(root, *documents(datatest, "grb221009a_bat", "icecube170922a"))
    ingest(root, *documents(datatest, "grb221009a_xrt", "s230518h_preliminary"))
    swift = "Swift-1126853"
    match(
        root,
        pair(swift, "sure", p_chance=1e-4, credible_level=0.9),
        pair(swift, "near", credible_level=0.1),
        pair(swift, "gone"),
        pair(swift, "near", alert_id=7, credible_level=0.3),
        pair("IceCube-130033-50579430", None, messenger="neutrino", alert_id=99),
    )
    match(root, pair(swift, "gone", status="withdrawn", event_version=2, batch=1))
    return made


@pytest.fixture
def settings(folder):
    return settings_in(folder)


@pytest.fixture
def tables(settings):
    return Tables(settings.root)


def test_events_are_as_their_current_notice_says(settings, tables):
    found = listing.events(settings, tables, ALL)
    rows = {row["event_id"]: row for row in found.rows}
    assert set(rows) == {"Swift-1126853", "IceCube-130033-50579430", "S230518h"}
    assert found.total == 3
    swift = rows["Swift-1126853"]
    assert swift["instrument"] == "XRT"
    assert swift["error_r90"] < 0.01
    assert (swift["state"], swift["coincidences"]) == ("matched", 3)
    assert swift["p_chance"] == 1e-4
    assert rows["S230518h"]["state"] == "no region"
    assert rows["S230518h"]["p_chance"] is None


def test_events_are_chosen_by_messenger_day_and_number(settings, tables):
    def names(**wanted) -> list[str]:
        found = listing.events(settings, tables, Wanted(**wanted))
        return [row["event_id"] for row in found.rows]

    assert names(messenger="gw") == ["S230518h"]
    assert names(night="20221009") == ["Swift-1126853"]
    assert names(night="20240115", limit=2) == names(limit=2)  # when they were received
    assert names(night="19990101") == []


def test_tests_are_not_listed(datatest, tmp_path):
    settings = settings_in(tmp_path)
    ingest(settings.root, *documents(datatest, "gbm_test"))
    assert listing.events(settings, Tables(settings.root), ALL).rows == []
    with_tests = settings.model_copy(update={"allow_tests": True})
    assert len(listing.events(with_tests, Tables(settings.root), ALL).rows) == 1


def test_coincidences_are_listed_once_the_most_surprising_first(tables):
    found = listing.coincidences(tables, ALL)
    names = [row["object_id"] for row in found.rows]
    assert names == ["sure", "near", None, "near"]
    ended = listing.coincidences(tables, ALL, ("withdrawn",))
    assert [row["object_id"] for row in ended.rows] == ["gone"]


def test_coincidences_are_chosen(tables):
    def count(**wanted) -> tuple[int, int]:
        found = listing.coincidences(tables, Wanted(**wanted))
        return len(found.rows), found.total

    assert count(messenger="neutrino") == (1, 1)
    assert count(night=NIGHT, survey="ztf", limit=2) == (2, 4)
    assert count(survey="rubin") == (0, 0)
    assert count(night="20000101") == (0, 0)


def test_tonight_is_the_last_night_that_was_matched(settings, tables):
    found = listing.tonight(settings, tables, ALL)
    assert (found.night, found.alerts_searched, found.events_matched) == (NIGHT, 200, 3)
    assert found.by_messenger == {"grb": 3, "neutrino": 1}
    assert [row["event_id"] for row in found.events.rows] == ["Swift-1126853"]
    assert not found.has_candidates
    objects = {row["object_id"]: row["detections"] for row in found.candidates.rows}
    assert objects == {"sure": 1, "near": 2, None: 1}


def test_an_event_is_found_by_its_name_and_by_its_notices(settings, tables):
    found = detail.find(settings, tables, "Swift-1126853")
    assert [row["instrument"] for row in found.notices] == ["BAT", "XRT"]
    assert found.event["current_notice_id"] == found.notices[-1]["notice_id"]
    assert [row["status"] for row in found.coincidences].count("withdrawn") == 1
    assert found.coincidences[-1]["status"] == "withdrawn"
    again = detail.find(settings, tables, found.notices[0]["ivorn"])
    assert again == found


def test_an_event_of_tests_is_shown_and_is_not_matched(datatest, tmp_path):
    settings = settings_in(tmp_path)
    ingest(settings.root, *documents(datatest, "gbm_test"))
    tables = Tables(settings.root)
    (name,) = tables.arrow("events", ["event_id"])["event_id"].to_pylist()
    found = detail.find(settings, tables, name)
    assert found.event is None
    assert [row["tense"] for row in found.notices] == ["test"]


def test_an_object_and_an_alert_are_found(settings, tables):
    assert len(detail.find(settings, tables, "near").coincidences) == 2
    assert detail.find(settings, tables, "99").coincidences[0]["alert_id"] == 99


@pytest.mark.parametrize("name", ["swift-11", "Swift-1126854"])
def test_a_name_that_is_not_known_is_answered_by_similar_ones(settings, tables, name):
    with pytest.raises(InputError, match="Swift-1126853"):
        detail.find(settings, tables, name)


@pytest.mark.parametrize("name", ["", "9" * 400, "\x1b[31m", "x' OR '1'='1"])
def test_any_name_is_answered_in_one_line(settings, tables, name):
    with pytest.raises(InputError) as raised:
        detail.find(settings, tables, name)
    assert str(raised.value).isprintable()


def test_related_events_are_shown(datatest, tmp_path):
    settings = settings_in(tmp_path)
    swift, gbm = documents(datatest, "grb221009a_bat", "grb221009a_bat")
    other = gbm.replace(b"1126853", b"1126854")
    ingest(settings.root, swift, other)
    found = detail.find(settings, Tables(settings.root), "Swift-1126853")
    assert found.event["related_event_ids"] == ["Swift-1126854"]
