# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Compaction: the same pairs from few files, sorted by place."""

from __future__ import annotations

import pytest
from deltalake import DeltaTable
from helpers.delta_tables import commit
from helpers.pipeline import Pipeline, assert_same, settings_in
from pyarrow.parquet import ParquetFile

from fink_voevent.match import compaction
from fink_voevent.match.complete_nights import THIN, complete_nights
from fink_voevent.store.batches import Input
from fink_voevent.store.delta import Tables


@pytest.fixture(autouse=True)
def small_nights_are_compacted(monkeypatch):
    monkeypatch.setattr(compaction, "MOST_FILES", 0)


@pytest.fixture(scope="module")
def two_batches(spark, datatest, tmp_path_factory):
    """Stages that have matched the alerts of a night in two batches."""
    stages = Pipeline(spark, settings_in(tmp_path_factory.mktemp("night")), datatest)
    for name in ("early", "late"):
        stages.alerts(name)
        stages.match()
    yield stages
    stages.spool.close()


@pytest.fixture
def night(two_batches, settings):
    """Stages over a copy of the tables of this night."""
    stages = two_batches.copied(settings)
    yield stages
    stages.spool.close()


def compact(pipeline: Pipeline, tonight: str, **changes) -> list[str]:
    settings = pipeline.settings.model_copy(update=changes)
    return list(compaction.compact(pipeline.spark, settings, tonight))


def alerts(pipeline: Pipeline):
    """All thin alerts."""
    tables = Tables(pipeline.settings.root)
    return tables.arrow("alerts", ["alert_id", "hpx29", "batch"])


def files(pipeline: Pipeline) -> list[str]:
    """Live files of the alerts."""
    return Tables(pipeline.settings.root).live_files("alerts")


def test_a_late_notice_is_matched_with_a_compacted_night(
    night,
    expected,
):
    first, count = night.settings.night, alerts(night).num_rows
    assert compact(night, "20991231") == [first]
    (file,) = files(night)
    path = f"{night.settings.root}/alerts/{file}"
    index = ParquetFile(path).read(["hpx29"])["hpx29"].to_pylist()
    assert index == sorted(index)
    assert alerts(night).num_rows == count
    night.another_night("20221012")
    night.notices()
    night.match()
    assert_same(night.current_pairs(), expected)


def test_nights_that_may_go_on_or_were_thinned_are_not_complete(settings):
    nights = ["20240101", "20240102", "20240103"]
    tables = Tables(settings.root)

    def complete(today: str) -> list[str]:
        return complete_nights(tables, "ztf", today)

    for night in nights:
        commit(settings.root, "match", planned=Input(night=night, survey="ztf"))
    commit(settings.root, "match", planned=Input(night="20240104", survey="rubin"))
    assert complete("20240103") == ["20240101", "20240102"]
    assert complete("20240104") == ["20240101", "20240102"]
    assert complete("20240105") == nights
    commit(settings.root, THIN, planned=Input(night="20240101"))
    assert complete("20250101") == ["20240102", "20240103"]


def test_tonight_and_compacted_nights_are_left_as_they_are(night):
    assert compact(night, night.settings.night) == []
    assert len(compact(night, "20991231")) == 1
    assert compact(night, "20991231") == []


def test_an_earlier_version_of_a_compacted_night_can_be_read(night):
    table = Tables(night.settings.root).table("alerts")
    before, version = alerts(night).num_rows, table.version()
    compact(night, "20991231", keep_days=30)
    assert alerts(night).num_rows == 0
    old = DeltaTable(table.table_uri, version=version)
    assert old.to_pyarrow_dataset().count_rows() == before > 0


def test_a_night_that_goes_on_after_its_compaction_is_complete(pipeline, expected):
    pipeline.alerts("early")
    pipeline.notices()
    pipeline.match()
    compact(pipeline, "20991231")
    pipeline.alerts("late")
    pipeline.match()
    compact(pipeline, "20991231")
    compact(pipeline, "20991231")
    assert len(files(pipeline)) == 1
    pipeline.match()
    assert_same(pipeline.current_pairs(), expected)


def test_of_old_nights_alerts_that_coincide_are_kept_and_updated(pipeline, expected):
    pipeline.alerts("early", "late")
    pipeline.notices("grb130702a_flt_pos", "grb221009a_bat")
    pipeline.match()
    paired = {row["alert_id"] for row in pipeline.current_pairs()}
    assert compact(pipeline, "20991231", keep_days=30) == [pipeline.settings.night]
    assert set(alerts(pipeline)["alert_id"].to_pylist()) == paired
    assert compact(pipeline, "20991231", keep_days=30) == []
    pipeline.notices("grb130702a_gnd_pos", "grb130702a_fin_pos", "grb221009a_xrt")
    pipeline.match()
    events = {row["event_id"] for row in pipeline.current_pairs()}
    assert len(events) == 2
    assert_same(
        pipeline.current_pairs(),
        [
            row
            for row in expected
            if row["event_id"] in events and int(row["alert_id"]) in paired
        ],
    )
    assert {row["status"] for row in pipeline.current_pairs()} == {"update"}


def test_a_night_within_keep_days_keeps_all_its_alerts(night):
    count = alerts(night).num_rows
    compact(night, "20221020", keep_days=30)
    assert alerts(night).num_rows == count
