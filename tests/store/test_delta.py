# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Tables: rows of a batch once, read by range of batches, also when compacted."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from helpers.delta_tables import rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from fink_voevent.errors import StorageError
from fink_voevent.spark import dataframes
from fink_voevent.store import delta, table_statistics, upkeep
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import TABLES, stored_schema

T0 = datetime(2024, 1, 15, 3, tzinfo=timezone.utc)


@pytest.fixture
def tables(tmp_path) -> Tables:
    return Tables(str(tmp_path))


def alert(number: int, night: str = "20240115") -> dict:
    moment = T0 + timedelta(seconds=number, microseconds=123_456)
    place = (number * 7919) % 1000
    return {"alert_id": number, "night": night, "alert_time": moment, "hpx29": place}


def event(number: int, **changes) -> dict:
    return {"event_id": str(number), "notice_id": str(number), **changes}


def add_events(tables: Tables, batch: int, *numbers: int) -> None:
    rows = rows_of("events", [event(n) for n in numbers])
    tables.append_rows("events", rows, "ingest", batch)


def ids(tables: Tables, first: int = 0, last: int = 10**6) -> list[int]:
    rows = tables.rows_of("events", ["event_id"], first, last)
    return sorted(int(n) for n in rows["event_id"].to_pylist())


def add_alerts(tables: Tables, batch: int, rows: list[dict]) -> None:
    staged = open_store(delta.staging_folder(tables.root, "match"))
    for night in {row["night"] for row in rows}:
        chosen = [row for row in rows if row["night"] == night]
        content = delta.with_batch(rows_of("alerts", chosen), "alerts", batch)
        content = content.drop_columns(["night"])
        staged.subfolder(f"night={night}").write(
            "a.parquet", lambda out, content=content: pq.write_table(content, out)
        )
    tables.append("alerts", staged, "match", batch)


@pytest.mark.parametrize("name", [n for n in TABLES if n != "landing"])
def test_each_table_is_made_with_its_columns_and_their_meaning(tables, name):
    tables.table(name)
    found = DeltaTable(str(Path(tables.root, name)))
    assert found.metadata().description
    schema = pa.schema(found.schema())
    assert schema.names == stored_schema(name).names
    assert all(field.metadata[b"comment"] for field in schema)
    assert tables.arrow(name, stored_schema(name).names).schema == stored_schema(name)


def test_a_table_that_does_not_exist_has_no_rows_and_is_not_made(tables):
    assert tables.arrow("events", ["event_id"]).num_rows == 0
    assert tables.existing("events") is None
    assert not Path(tables.root, "events").exists()


def test_a_batch_is_committed_once_whichever_process_repeats_it(tables):
    add_events(tables, 0, 1, 2)
    add_events(tables, 0, 1, 2)
    add_events(Tables(tables.root), 0, 3)
    assert ids(tables) == [1, 2]
    assert tables.has("events", "ingest", 0)
    assert not tables.has("events", "ingest", 1)
    assert not tables.has("events", "match", 0)


def test_an_empty_batch_makes_no_commit(tables):
    tables.append_rows("events", rows_of("events", []), "ingest", 0)
    assert tables.existing("events") is None


def test_rows_are_read_by_range_of_batches(tables):
    for batch in range(5):
        add_events(tables, batch, batch)
    assert ids(tables, 2, 3) == [2, 3]
    assert ids(tables, 5) == []
    assert len(tables.live_files("events", 2, 3)) == 2
    assert len(tables.files_with("events", [0, 4, 4, 9])) == 2
    assert tables.files_with("events", []) == []


def test_nothing_that_was_not_committed_stays_in_the_staging_folder(tables):
    add_events(tables, 0, 1)
    add_events(tables, 0, 1)
    left = open_store(delta.staging_folder(tables.root, "match-planned"))
    left.write("a.parquet", lambda out: out.write(b"x"))
    delta.clean_staging(tables.root, "ingest")
    assert len(list(Path(tables.root, "staging").iterdir())) == 1
    delta.clean_staging(tables.root, "match")
    assert list(Path(tables.root, "staging").iterdir()) == []


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(2, 5))
def test_compaction_changes_no_row_of_any_range_of_batches(sizes, most):
    import tempfile

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(upkeep, "MAX_SMALL_FILES", most)
        tables, expected = Tables(folder), {}
        for batch, size in enumerate(sizes):
            expected[batch] = [10 * batch + n for n in range(size)]
            add_events(tables, batch, *expected[batch])
            upkeep.compact_if_due(tables, "events")
            assert len(tables.live_files("events")) < most + 1
        for first in range(len(sizes)):
            wanted = [n for b, rows in expected.items() if b >= first for n in rows]
            assert ids(Tables(folder), first) == wanted


