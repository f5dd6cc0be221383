# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Stages in one process: a failure ends it, and the clock may jump."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from helpers.pipeline import Pipeline, assert_same, facts, has_matched_all
from helpers.programs import wait_for

from fink_voevent.errors import StorageError
from fink_voevent.match import night_change
from fink_voevent.ops import stages
from fink_voevent.ops.stages import StageThread
from fink_voevent.store.batches import BatchLog, GivenFiles
from fink_voevent.store.delta import Tables

LIMIT_S = 180.0  # on a busy machine


@dataclass
class FailingStage:
    """A stage whose first look for input fails."""

    log: BatchLog
    files: GivenFiles = field(default_factory=GivenFiles)

    def next_input(self):
        raise StorageError("the store cannot be read")

    def process(self, batch):
        raise AssertionError

    def finished(self, batch, facts):
        raise AssertionError


def thread_of(root, stage: str) -> StageThread:
    started = StageThread(
        FailingStage(BatchLog(Tables(str(root)), stage)), 0.0, lambda: None
    )
    started.join(30)
    return started


def test_a_failure_of_match_at_the_change_of_night_is_raised(tmp_path):
    running = [thread_of(tmp_path, "match"), thread_of(tmp_path, "ingest")]
    with pytest.raises(StorageError, match="cannot be read"):
        stages._stop_match(running)
    assert [one.stage for one in running] == ["ingest"]


@dataclass
class Clock:
    """A clock that jumps: the UTC day, as `night_change.today` returns it."""

    day: str
    seen: set[str] = field(default_factory=set)

    def today(self) -> str:
        self.seen.add(self.day)
        return self.day


@pytest.fixture
def pipeline(spark, settings, datatest) -> Iterator[Pipeline]:
    made = Pipeline(spark, settings, datatest)
    yield made
    made.spool.close()


def test_the_view_is_the_same_if_the_clock_jumps_over_midnight(
    pipeline, expected, monkeypatch, caplog
):
    """A day ends; then the clock goes back an hour, and forward a day and an hour."""
    first, second, third = pipeline.settings.night, "20221010", "20221011"
    clock, stop, failures = Clock(first), threading.Event(), []
    monkeypatch.setattr(night_change, "today", clock.today)
    pipeline.alerts("early")
    pipeline.notices()
    pipeline.another_night(second)
    pipeline.alerts("late")
    changes = {"night": "", "warmup_notices": 0, "wait_s": 5.0}
    settings = pipeline.settings.model_copy(update=changes)

    def running() -> list[str]:
        found = [r for r in caplog.records if "is running on night" in r.msg]
        return [record.args[0] for record in found]

    def nights_with_alerts() -> set[str]:
        done = facts(settings.root, "match")
        return {one["night"] for one in done if one["alerts"]}

    def jump() -> None:
        try:
            wait_for(lambda: first in nights_with_alerts(), LIMIT_S)
            clock.day = second
            wait_for(lambda: second in nights_with_alerts(), LIMIT_S)
            wait_for(lambda: has_matched_all(settings.root), LIMIT_S)
            clock.day = first
            wait_for(lambda: running() == [first, second, first], LIMIT_S)
            clock.day = third  # which has no alerts
            wait_for(lambda: third in clock.seen)
            clock.day = second
            wait_for(lambda: running() == [first, second, first, second], LIMIT_S)
        except AssertionError as error:
            failures.append(error)
        finally:
            stop.set()

    jumps = threading.Thread(target=jump)
    with caplog.at_level(logging.INFO):
        jumps.start()
        stages.run(settings, stop, ("ingest", "match"))
        jumps.join()
    assert failures == []
    assert_same(pipeline.current_pairs(), expected)
