# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The threads of stages: a failure ends the process, whenever it comes."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from fink_voevent.errors import StorageError
from fink_voevent.ops import stages
from fink_voevent.ops.stages import StageThread
from fink_voevent.store.batches import BatchLog, GivenFiles
from fink_voevent.store.delta import Tables


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
