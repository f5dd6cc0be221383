# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Compaction: the same pairs from few files, sorted by place."""

from __future__ import annotations

from pathlib import Path

import pyarrow.dataset as ds
import pytest
from helpers.pipeline import Pipeline, assert_same

from fink_voevent.match import compaction, earlier_batches
from fink_voevent.match import stage as match_stage
from fink_voevent.store import alert_files, merging
from fink_voevent.store.ledger import Ledger


@pytest.fixture
def pipeline(spark, settings, datatest, monkeypatch):
    monkeypatch.setattr(compaction, "MOST_FILES", 1)
    stages = Pipeline(spark, settings, datatest)
    yield stages
    stages.spool.close()


def compact(pipeline: Pipeline, tonight: str, **changes) -> list[str]:
    settings = pipeline.settings.model_copy(update=changes)
    matched = Ledger(settings.root, match_stage.STAGE).manifests()
    return list(compaction.compact(pipeline.spark, settings, matched, tonight))


def committed(pipeline: Pipeline) -> earlier_batches.EarlierBatches:
    settings = pipeline.settings
    ledgers = [
        Ledger(settings.root, s).manifests() for s in ("match", alert_files.STAGE)
    ]
    return earlier_batches.EarlierBatches.from_manifests(
        pipeline.spark, settings, *ledgers
    )


def alerts(pipeline: Pipeline):
    """All thin alerts."""
    earlier = committed(pipeline)
    return earlier.alerts_in_nights(*(piece.night for piece in earlier.pieces))


def folders(pipeline: Pipeline) -> int:
    """Count the folders with files of alerts."""
    found = Path(pipeline.settings.root, "alerts").rglob("*.parquet")
    return len({path.parent for path in found})


def test_a_late_notice_is_matched_with_a_compacted_night(
    pipeline,
    expected,
):
    for name in ("early", "late"):
        pipeline.alerts(name)
        pipeline.match()
    first, count = pipeline.settings.night, alerts(pipeline).count()
    assert compact(pipeline, "20991231") == [first]
    (piece,) = (p for p in committed(pipeline).pieces if p.files)
    assert len(piece.files) == 1
    index = ds.dataset(f"{pipeline.settings.root}/{piece.files[0]}").to_table()["hpx29"]
    assert index.to_pylist() == sorted(index.to_pylist())
    assert alerts(pipeline).count() == count
    pipeline.another_night("20221012")
    pipeline.notices()
    pipeline.match()
    assert_same(pipeline.current_pairs(), expected)


def piece(night: str, **changes) -> alert_files.AlertFiles:
    return alert_files.AlertFiles(
        night, None, (), (), is_sorted=False, is_thinned=False
    )._replace(**changes)


def test_nights_that_may_go_on_or_were_thinned_are_not_complete(spark, settings):
    nights = ("20240101", "20240102", "20240103")
    earlier = earlier_batches.EarlierBatches(
        spark, settings, (), tuple(map(piece, nights)), 0
    )
    assert earlier.complete_nights("20240103") == ["20240101", "20240102"]
    assert earlier.complete_nights("20240104") == ["20240101", "20240102"]
    assert earlier.complete_nights("20240105") == list(nights)
    thinned = (piece("20240101", is_thinned=True), piece("20240102"))
    assert earlier_batches.EarlierBatches(
        spark, settings, (), thinned, 0
    ).complete_nights("20250101") == ["20240102"]


def test_tonight_and_compacted_nights_are_left_as_they_are(pipeline):
    for name in ("early", "late"):
        pipeline.alerts(name)
        pipeline.match()
    assert compact(pipeline, pipeline.settings.night) == []
    assert len(compact(pipeline, "20991231")) == 1
    assert compact(pipeline, "20991231") == []


def test_replaced_files_are_removed_at_the_next_start(pipeline):
    for name in ("early", "late"):
        pipeline.alerts(name)
        pipeline.match()
    before = folders(pipeline)
    compact(pipeline, "20991231")
    assert folders(pipeline) == before + 1
    count = alerts(pipeline).count()
    compact(pipeline, "20991231")
    assert folders(pipeline) == 1
    assert alerts(pipeline).count() == count > 0


def test_merged_files_of_a_night_are_removed_with_the_replaced_files(
    pipeline,
    expected,
    monkeypatch,
):
    monkeypatch.setattr(merging, "FAN", 2)
    matched = Ledger(pipeline.settings.root, match_stage.STAGE)

    def merge() -> list[str]:
        merging.Housekeeping([matched]).turn(0.0, lambda: False)
        folder = Path(pipeline.settings.root, merging.FOLDER, "alerts")
        return sorted(path.name for path in folder.glob("*.parquet"))

    for name in ("early", "late"):
        pipeline.alerts(name)
        pipeline.match()
    assert merge()
    pipeline.notices()
    pipeline.match()
    assert_same(pipeline.current_pairs(), expected)
    count = alerts(pipeline).count()
    compact(pipeline, "20991231")
    compact(pipeline, "20991231")  # the next start
    assert merge() == []
    assert alerts(pipeline).count() == count > 0


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
    assert len([p for p in committed(pipeline).pieces if p.files]) == 1
    pipeline.match()
    assert_same(pipeline.current_pairs(), expected)


def test_of_old_nights_alerts_that_coincide_are_kept_and_updated(pipeline, expected):
    pipeline.alerts("early", "late")
    pipeline.notices("grb130702a_flt_pos", "grb221009a_bat")
    pipeline.match()
    paired = {row["alert_id"] for row in pipeline.current_pairs()}
    assert compact(pipeline, "20991231", keep_days=30) == [pipeline.settings.night]
    assert {row.alert_id for row in alerts(pipeline).collect()} == paired
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
    count = alerts(pipeline).count()
    compact(pipeline, "20221020", keep_days=30)
    assert alerts(pipeline).count() == count
