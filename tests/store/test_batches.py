# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A batch is planned, then done; of two processes, one continues."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.delta_tables import commit, rows_of

from fink_voevent.errors import StorageError
from fink_voevent.store import batches, upkeep
from fink_voevent.store.batches import Batch, BatchLog, GivenFiles, Input
from fink_voevent.store.delta import Tables

INPUT = Input(("/a/b.parquet",), {"ingest": 3, "maps": -1}, "20240115", "ztf")


@pytest.fixture
def root(tmp_path) -> str:
    return str(tmp_path / "voevent")


def log_of(root: str, stage: str = "match") -> BatchLog:
    """Return a log as another process opens it."""
    return BatchLog(Tables(root), stage)


def pair(number: int, batch: int = 1) -> dict:
    return {"coincidence_id": str(number), "alert_id": number, "batch": batch}


def test_before_the_first_batch_nothing_is_done(root):
    log = log_of(root)
    assert log.last_done() == -1
    assert log.unfinished() is None
    assert log.facts() == []
    assert log.newest_planned("ztf", 10) is None


def test_a_planned_batch_is_found_with_its_input_until_it_is_done(root):
    planned = log_of(root).plan(INPUT)
    assert planned == Batch("match", 0, INPUT)
    assert log_of(root).unfinished() == planned
    assert log_of(root).last_done() == -1
    log_of(root).finish(planned, {"pairs": 1})
    assert log_of(root).unfinished() is None
    assert log_of(root).last_done() == 0
    assert log_of(root).facts() == [{"pairs": 1}]


def test_stages_are_numbered_apart_and_batch_0_is_a_batch(root):
    for stage in ("match", "route", "match"):
        commit(root, stage, planned=INPUT)
    assert [log_of(root, s).last_done() for s in ("match", "route", "ingest")] == [
        *(1, 0, -1)
    ]
    log = log_of(root)
    assert (log.last_done("route"), log.last_done("ingest")) == (0, -1)


def test_the_last_batch_of_a_survey_is_found(root):
    for survey in ("ztf", "rubin", "ztf"):
        commit(root, "match", planned=Input(survey=survey))
    log = log_of(root)
    assert log.newest_planned("rubin", 3).number == 1
    assert log.newest_planned("ztf", 2).number == 0
    assert log.newest_planned("ztf", 3).number == 2
    assert log.nights() == set()


def test_files_of_a_night_are_those_of_its_batches(root):
    commit(root, "match", planned=Input(("a", "b"), night="20240115"))
    commit(root, "match", planned=Input(("c",), night="20240116"))
    log_of(root).plan(Input(("d",), night="20240115"))  # not done, and consumed
    assert log_of(root).files_of_night("20240115") == {"a", "b", "d"}
    assert log_of(root).all_files() == {"a", "b", "c", "d"}
    assert log_of(root).nights() == {"20240115", "20240116"}


@pytest.mark.parametrize("is_fresh", [False, True], ids=["stale", "fresh"])
def test_of_two_processes_that_do_the_same_batch_one_stops_in_one_line(root, is_fresh):
    """The first is paused between its work and its commit, and goes on later."""
    commit(root, "match", coincidences=[pair(0, 0)])
    paused = log_of(root)
    batch = paused.plan(INPUT)
    rows = rows_of("coincidences", [pair(1), pair(2)])
    other = log_of(root)
    assert other.unfinished() == batch
    other.tables.append_rows("coincidences", rows, "match", batch.number)
    other.finish(batch, {})
    if is_fresh:
        paused = log_of(root)
    written = paused.tables.append_rows("coincidences", rows, "match", batch.number)
    assert written.rows == 2  # those of the other process, not two more
    with pytest.raises(StorageError, match="another process runs match") as error:
        paused.finish(batch, {})
    assert len(str(error.value).splitlines()) == 1
    found = Tables(root).arrow("coincidences", ["alert_id"])["alert_id"].to_pylist()
    assert sorted(found) == [0, 1, 2]
    assert log_of(root).last_done() == 1


def test_a_process_that_was_overtaken_cannot_plan(root):
    paused = log_of(root)
    paused.last_done()
    commit(root, "match", planned=INPUT)
    planned = log_of(root).plan(INPUT)
    with pytest.raises(StorageError, match="another process"):
        paused.plan(INPUT)
    assert log_of(root).unfinished() == planned


def test_a_power_cut_during_a_commit_is_one_sentence_and_the_batch_is_done_again(root):
    commit(root, "match", coincidences=[pair(0, 0)])
    log = log_of(root)
    batch = log.plan(INPUT)
    rows = rows_of("coincidences", [pair(1)])
    log.tables.append_rows("coincidences", rows, "match", batch.number)
    version = log.tables.table("coincidences").version()
    last = log.tables.root + f"/coincidences/_delta_log/{version:020d}.json"
    for content in (b"", b'{"add":{"pa', b"[]\n"):
        Path(last).write_bytes(content)
        with pytest.raises(StorageError, match="empty or damaged") as error:
            Tables(root).table("coincidences")
        assert last in str(error.value)
    Path(last).unlink()
    again = log_of(root)
    assert again.unfinished() == batch
    again.tables.append_rows("coincidences", rows, "match", batch.number)
    again.finish(batch, {})
    found = Tables(root).arrow("coincidences", ["alert_id"])["alert_id"].to_pylist()
    assert sorted(found) == [0, 1]


class Numbers:
    """A stage that records the files that it is given."""

    def __init__(self, root: str, *files: str, fails_at: str = "") -> None:
        self.log, self.files = log_of(root, "ingest"), GivenFiles(files)
        self.fails_at, self.did = fails_at, []

    def next_input(self) -> Input | None:
        files = self.files.take()
        return Input(tuple(files)) if files else None

    def process(self, batch: Batch) -> dict:
        if self.fails_at in batch.input.files:
            raise RuntimeError(self.fails_at)
        self.did.append(batch.input.files)
        return {"files": len(batch.input.files)}

    def finished(self, batch: Batch, facts: dict) -> None:
        assert self.log.last_done() == batch.number
        assert facts["files"] == len(batch.input.files)


def test_a_batch_that_failed_is_done_first_with_its_own_input(root):
    stage = Numbers(root, "a", "b", fails_at="b")
    with pytest.raises(RuntimeError):
        batches.do_all(stage)
    again = Numbers(root, "c")
    batches.do_all(again)
    assert again.did == [("a", "b"), ("c",)]
    assert log_of(root, "ingest").last_done() == 1


def test_tables_are_not_made_beside_those_of_an_earlier_version(root):
    earlier = Path(root, "ledger", "ingest", "a-00000000.json")
    earlier.parent.mkdir(parents=True)
    earlier.write_text("{}")
    log = log_of(root)
    for use in (log.last_done, log.identity, lambda: log.plan(INPUT)):
        with pytest.raises(StorageError, match="run `fink_voevent upgrade` once"):
            use()
    assert not Path(root, "batches").exists()


def test_the_table_of_batches_stays_small(root, monkeypatch):
    monkeypatch.setattr(upkeep, "MAX_SMALL_FILES", 10)
    stage = Numbers(root)
    for number in range(30):
        stage.files.add(str(number))
        batches.do_all(stage)
    tables = Tables(root)
    assert len(tables.live_files(batches.BATCHES)) <= 10
    log = log_of(root, "ingest")
    assert log.all_files() == {str(number) for number in range(30)}
    assert log.planned(17).input.files == ("17",)
    assert len(log.facts()) == 30
