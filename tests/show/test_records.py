# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What is on record: the same from the tables of the services and from a match."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from helpers.committed import commit, commit_notices
from helpers.example_events import write_match

from fink_voevent.config.load import load
from fink_voevent.errors import InputError
from fink_voevent.show import records
from fink_voevent.tables.schema import arrow_schema


@pytest.fixture(scope="module")
def match(tmp_path_factory):
    return write_match(tmp_path_factory.mktemp("records") / "match")


@pytest.fixture(scope="module")
def settings(match, registry, tmp_path_factory):
    folder, notices = match
    prefix = tmp_path_factory.mktemp("services")
    made = load({}, {"data_prefix": str(prefix)}).settings
    commit_notices(made.root, registry, notices)
    pairs = pq.read_table(folder / "coincidences.parquet")
    candidates = pq.read_table(folder / "candidates.parquet")
    commit(made.root, "match", {"coincidences": pairs, "candidates": candidates})
    return made


def test_the_tables_of_the_services_give_what_the_match_gives(match, settings):
    folder, notices = match
    ours = records.from_tables(settings)
    theirs = records.from_match(settings, str(folder), notices)
    assert ours.names() == theirs.names()
    for one, other in zip(
        ours.read(ours.names()), theirs.read(theirs.names()), strict=True
    ):
        assert one.event_id == other.event_id
        assert [n["notice_id"] for n in one.notices] == [
            n["notice_id"] for n in other.notices
        ]
        assert one.region.area_deg2(0.9) == other.region.area_deg2(0.9)
        assert one.coincidences == other.coincidences
        assert one.window_days == other.window_days


def test_notices_are_in_their_order_and_the_region_is_that_of_the_current(settings):
    found = records.from_tables(settings)
    (record,) = found.read(["Swift-1126853"])
    assert [n["instrument"] for n in record.notices] == ["BAT", "XRT"]
    assert record.region.radius_deg(0.9) < 0.01  # XRT's, not BAT's
    assert record.window_days == (0.0, 7.0)


def test_a_batch_that_is_not_done_does_not_count(match, registry, tmp_path):
    _, notices = match
    made = load({}, {"data_prefix": str(tmp_path)}).settings
    commit_notices(made.root, registry, notices[:1])
    commit_notices(made.root, registry, notices[1:], is_done=False)
    assert records.from_tables(made).names() == ["S170817a"]


def test_days_count_back_from_the_latest_event(settings):
    found = records.from_tables(settings)
    assert found.names(30) == ["EP-11900080130"]
    assert len(found.names(4000)) == 3


def test_no_tables_no_event_and_no_notice_are_errors(match, settings, tmp_path):
    empty = load({}, {"data_prefix": str(tmp_path)}).settings
    with pytest.raises(InputError, match="no notices in"):
        records.from_tables(empty)
    with pytest.raises(InputError, match="no event GRB 1"):
        records.from_tables(settings).check(["GRB 1"])
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="no notice found"):
        records.from_match(settings, str(match[0]), [str(tmp_path / "nothing")])


def test_coincidences_of_an_earlier_version_are_refused_by_name(tmp_path):
    schema = arrow_schema("coincidences")
    old = schema.empty_table().drop_columns(["prior_activity"])
    pq.write_table(old, tmp_path / "coincidences.parquet")
    none = arrow_schema("candidates").empty_table()
    pq.write_table(none, tmp_path / "candidates.parquet")
    settings = load({}, {}).settings
    with pytest.raises(InputError, match="lacks prior_activity"):
        records.from_match(settings, str(tmp_path), ["x"])
