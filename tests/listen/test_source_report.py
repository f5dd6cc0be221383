# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the listener reports of its sources: complete, small, and in spite of faults."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from deltalake import DeltaTable

from fink_voevent.listen import source_report
from fink_voevent.listen.source_report import SourceReport
from fink_voevent.store.delta import Tables
from fink_voevent.tables.schema import stored_schema


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Make a report due whenever a state has changed."""
    monkeypatch.setattr(source_report, "CHANGE_S", 0.0)


def made(folder: Path, *sources: str) -> SourceReport:
    (folder / "spool").mkdir(exist_ok=True)
    return SourceReport(str(folder / "data"), str(folder / "spool"), sources)


def rows(folder: Path) -> list[dict]:
    """Return the rows of the table, in the order of time."""
    found = Tables(str(folder / "data")).arrow(
        "sources", stored_schema("sources").names
    )
    return sorted(found.to_pylist(), key=lambda row: (row["source"], row["since"]))


def states(folder: Path, source: str) -> list[str]:
    return [row["state"] for row in rows(folder) if row["source"] == source]


def test_a_source_has_a_row_for_each_period(tmp_path):
    report = made(tmp_path, "a:1", "b:2")
    report.report()
    assert states(tmp_path, "a:1") == states(tmp_path, "b:2") == ["lost"]
    report.connection("a:1").connected()
    report.connection("a:1").received(3)
    report.report()
    report.stop()
    assert states(tmp_path, "a:1") == ["lost", "connected", "stopped"]
    assert states(tmp_path, "b:2") == ["lost", "stopped"]
    _, connected, stopped, *_ = rows(tmp_path)
    assert connected["until"] == stopped["since"]
    assert stopped["until"] is None
    assert connected["documents"] == 3
    assert stopped["last_document"] == connected["last_document"] is not None
    assert {row["batch"] for row in rows(tmp_path)} == {3}


def test_gaps_are_known_after_the_listener_was_killed(tmp_path):
    killed = made(tmp_path, "a:1")
    killed.connection("a:1").connected()
    killed.report()
    killed._lock.close()  # as the end of the process does
    report = made(tmp_path, "a:1")
    assert report.listener == killed.listener
    report.connection("a:1").connected()
    report.report()
    assert states(tmp_path, "a:1") == [
        *("lost", "connected", "stopped", "lost", "connected")
    ]
    found = rows(tmp_path)
    assert all(a["until"] == b["since"] for a, b in zip(found, found[1:], strict=False))
    assert found[2]["reason"] == "the listener was killed"
    report.stop()


def test_a_source_that_is_configured_no_more_is_removed_once(tmp_path):
    made(tmp_path, "a:1", "b:2").stop()
    for _ in range(2):
        report = made(tmp_path, "b:2")
        report.report()
        report.stop()
    assert states(tmp_path, "a:1") == ["lost", "stopped", "removed"]
    made(tmp_path, "a:1").stop()
    assert states(tmp_path, "a:1")[2:] == ["removed", "lost", "stopped"]
    assert states(tmp_path, "b:2")[-1] == "removed"


def test_the_table_has_one_small_file_for_each_listener(tmp_path):
    """Two listeners use one spool, and report at the same time."""
    both = [made(tmp_path, "a:1"), made(tmp_path, "a:1", "b:2")]
    start = threading.Barrier(2)

    def reports(report: SourceReport) -> None:
        for turn in range(10):
            start.wait(60)
            connection = report.connection("a:1")
            connection.lost("closed") if turn % 2 else connection.connected()
            report.report()
        report.stop()

    threads = [threading.Thread(target=reports, args=(one,)) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({row["listener"] for row in rows(tmp_path)}) == 2
    assert [one._error for one in both] == ["", ""]
    assert states(tmp_path, "a:1").count("connected") == 10
    tables = Tables(str(tmp_path / "data"))
    assert tables.files("sources").num_rows == 2
    assert list((tmp_path / "data/staging").iterdir()) == []


def test_no_commit_is_made_while_nothing_changes(tmp_path):
    report = made(tmp_path, "a:1")
    report.connection("a:1").connected()
    report.report()
    for _ in range(5):
        report.connection("a:1").heard()
        report.connection("a:1").received()
        assert not report.is_due()
        report.report()
    version = DeltaTable(str(tmp_path / "data/sources")).version()
    assert version == 1  # version 0 has made the table
    report.stop()
    assert rows(tmp_path)[1]["documents"] == 5


def test_a_store_that_refuses_is_logged_once_and_made_up_for(tmp_path, caplog):
    (tmp_path / "data").write_text("a file where the folder should be")
    report = made(tmp_path, "a:1")
    for _ in range(3):
        report._reported_at = float("-inf")
        report.connection("a:1").connected()
        report.connection("a:1").lost("closed")
        report.report()
    assert len(caplog.records) == 1
    (tmp_path / "data").unlink()
    report._reported_at = float("-inf")
    report.report()
    assert states(tmp_path, "a:1") == ["lost"] + 3 * ["connected", "lost"]
    report.stop()


def test_the_table_is_made_again_if_it_was_removed(tmp_path):
    report = made(tmp_path, "a:1")
    report.report()
    subprocess.run(["rm", "-r", str(tmp_path / "data/sources")], check=True)
    for _ in range(2):  # the first one fails
        report._reported_at = float("-inf")
        report.report()
    assert states(tmp_path, "a:1") == ["lost"]
    report.stop()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sources": {"a:1": [1]}}'])
def test_a_damaged_file_of_the_listener_is_begun_again(tmp_path, content, caplog):
    made(tmp_path, "a:1").stop()
    (file,) = (tmp_path / "spool").glob("sources-*.json")
    file.write_text(content)
    report = made(tmp_path, "a:1")
    assert "is damaged" in caplog.text
    report.report()
    report.stop()
    assert json.loads(file.read_text())["listener"] == report.listener


def test_rows_of_a_listener_that_is_gone_are_removed_in_the_end(tmp_path, monkeypatch):
    gone = made(tmp_path, "a:1")
    gone.report()
    gone.stop()
    for file in (tmp_path / "spool").iterdir():
        file.unlink()  # as of a machine without a disk that lasts
    report = made(tmp_path, "a:1")
    report.report()
    assert len({row["listener"] for row in rows(tmp_path)}) == 2
    day = 86400 * 10**6
    now = source_report.now_us()
    monkeypatch.setattr(source_report, "now_us", lambda: now + 31 * day)
    report._cleaned_at = report._reported_at = float("-inf")
    report.report()
    report._cleaned_at = report._reported_at = float("-inf")
    assert {row["listener"] for row in rows(tmp_path)} <= {report.listener}
    report.report()
    assert {row["listener"] for row in rows(tmp_path)} == {report.listener}


def test_the_listener_needs_no_pandas(tmp_path):
    """It would take half as much memory as all the rest."""
    code = (
        "import sys\n"
        "from fink_voevent.listen import service\n"
        "from fink_voevent.listen.source_report import SourceReport\n"
        "assert 'deltalake' not in sys.modules\n"
        "report = SourceReport(*sys.argv[1:], ['a:1'])\n"
        "report.report()\n"
        "assert not report._error\n"
        "assert 'pandas' not in sys.modules\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data"), str(tmp_path)], check=True
    )
