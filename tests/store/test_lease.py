# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""One process at a time runs a stage; of two processes, the later one commits."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.pipeline import Pipeline
from pyspark.errors import StreamingQueryException

from fink_voevent.errors import StorageError
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.store.lease import MARK, Fence, hold
from fink_voevent.store.ledger import Ledger


def test_only_one_process_runs_the_stages_on_a_root(tmp_path):
    with (
        hold(str(tmp_path), "match"),
        pytest.raises(StorageError, match="another process"),
    ):
        with hold(str(tmp_path), "match"):
            pass


def test_of_two_starts_only_the_later_one_continues(tmp_path):
    first = Fence.take(str(tmp_path), "match")
    first.check()
    second = Fence.take(str(tmp_path), "match")
    with pytest.raises(StorageError, match="another process was started"):
        first.check()
    second.check()
    Fence.take(str(tmp_path), "route")  # of another stage
    second.check()


def test_of_two_simultaneous_starts_only_one_continues(tmp_path):
    first = Fence.take(str(tmp_path), "match")
    number = first.name.partition("-")[0]
    for digit, others in (("0", 1), ("g", 0)):
        Path(first.store.path, f"{number}-{digit}{MARK}").touch()
        if others:
            first.check()
    with pytest.raises(StorageError):
        first.check()


def test_numbers_increase_and_only_the_last_one_is_kept(tmp_path):
    taken = [Fence.take(str(tmp_path), "match").name for _ in range(3)]
    assert taken == sorted(taken)
    assert [p.name for p in Path(tmp_path, "fences", "match").iterdir()] == taken[-1:]


def test_a_stage_that_was_started_elsewhere_commits_nothing(spark, settings, datatest):
    pipeline = Pipeline(spark, settings, datatest)
    query = ingest_stage.start(spark, settings)
    Fence.take(settings.root, ingest_stage.STAGE)
    pipeline.notices()
    try:
        with pytest.raises(StreamingQueryException, match="another process was start"):
            query.processAllAvailable()
    finally:
        query.stop()
        pipeline.spool.close()
    assert Ledger(settings.root, ingest_stage.STAGE).manifests() == []
