# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The status names each file that is missing or damaged, and counts the others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from helpers.delta_tables import commit
from helpers.landed import landed

from fink_voevent.cli import main
from fink_voevent.ops.status import Observer
from fink_voevent.store.batches import Input
from fink_voevent.store.delta import Tables

COUNTS = {
    "ingest": {"documents": 2, "events": 1, "quarantine": 1},
    "match": {"alerts": 10, "coincidences": 3, "live_notices": 5, "beyond_cap": {}},
    "route": {"sent": {"bronze": 3}},
}


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory) -> Path:
    """Folder of tables with two batches of each stage, for tests that copy it."""
    folder = tmp_path_factory.mktemp("undamaged") / "voevent"
    root = str(folder)
    for batch in range(2):
        commit(root, "ingest", COUNTS["ingest"], events=[{"event_id": "e"}])
        pair = {"event_id": "e", "survey": "ztf", "batch": batch}
        planned = Input(until={"ingest": batch}, survey="ztf", night="20221009")
        commit(root, "match", COUNTS["match"], planned, coincidences=[pair])
        planned = Input(until={"match": batch}, survey="ztf")
        commit(root, "route", COUNTS["route"], planned)
    (folder / "landing").mkdir()
    return folder


@pytest.fixture
def root(undamaged, tmp_path) -> Path:
    return Path(shutil.copytree(undamaged, tmp_path / "voevent"))


def land(root: Path, name: str) -> None:
    """Write a file of landing with one document."""
    rows = landed(b"<x/>")
    with pq.ParquetWriter(root / "landing" / name, rows.schema) as writer:
        writer.write_batch(rows)


def test_a_status_of_undamaged_files_has_no_problem(root):
    status = Observer(str(root)).status()
    assert status.problems == ()
    assert (status.events, status.coincidences, status.topics) == (2, 6, {"bronze": 6})
    assert (status.received, status.lag_s) == (4, 0.0)


def test_batches_that_are_done_later_are_counted_by_the_same_observer(root):
    observer = Observer(str(root))
    assert observer.status().events == 2
    commit(str(root), "ingest", COUNTS["ingest"], events=[{"event_id": "e"}])
    assert observer.status().events == 3


def test_what_has_landed_and_is_not_ingested_is_counted_and_has_an_age(root):
    land(root, "notices-a.parquet")
    land(root, "of-another-program.parquet")
    status = Observer(str(root)).status()
    assert status.received == 6
    assert status.lag_s > 0
    file = f"file:{root}/landing/of-another-program.parquet"
    commit(str(root), "ingest", COUNTS["ingest"], Input((file,)))
    (root / "landing" / "notices-a.parquet").unlink()
    status = Observer(str(root)).status()
    assert (status.received, status.lag_s) == (6, 0.0)


def test_route_is_done_once_it_has_read_all_coincidences(root):
    assert Observer(str(root)).route_is_done()
    planned = Input(until={"ingest": 1}, survey="ztf")
    pair = {"event_id": "e", "survey": "ztf", "batch": 2}
    commit(str(root), "match", COUNTS["match"], planned, coincidences=[pair])
    assert not Observer(str(root)).route_is_done()
    planned = Input(until={"match": 2}, survey="ztf")
    commit(str(root), "route", COUNTS["route"], planned)
    assert Observer(str(root)).route_is_done()


@pytest.mark.parametrize("table", ["batches", "coincidences", "events"])
@pytest.mark.parametrize("content", [b"", b'{"add":{"pa', b"null"], ids=str)
def test_a_torn_commit_is_one_line(root, table, content):
    file = max((root / table / "_delta_log").glob("*.json"))
    file.write_bytes(content)
    (problem,) = Observer(str(root)).status().problems
    assert f"{table}/_delta_log/{file.name} is empty or damaged" in problem
    assert "\n" not in problem


@pytest.mark.parametrize("table", ["events", "coincidences"])
def test_a_missing_or_torn_data_file_is_one_line(root, table):
    observer = Observer(str(root))
    name = Tables(str(root)).live_files(table)[1]
    file = root / table / name
    whole = file.read_bytes()
    file.unlink()
    for content in (None, b"", b"PAR1 half of a file"):
        if content is not None:
            file.write_bytes(content)
        status = observer.status()
        (problem,) = status.problems
        assert f"{table}/{name}, a file of the table {table}, is missing" in problem
        assert "\n" not in problem
        assert status.events == 2
    file.write_bytes(whole)
    assert observer.status().problems == ()


def test_the_command_prints_the_counts_and_the_problems(root):
    torn = [
        root / "landing" / "torn.parquet",
        root / "events" / Tables(str(root)).live_files("events")[0],
    ]
    for file in torn:
        file.write_bytes(b"PAR1 half of a file")
    done = CliRunner().invoke(main, ["status", "--data-prefix", str(root.parent)])
    assert done.exit_code == 2
    first, *others = done.output.splitlines()
    assert first.startswith("down: ")  # as nothing runs
    assert "events 2, quarantine 2, live notices 5" in done.output
    assert "coincidences 6, topics: bronze 6" in done.output
    for file in torn:
        assert sum(f"/{file.parent.name}/{file.name}" in line for line in others) == 1
