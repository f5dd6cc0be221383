# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Small files are merged: readers of any of them get the same rows from few files."""

from __future__ import annotations

import itertools
import math
import shutil
import tempfile
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.pipeline import Pipeline, assert_same
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from fink_voevent.store import arrow_tables, merging
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.ledger import Ledger, Manifest
from fink_voevent.tables.schema import arrow_schema

TABLE = "quarantine"


def commit_rows(root: Path, batches: range) -> list[str]:
    """Commit a file for each batch, with one row that contains the batch number."""
    own = Ledger(str(root), "ingest")
    files = []
    for batch in batches:
        row = {"reason": str(batch), "raw": b"x" * batch}
        schema = pa.schema([f.with_nullable(True) for f in arrow_schema(TABLE)])
        table = pa.Table.from_pylist([row], schema=schema)
        store = open_store(own.data_folder(TABLE, "run", batch))
        store.write("a.parquet", lambda s, table=table: pq.write_table(table, s))
        files.append(f"{TABLE}/run=run/batch={batch:08d}/a.parquet")
        own.commit(Manifest("ingest", "run", batch, {TABLE: (files[-1],)}))
    return files


def rows(root: Path, files: list[str]) -> list[int]:
    table = arrow_tables.read_arrow(str(root), TABLE, files, ["reason", "raw"])
    assert all(int(r["reason"]) == len(r["raw"]) for r in table.to_pylist())
    return sorted(int(r["reason"]) for r in table.to_pylist())


@pytest.fixture(autouse=True)
def _small_fan(monkeypatch):
    monkeypatch.setattr(merging, "FAN", 3)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=4),
    st.sets(st.integers(0, 119)),
)
@hypothesis_settings(max_examples=15, deadline=None)
def test_a_reader_of_some_files_gets_their_rows_once(counts, chosen):
    root = Path(tempfile.mkdtemp())
    made: list[str] = []
    for first, last in itertools.pairwise([0, *itertools.accumulate(counts)]):
        made += commit_rows(root, range(first, last))
        while merging.merge(str(root), TABLE, made):
            pass
    assert rows(root, made) == list(range(len(made)))
    most = 2 * (1 + math.log(max(len(made), 1), 3))
    assert len(merging.fewest_files(str(root), TABLE, made)) <= most
    some = sorted(n for n in chosen if n < len(made))
    assert rows(root, [made[n] for n in some]) == some
    shutil.rmtree(root)


def test_a_merge_that_was_interrupted_is_ignored_and_done_again(tmp_path):
    made = commit_rows(tmp_path, range(3))
    assert merging.merge(str(tmp_path), TABLE, made)
    (one,) = merging.fewest_files(str(tmp_path), TABLE, made)
    Ledger(str(tmp_path), merging.STAGE).withdraw(TABLE, 0)
    (tmp_path / one).write_bytes(b"half of it")
    assert merging.fewest_files(str(tmp_path), TABLE, made) == made
    assert merging.merge(str(tmp_path), TABLE, made)
    assert merging.fewest_files(str(tmp_path), TABLE, made) == [one]
    assert rows(tmp_path, made) == [0, 1, 2]


def test_merged_files_with_different_rows_have_different_names(tmp_path):
    made = commit_rows(tmp_path, range(9))
    while merging.merge(str(tmp_path), TABLE, made[:3]):
        pass
    (one,) = merging.fewest_files(str(tmp_path), TABLE, made[:3])
    for folder in (tmp_path / merging.FOLDER, tmp_path / "ledger" / merging.STAGE):
        shutil.rmtree(folder)
    while merging.merge(str(tmp_path), TABLE, made[3:]):
        pass
    assert one not in merging.fewest_files(str(tmp_path), TABLE, made)


def test_a_table_that_cannot_be_merged_does_not_stop_the_others(tmp_path, caplog):
    made = commit_rows(tmp_path, range(3))
    events = [f"events/run=run/batch={n:08d}/a.parquet" for n in range(3)]
    for n, file in enumerate(events):
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).write_bytes(b"no Parquet")
        Ledger(str(tmp_path), "ingest").commit(
            Manifest("ingest", "other", n, {"events": (file,)})
        )
    merging.Housekeeping([Ledger(str(tmp_path), "ingest")]).turn(0.0, never)
    assert "small files of events" in caplog.text
    assert len(merging.fewest_files(str(tmp_path), TABLE, made)) == 1


