# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Compaction: the same pairs from few files, sorted by place."""

from __future__ import annotations

import pytest
from deltalake import DeltaTable
from helpers.delta_tables import commit
from helpers.pipeline import Pipeline, assert_same
from pyarrow.parquet import ParquetFile

from fink_voevent.match import compaction
from fink_voevent.match.complete_nights import THIN, complete_nights
from fink_voevent.store.batches import Input
from fink_voevent.store.delta import Tables


@pytest.fixture
def pipeline(spark, settings, datatest, monkeypatch):
    monkeypatch.setattr(compaction, "MOST_FILES", 0)
    stages = Pipeline(spark, settings, datatest)
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
    pipeline,
    expected,
):
    for name in ("early", "late"):
        pipeline.alerts(name)
        pipeline.match()
    first, count = pipeline.settings.night, alerts(pipeline).num_rows
    assert compact(pipeline, "20991231") == [first]
    (file,) = files(pipeline)
    path = f"{pipeline.settings.root}/alerts/{file}"
    index = ParquetFile(path).read(["hpx29"])["hpx29"].to_pylist()
    assert index == sorted(index)
    assert alerts(pipeline).num_rows == count
    pipeline.another_night("20221012")
    pipeline.notices()
    pipeline.match()
    assert_same(pipeline.current_pairs(), expected)


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


def test_tonight_and_compacted_nights_are_left_as_they_are(pipeline):
    for name in ("early", "late"):
        pipeline.alerts(name)
        pipeline.match()
    assert compact(pipeline, pipeline.settings.night) == []
    assert len(compact(pipeline, "20991231")) == 1
    assert compact(pipeline, "20991231") == []


def test_an_earlier_version_of_a_compacted_night_can_be_read(pipeline):
    for name in ("early", "late"):
        pipeline.alerts(name)
        pipeline.match()
    table = Tables(pipeline.settings.root).table("alerts")
    before, version = alerts(pipeline).num_rows, table.version()
    compact(pipeline, "20991231", keep_days=30)
    assert alerts(pipeline).num_rows == 0
    old = DeltaTable(table.table_uri, version=version)
    assert old.to_pyarrow_dataset().count_rows() == before > 0


def test_a_night_that_goes_on_after_its_compaction_is_complete(pipeline, expected):
    pipeline.alerts("early")
    pipeline.match()
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


def test_a_night_within_keep_days_keeps_all_its_alerts(pipeline):
    pipeline.alerts("early", "late")
    pipeline.match()
    count = alerts(pipeline).num_rows
    compact(pipeline, "20221020", keep_days=30)
    assert alerts(pipeline).num_rows == count
