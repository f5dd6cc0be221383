# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The change from one night to the next leaves no alert unmatched."""

from __future__ import annotations

import logging
import shutil
import threading
from pathlib import Path

import pytest
from helpers.delta_tables import commit
from helpers.pipeline import Pipeline, assert_same, facts

from fink_voevent.errors import InputError
from fink_voevent.match import night_change
from fink_voevent.match import stage as match_stage
from fink_voevent.store.batches import Input

NEXT = "20221012"


@pytest.fixture
def pipeline(spark, settings, datatest):
    stages = Pipeline(spark, settings, datatest)
    yield stages
    stages.spool.close()


def begin(pipeline: Pipeline, name: str) -> None:
    """Start a night that has alerts, as the stages do, and stop it."""
    settings = pipeline.settings.model_copy(update={"night": name})
    shutil.copytree(
        pipeline.data / "alerts", night_change.science_folder(settings, name)
    )
    never = threading.Event()
    stage = night_change.begin(pipeline.spark, settings, name, lambda: never.wait(0.1))
    assert stage is not None
    stage.files.stop()


def matched(pipeline: Pipeline) -> dict[str, int]:
    """Count the matched alerts of each night."""
    counts: dict[str, int] = {}
    for one in facts(pipeline.settings.root, match_stage.STAGE):
        counts[one["night"]] = counts.get(one["night"], 0) + one["alerts"]
    return counts


def test_the_remaining_alerts_of_a_night_are_matched_before_the_next(
    pipeline,
    expected,
):
    pipeline.alerts("early")
    pipeline.notices()
    pipeline.match()
    before = matched(pipeline)[pipeline.settings.night]
    pipeline.alerts("late")  # after the stage was stopped
    begin(pipeline, NEXT)
    assert matched(pipeline)[pipeline.settings.night] > before
    assert_same(pipeline.current_pairs(), expected)


def test_a_night_with_files_that_are_gone_is_logged_and_stops_nothing(pipeline, caplog):
    pipeline.alerts("early")
    pipeline.match()
    pipeline.alerts("late")
    for path in pipeline.science.glob("*.parquet"):
        path.unlink()  # Spark's own list still names them
    with caplog.at_level(logging.INFO):
        begin(pipeline, NEXT)
    assert f"the remaining alerts of night {pipeline.settings.night}" in caplog.text
    assert f"running on night {NEXT}" in caplog.text
    assert "Traceback" not in caplog.text


def test_earlier_nights_are_removed_from_memory(pipeline):
    def cached_tables() -> int:
        return len(pipeline.spark.sparkContext._jsc.getPersistentRDDs())  # noqa: SLF001

    pipeline.alerts("early")
    pipeline.notices()
    pipeline.match()
    assert cached_tables() > 0
    settings = pipeline.settings.model_copy(update={"wait_s": 0.0})
    with pytest.raises(InputError, match="no science alerts"):
        night_change.begin(pipeline.spark, settings, NEXT, lambda: False)
    assert cached_tables() == 0


def test_the_current_night_begins_with_its_first_alert(settings, tmp_path):
    assert not night_change.has_next_night_begun(settings, settings.night)
    no_night = settings.model_copy(update={"night": ""})
    assert not night_change.has_next_night_begun(no_night, "20221009")
    folder = Path(night_change.science_folder(no_night, night_change.today()))
    folder.mkdir(parents=True)
    (folder / "part-0.parquet").touch()
    assert night_change.has_next_night_begun(no_night, "20221009")
    assert not night_change.has_next_night_begun(no_night, night_change.today())


def test_the_last_night_is_one_that_was_begun(settings):
    assert night_change.last_before(settings, "20221009") is None
    for name in ("20221001", "20221008", "20221009"):
        commit(settings.root, "match", planned=Input(night=name, survey="ztf"))
    assert night_change.last_before(settings, "20221009") == "20221008"
