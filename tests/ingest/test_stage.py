# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The stage ingest goes on, whatever lands."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.hostile import HONEST, KINDS, gcn_json
from helpers.landed import landed
from helpers.pipeline import finish

from fink_voevent.ingest import attempts, stage
from fink_voevent.ops import quarantine
from fink_voevent.store.batches import FIRST, BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.store.unread import UnreadFiles, all_files

SURROGATE = gcn_json(note="a\ud800b")


@pytest.fixture
def ingest(pipeline):
    """Run the stage until it has processed what has landed; return its tables."""

    def run() -> tuple[set[str], list[str]]:
        finish(stage.start(pipeline.spark, pipeline.settings))
        root = pipeline.settings.root
        tables = Tables(root)
        last = BatchLog(tables, stage.STAGE).last_done()
        rows = tables.rows_of("events", ["ivorn"], FIRST, last)
        found = rows["ivorn"].to_pylist()
        assert len(found) == len(set(found))
        reasons = quarantine.documents(root)["reason"].to_pylist()
        return {i.rpartition("#")[2] for i in found}, reasons

    return run


def landed_files(pipeline) -> list[Path]:
    return sorted(Path(pipeline.settings.root, "landing").rglob("*.parquet"))


def test_hostile_documents_are_in_quarantine_and_the_next_ones_are_read(
    pipeline, ingest
):
    hostile = [make() for make, right in KINDS.values() if right != "event"]
    pipeline.land(HONEST % 1, *hostile, HONEST % 2)
    events, reasons = ingest()
    assert events == {"1", "2"}
    assert len(reasons) == len(hostile)
    pipeline.land(HONEST % 3)
    events, reasons = ingest()
    assert events == {"1", "2", "3"}
    assert len(reasons) == len(hostile)


def test_a_torn_landing_file_is_left_out_and_read_once_it_is_whole(pipeline, ingest):
    pipeline.land(HONEST % 1)
    pipeline.land(HONEST % 2)
    torn = landed_files(pipeline)[0]
    whole = torn.read_bytes()
    torn.write_bytes(whole[: len(whole) // 2])
    events, _ = ingest()
    assert len(events) == 1
    unread = UnreadFiles(pipeline.settings.root, stage.STAGE)
    (file,) = all_files(pipeline.settings.root)
    assert file.path.endswith(torn.name)
    torn.write_bytes(whole)
    unread._write(replace(file, tried_at="2024-01-01T00:00:00+00:00"))  # due
    pipeline.land(HONEST % 3)
    events, _ = ingest()
    assert events == {"1", "2", "3"}
    assert unread.files() == []


def test_a_document_that_ended_the_stage_twice_is_set_aside_until_a_retry(
    pipeline, ingest
):
    root = pipeline.settings.root
    pipeline.land(HONEST % 0)
    ingest()
    pipeline.land(HONEST % 1, HONEST % 2, HONEST % 3)
    record = attempts.Attempts(f"{root}/attempts/{stage.STAGE}/000000001")
    assert not record.begin()
    folder = Path(record.folder)
    for number, count in ((1, 1), (2, 2)):  # left by attempts that ended the stage
        name = hashlib.sha256(HONEST % number).hexdigest()
        (folder / name).write_text(str(count))
    events, reasons = ingest()
    assert events == {"0", "1", "3"}
    assert reasons == [attempts.REASON]
    assert not folder.exists()
    assert quarantine.retry_documents(root, "no such reason") == 0
    assert quarantine.retry_documents(root, "reading it was stopped") == 1
    events, reasons = ingest()
    assert events == {"0", "1", "2", "3"}
    assert reasons == []


def test_a_document_that_is_refused_again_stays_in_quarantine_once(pipeline, ingest):
    pipeline.land(SURROGATE)
    assert len(ingest()[1]) == 1
    assert quarantine.retry_documents(pipeline.settings.root) == 1
    assert len(ingest()[1]) == 1


def test_files_of_landing_are_removed_and_their_documents_are_kept(pipeline, ingest):
    pipeline.land(HONEST % 1, SURROGATE)
    pipeline.land(HONEST % 2)
    landing = Path(pipeline.settings.root, "landing")
    others = landing / "of-another-program.parquet"
    rows = landed(HONEST % 3).select(["raw"])
    pq.write_table(pa.Table.from_batches([rows]), others)
    events, _ = ingest()
    assert events == {"1", "2", "3"}
    assert landed_files(pipeline) == [others]
    kept = Tables(pipeline.settings.root).arrow("documents", ["raw"])
    expected = [HONEST % 1, HONEST % 2, HONEST % 3, SURROGATE]
    assert sorted(kept["raw"].to_pylist()) == sorted(expected)
    assert ingest()[0] == events
    assert len(Tables(pipeline.settings.root).arrow("documents", ["raw"])) == 4


def test_a_file_that_the_listener_writes_again_is_removed(pipeline, ingest):
    """As after a crash between its last two steps: the file is complete already."""
    pipeline.land(HONEST % 1)
    (file,) = landed_files(pipeline)
    content = file.read_bytes()
    ingest()
    assert not file.exists()
    file.write_bytes(content)
    assert ingest()[0] == {"1"}
    assert not file.exists()
