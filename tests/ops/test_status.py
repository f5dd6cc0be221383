# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The status names each file that is missing or damaged, and counts the others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from fink_voevent.cli import main
from fink_voevent.ops.status import Observer
from fink_voevent.store.ledger import Ledger, Manifest
from fink_voevent.tables.schema import arrow_schema

FILES = {"ingest": ("events",), "match": ("coincidences", "alerts")}
COUNTS = {
    "ingest": {"documents": 2, "events": 1, "quarantine": 1},
    "match": {
        "alerts": 10,
        "coincidences": 3,
        "night": "20221009",
        "span_us": None,
        "live_notices": 5,
    },
    "route": {"sent": {"bronze": 3}, "manifests": []},
}


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory) -> Path:
    """Folder of tables with two batches of each stage, for tests that copy it."""
    folder = tmp_path_factory.mktemp("undamaged") / "voevent"
    for stage, facts in COUNTS.items():
        own = Ledger(str(folder), stage)
        own.prepare()
        for batch in range(2):
            tables = {}
            for table in FILES.get(stage, ()):
                name = f"{table}/{batch}.parquet"
                (folder / table).mkdir(exist_ok=True)
                pq.write_table(pa.table({"x": [1]}), folder / name)
                tables[table] = (name,)
            own.commit(Manifest(stage, "run", batch, tables, facts))
    (folder / "landing").mkdir()
    rows = arrow_schema("landing").empty_table()
    pq.write_table(rows, folder / "landing" / "one.parquet")
    return folder


@pytest.fixture
def root(undamaged, tmp_path) -> Path:
    return Path(shutil.copytree(undamaged, tmp_path / "voevent"))


def test_a_status_of_undamaged_files_has_no_problem(root):
    status = Observer(str(root)).status()
    assert status.problems == ()
    assert (status.events, status.coincidences, status.topics) == (2, 6, {"bronze": 6})


@pytest.mark.parametrize("stage", ["ingest", "match", "announced", "route", "compact"])
def test_a_torn_manifest_is_one_line(root, stage):
    file = root / "ledger" / stage / "run-00000001.json"
    file.parent.mkdir(exist_ok=True)
    for content in (b"", b'{"stage":"ing', b"[]", b"{}", b"null", b"\xff"):
        file.write_bytes(content)
        (problem,) = Observer(str(root)).status().problems
        assert str(file) in problem
        assert "docs/operate.md" in problem
        assert "\n" not in problem


@pytest.mark.parametrize(("stage", "facts"), COUNTS.items())
def test_a_manifest_without_its_counts_is_not_counted(root, stage, facts):
    file = root / "ledger" / stage / "run-00000001.json"
    for fact in set(facts) - {"live_notices", "span_us"}:
        for wrong in ({}, {fact: None}):
            left = {k: v for k, v in facts.items() if k != fact} | wrong
            file.write_text(Manifest(stage, "run", 1, {}, left).line())
            status = Observer(str(root)).status()
            (problem,) = status.problems
            assert f"ledger/{stage}/run-00000001.json has no valid {fact}" in problem
            counts = (status.events, status.coincidences, status.topics["bronze"])
            assert sum(counts) < sum((2, 6, 6))


@pytest.mark.parametrize("table", ["events", "coincidences", "alerts"])
def test_a_missing_or_torn_data_file_is_one_line(root, table):
    observer = Observer(str(root))
    file = root / table / "1.parquet"
    file.unlink()
    for content in (None, b"", b"PAR1 half of a file"):
        if content is not None:
            file.write_bytes(content)
        status = observer.status()
        (problem,) = status.problems
        assert f"{table}/1.parquet, a file of the table {table}, is missing" in problem
        assert "\n" not in problem
        assert status.events == 2
    pq.write_table(pa.table({"x": [1]}), file)
    assert observer.status().problems == ()


def test_a_torn_merge_is_one_line(root):
    merges = root / "ledger" / "merge"
    merges.mkdir()
    (merges / "events-00000000.json").write_bytes(b'{"st')
    (problem,) = Observer(str(root)).status().problems
    assert "merge/events-00000000.json is damaged" in problem


def test_the_command_prints_the_counts_and_the_problems(root):
    torn = [
        root / "landing" / "torn.parquet",
        root / "ledger" / "ingest" / "run-00000001.json",
        root / "alerts" / "0.parquet",
    ]
    for file in torn:
        file.write_bytes(b"PAR1 half of a file")
    done = CliRunner().invoke(main, ["status", "--data-prefix", str(root.parent)])
    assert done.exit_code == 2
    first, *others = done.output.splitlines()
    assert "events 1, quarantine 1, live notices 5" in first
    assert "coincidences 6, topics: bronze 6" in first
    assert len(others) == len(torn)
    for file in torn:
        assert sum(f"/{file.parent.name}/{file.name}" in line for line in others) == 1