def test_readers_of_the_small_files_go_on_after_a_compaction(tables, monkeypatch):
    monkeypatch.setattr(upkeep, "MAX_SMALL_FILES", 3)
    for batch in range(3):
        add_events(tables, batch, batch)
    before = tables.live_files("events")
    upkeep.compact_if_due(tables, "events")
    after = tables.live_files("events")
    assert len(after) == 1
    assert not delta.is_as_written(after[0])
    assert all(Path(tables.root, "events", file).exists() for file in before)
    assert upkeep.remove_old_files(tables, "events", 7) == 0  # too young
    assert all(Path(tables.root, "events", file).exists() for file in before)


def test_files_that_no_version_of_the_last_days_has_are_removed(tables, monkeypatch):
    monkeypatch.setattr(upkeep, "MAX_SMALL_FILES", 3)
    for batch in range(3):
        add_events(tables, batch, batch)
    folder = Path(tables.root, "events")
    orphan = folder / "batch-000000009-of-a-process-that-was-killed.parquet"
    orphan.write_bytes(b"x")
    long_ago = (datetime.now(tz=timezone.utc) - timedelta(days=8)).timestamp()
    os.utime(orphan, (long_ago, long_ago))
    upkeep.compact_if_due(tables, "events")
    assert upkeep.remove_old_files(tables, "events", 7) == 1
    assert not orphan.exists()
    assert ids(tables) == [0, 1, 2]


def test_a_partition_is_sorted_and_others_stay_as_they_are(tables):
    for batch in range(3):
        add_alerts(tables, 2 * batch, [alert(10 * batch + n) for n in range(10)])
        add_alerts(tables, 2 * batch + 1, [alert(100 + batch, "20240116")])
    before = tables.arrow("alerts", stored_schema("alerts").names).sort_by("alert_id")
    upkeep.sort(tables, "alerts", [("night", "=", "20240115")], "hpx29")
    files = tables.files("alerts").to_pylist()
    (one,) = [f for f in files if f["partition.night"] == "20240115"]
    assert len(files) == 4
    path = Path(tables.root, "alerts", one["path"])
    places = pq.ParquetFile(path).read(["hpx29"])["hpx29"].to_pylist()
    assert places == sorted(places)
    assert len(places) == 30
    after = tables.arrow("alerts", stored_schema("alerts").names).sort_by("alert_id")
    assert after == before
    first, last = one["min.alert_time"], one["max.alert_time"]
    margin = timedelta(microseconds=table_statistics.TIME_MARGIN_US)
    assert first - margin <= alert(0)["alert_time"]
    assert last + margin >= alert(29)["alert_time"]


def test_rows_are_the_same_for_spark_and_arrow(spark, tables):
    add_alerts(tables, 0, [alert(n) for n in range(5)])
    add_alerts(tables, 1, [alert(9), alert(7, "20240116")])
    for first, last in ((0, 0), (1, 1), (0, 1), (2, 5)):
        rows = dataframes.read(spark, tables, "alerts", first, last)
        columns = ["alert_id", "night", "hpx29"]
        ours = sorted(tuple(row) for row in rows.select(columns).collect())
        arrow = tables.rows_of("alerts", columns, first, last)
        assert ours == sorted(tuple(row.values()) for row in arrow.to_pylist())


def test_a_store_that_cannot_be_used_is_one_line(tmp_path):
    blocked = tmp_path / "events"
    blocked.write_text("a file where the folder should be")
    with pytest.raises(StorageError) as error:
        Tables(str(tmp_path)).table("events")
    assert str(blocked) in str(error.value)
    assert len(str(error.value).splitlines()) == 1
