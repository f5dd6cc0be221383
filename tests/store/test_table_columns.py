# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Tables that were made before a column was declared, or with another type of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable
from helpers.delta_tables import rows_of

from fink_voevent.errors import StorageError
from fink_voevent.spark import dataframes
from fink_voevent.store import upkeep
from fink_voevent.store.batches import BATCHES, BatchLog, Input
from fink_voevent.store.delta import Tables
from fink_voevent.tables import schema
from fink_voevent.tables.column import LONG, REAL, TEXT, Column
from fink_voevent.tables.schema import PARTITIONS, TABLES, stored_schema

ADDED = (
    Column("added_mag", REAL, "mag", "before it was declared", "a magnitude"),
    Column("added_names", pa.list_(TEXT), "", "none", "names"),
)
T0 = datetime(2024, 1, 15, 3, tzinfo=timezone.utc)


@pytest.fixture
def root(tmp_path) -> str:
    return str(tmp_path)


@pytest.fixture
def declare(monkeypatch):
    def change(name: str, columns: Sequence[Column]) -> None:
        monkeypatch.setitem(schema.TABLES, name, tuple(columns))

    return change


def add_events(root: str, batch: int, *numbers: int, **values) -> None:
    rows = [{"event_id": str(n), "notice_id": str(n), **values} for n in numbers]
    Tables(root).append_rows("events", rows_of("events", rows), "ingest", batch)


def read_events(root: str, *columns: str) -> list[dict]:
    rows = Tables(root).rows_of("events", ["event_id", *columns], 0, 99)
    return rows.sort_by("event_id").to_pylist()


def operations(root: str, name: str) -> list[str]:
    return [one["operation"] for one in DeltaTable(f"{root}/{name}").history()][::-1]


@pytest.mark.parametrize("name", [n for n in TABLES if n != "landing"])
def test_the_last_declared_column_of_any_table_may_be_new(root, declare, name):
    columns = TABLES[name]
    declare(name, columns[:-1])
    Tables(root).table(name)
    declare(name, columns)
    assert Tables(root).arrow(name, stored_schema(name).names).num_rows == 0
    Tables(root).table_to_write(name)
    found = pa.schema(DeltaTable(f"{root}/{name}").schema())
    comments = {f.name: f.metadata[b"comment"].decode() for f in found}
    assert comments == {c.name: c.comment for c in schema.stored_columns(name)}


def test_before_a_column_is_added_readers_see_null_and_add_nothing(root, declare):
    add_events(root, 0, 1, 2)
    declare("events", (*TABLES["events"], *ADDED))
    assert read_events(root, "added_mag", "added_names") == [
        {"event_id": n, "added_mag": None, "added_names": None} for n in ("1", "2")
    ]
    tables = Tables(root)
    is_null = pc.field("added_mag").is_null() & (pc.field("batch") == 0)
    assert tables.arrow("events", ["event_id"], is_null).num_rows == 2
    assert tables.arrow("events", ["event_id"], pc.field("added_mag") > 1).num_rows == 0
    assert len(tables.live_files("events")) == 1
    assert operations(root, "events") == ["CREATE TABLE", "WRITE"]


def test_the_writer_adds_columns_once_and_older_rows_have_null(root, declare):
    add_events(root, 0, 1)
    declare("events", (*TABLES["events"], *ADDED))
    for batch in (1, 2):
        add_events(root, batch, batch + 1, added_mag=18.5, added_names=["x"])
    assert operations(root, "events") == [
        "CREATE TABLE", "WRITE", "ADD COLUMN", "WRITE", "WRITE"
    ]  # fmt: skip
    rows = read_events(root, "added_mag", "added_names")
    assert [row["added_mag"] for row in rows] == [None, 18.5, 18.5]
    assert [row["added_names"] for row in rows] == [None, ["x"], ["x"]]


def test_a_batch_is_not_repeated_because_columns_were_added(root, declare):
    add_events(root, 0, 1)
    declare("events", (*TABLES["events"], *ADDED))
    add_events(root, 0, 1)
    assert len(read_events(root)) == 1


def test_files_with_and_without_a_column_are_compacted(root, declare, monkeypatch):
    monkeypatch.setattr(upkeep, "MAX_SMALL_FILES", 2)
    add_events(root, 0, 1)
    declare("events", (*TABLES["events"], *ADDED))
    add_events(root, 1, 2, added_mag=18.5)
    before = read_events(root, "added_mag", "batch")
    upkeep.compact_if_due(Tables(root), "events")
    assert len(Tables(root).live_files("events")) == 1
    assert read_events(root, "added_mag", "batch") == before


def test_a_process_that_runs_reads_what_a_newer_one_writes(root, declare):
    declared = TABLES["events"]
    running = Tables(root)
    add_events(root, 0, 1)
    running.table_to_write("events")
    declare("events", (*declared, *ADDED))
    add_events(root, 1, 2, added_mag=18.5)
    declare("events", declared)
    rows = rows_of("events", [{"event_id": "3", "notice_id": "3"}])
    running.append_rows("events", rows, "ingest", 2)
    found = running.rows_of("events", ["event_id"], 0, 9)["event_id"].to_pylist()
    assert sorted(found) == ["1", "2", "3"]