def test_files_of_another_table_are_not_merged(tmp_path):
    made = commit_rows(tmp_path, range(3))
    assert merging.merge(str(tmp_path), TABLE, made)
    assert merging.fewest_files(str(tmp_path), "events", made) == made


def test_row_groups_have_many_rows_and_a_limited_size(tmp_path, monkeypatch):
    made = commit_rows(tmp_path, range(9))
    while merging.merge(str(tmp_path), TABLE, made):
        pass
    (one,) = merging.fewest_files(str(tmp_path), TABLE, made)
    assert pq.ParquetFile(tmp_path / one).num_row_groups == 1
    monkeypatch.setattr(merging, "GROUP_BYTES", 1)
    more = commit_rows(tmp_path, range(9, 12))
    assert merging.merge(str(tmp_path), TABLE, more)
    (one,) = merging.fewest_files(str(tmp_path), TABLE, more)
    assert pq.ParquetFile(tmp_path / one).num_row_groups == 3


def never() -> bool:
    return False


def test_housekeeping_runs_at_intervals_and_can_be_stopped(tmp_path):
    made = commit_rows(tmp_path, range(7))
    house = merging.Housekeeping([Ledger(str(tmp_path), "ingest")])
    house.turn(100.0, lambda: True)
    assert len(merging.fewest_files(str(tmp_path), TABLE, made)) == 5, (
        "one merge before it was stopped"
    )
    house.turn(101.0, never)
    assert len(merging.fewest_files(str(tmp_path), TABLE, made)) == 5
    house.turn(100.0 + merging.EVERY_S, never)
    assert len(merging.fewest_files(str(tmp_path), TABLE, made)) == 3


def test_a_merge_that_cannot_be_written_is_logged_and_all_rows_are_read(
    tmp_path, caplog
):
    made = commit_rows(tmp_path, range(4))
    (tmp_path / merging.FOLDER).write_text("a file, no folder")
    merging.Housekeeping([Ledger(str(tmp_path), "ingest")]).turn(0.0, never)
    assert ["were not merged" in r.message for r in caplog.records] == [True]
    assert rows(tmp_path, made) == [0, 1, 2, 3]


def test_a_night_gives_the_same_pairs_after_all_files_are_merged(
    spark,
    settings,
    datatest,
    expected,
    monkeypatch,
):
    monkeypatch.setattr(merging, "FAN", 2)
    pipeline = Pipeline(spark, settings, datatest)
    stages = [Ledger(pipeline.settings.root, stage) for stage in merging.TABLES]

    def merged() -> dict[str, tuple[int, int]]:
        merging.Housekeeping(stages).turn(0.0, never)
        counts = {}
        for own in stages:
            for table in merging.TABLES[own.stage]:
                files = [f for m in own.manifests() for f in m.tables.get(table, ())]
                counts[table] = (
                    len(files),
                    len(merging.fewest_files(own.root, table, files)),
                )
        return counts

    names = sorted(p.stem for p in (datatest / "voevents").glob("*.xml"))
    pipeline.alerts("early")
    for start in range(0, len(names), 3):
        pipeline.notices(*names[start : start + 3])
        pipeline.run()
        merged()
    pipeline.alerts("late")
    pipeline.run()
    pipeline.notices()  # the same notices again
    pipeline.run()
    counts = merged()
    pipeline.spool.close()
    for table in ("events", "coincidences", "routed"):
        files, read = counts[table]
        assert read < files, counts
    assert_same(pipeline.current_pairs(), expected)
    new = [
        tuple(r)
        for r in pipeline.journal()
        .where("status = 'new'")
        .select("event_id", "alert_id")
        .collect()
    ]
    assert len(set(new)) == len(new)


def test_files_can_be_read_while_their_merges_are_removed(tmp_path):
    """As if another process compacted a night when the stages start."""
    root = str(tmp_path)
    own, folder = Ledger(root, merging.STAGE), tmp_path / "merged" / "alerts"
    folder.mkdir(parents=True)

    def merge_and_forget() -> None:
        for number in range(300):
            facts = {"replaces": ["one"], "level": 1}
            (folder / f"{number}.parquet").touch()
            tables = {"alerts": (f"merged/alerts/{number}.parquet",)}
            own.commit(Manifest(merging.STAGE, "alerts", number, tables, facts))
            merging.forget(root, "alerts", ["one"])

    other = threading.Thread(target=merge_and_forget)
    other.start()
    while other.is_alive():
        assert merging.fewest_files(root, "alerts", ["two"]) == ["two"]
    other.join()