def test_a_stage_goes_on_if_another_adds_columns_as_it_commits(
    root, declare, monkeypatch
):
    log = BatchLog(Tables(root), "ingest")
    log.finish(log.plan(Input()), {})
    adopt = Tables.adopt

    def adopt_then_meanwhile(tables, name, staged, prefix):
        actions = adopt(tables, name, staged, prefix)
        monkeypatch.setattr(Tables, "adopt", adopt)
        declare(BATCHES, (*TABLES[BATCHES], *ADDED))
        Tables(root).table_to_write(BATCHES)
        return actions

    monkeypatch.setattr(Tables, "adopt", adopt_then_meanwhile)
    batch = log.plan(Input(("a",)))
    assert "ADD COLUMN" in operations(root, BATCHES)
    assert log.unfinished() == batch
    with pytest.raises(StorageError, match="another process runs ingest"):
        BatchLog(Tables(root), "ingest").plan(Input(("b",)))


def test_two_stages_may_add_the_same_columns_at_once(root, declare):
    log = BatchLog(Tables(root), "ingest")
    log.plan(Input())
    declare(BATCHES, (*TABLES[BATCHES], *ADDED))
    one, other = Tables(root), Tables(root)
    stale = other.table(BATCHES)
    one.table_to_write(BATCHES)

    def table(name: str, found=[stale]) -> DeltaTable:  # noqa: B006
        return found.pop() if found else Tables.table(other, name)

    other.table = table  # as if its first look at the table was before the other's
    other.table_to_write(BATCHES)
    assert operations(root, BATCHES).count("ADD COLUMN") == 1


def test_spark_reads_and_writes_a_table_that_was_made_before(spark, root, declare):
    declared = TABLES["alerts"]
    rows = [
        {"alert_id": n, "night": f"2024011{n % 2}", "alert_time": T0, "hpx29": n}
        for n in range(4)
    ]

    def append(batch: int, **values) -> None:
        schema_now = dataframes.spark_schema("alerts")
        full = [
            tuple({**row, **values}.get(f.name) for f in schema_now) for row in rows
        ]
        frame = spark.createDataFrame(full, schema_now)
        dataframes.append(Tables(root), "alerts", frame, "match", batch)

    def read() -> list:
        frame = dataframes.read(spark, Tables(root), "alerts", 0, 9)
        assert frame.columns == schema.column_names("alerts")
        found = frame.orderBy("added_mag", "alert_id").collect()
        return [(row.alert_id, row.night, row.added_mag) for row in found]

    append(0)
    declare("alerts", (*declared, *ADDED))
    earlier = [(row["alert_id"], row["night"], None) for row in rows]
    assert read() == earlier
    assert "ADD COLUMN" not in operations(root, "alerts")
    append(1, added_mag=18.5)
    assert read() == earlier + [(a, night, 18.5) for a, night, _ in earlier]
    names = ["alert_id", "night", "added_mag"]
    arrow = Tables(root).rows_of("alerts", names, 0, 9)
    assert len(arrow) == 8
    upkeep.sort(Tables(root), "alerts", [("night", "=", "20240110")], "hpx29")
    assert read() == earlier + [(a, night, 18.5) for a, night, _ in earlier]


def test_another_type_is_refused_in_one_sentence(root, declare):
    declared = TABLES["events"]
    declare("events", (*declared, Column("added_mag", TEXT, "", "never", "text")))
    add_events(root, 0, 1)
    declare("events", (*declared, *ADDED))
    for use in (
        lambda: add_events(root, 1, 2),
        lambda: read_events(root),
        lambda: Tables(root).existing("events"),
    ):
        with pytest.raises(StorageError) as error:
            use()
        text = str(error.value)
        assert "added_mag is string, and this version needs double" in text
        assert f"{root}/events" in text
        assert len(text.splitlines()) == 1


def test_a_part_of_a_column_that_is_new_is_another_type(root, declare):
    declared = TABLES["events"]
    part = pa.struct([("one", LONG)])
    declare("events", (*declared, Column("added", part, "", "none", "parts")))
    add_events(root, 0, 1)
    more = pa.struct([("one", LONG), ("two", LONG)])
    declare("events", (*declared, Column("added", more, "", "none", "parts")))
    with pytest.raises(StorageError, match="its column added is"):
        add_events(root, 1, 2)


def test_a_column_that_is_not_declared_is_refused_to_writers_only(root, declare):
    declared = TABLES["events"]
    declare("events", (*declared, *ADDED))
    add_events(root, 0, 1, added_mag=18.5)
    declare("events", declared)
    assert [row["event_id"] for row in read_events(root)] == ["1"]
    with pytest.raises(StorageError) as error:
        add_events(root, 1, 2)
    assert "has the column added_mag, which this version" in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert list(Path(root, "staging").iterdir()) == []
    assert len(list(Path(root, "events").glob("*.parquet"))) == 1


def test_a_table_that_is_divided_otherwise_is_refused(root, declare, monkeypatch):
    Tables(root).table("alerts")
    monkeypatch.setitem(PARTITIONS, "alerts", ("night", "survey"))
    with pytest.raises(StorageError, match="is not divided by"):
        Tables(root).table_to_write("alerts")


def test_facts_of_batches_from_before_are_read(root, declare):
    log = BatchLog(Tables(root), "ingest")
    log.finish(log.plan(Input()), {"n": 1})
    declare(BATCHES, (*TABLES[BATCHES], *ADDED))
    newer = BatchLog(Tables(root), "ingest")
    assert newer.facts() == [{"n": 1}]
    newer.finish(newer.plan(Input()), {"n": 2})
    assert [json.dumps(f) for f in newer.facts()] == ['{"n": 1}', '{"n": 2}']
