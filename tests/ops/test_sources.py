# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The status of sources, from the reports of one or several listeners."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.cli import main
from fink_voevent.listen.source_report import SourceReport
from fink_voevent.ops.sources import PROBLEM_AFTER, SILENT, summarise
from fink_voevent.ops.status import Observer

NOW = datetime(2024, 1, 15, 12, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
A = "broker.example.org:8099"


def period(state: str, since: int, until: int | None = None, **changes) -> dict:
    """Return a row of the table; times are minutes before `NOW`."""
    return {
        "listener": "one",
        "host": "here",
        "at": NOW,
        "source": A,
        "state": state,
        "since": NOW - since * MINUTE,
        "until": None if until is None else NOW - until * MINUTE,
        "reason": None if state == "connected" else "closed",
        "last_document": None,
        "last_sign": None,
        "documents": 0,
    } | changes


def status_of(*rows: dict):
    (found,) = summarise(rows, NOW)
    return found


def test_a_connected_source_has_its_gaps_of_the_last_day():
    found = status_of(
        period("lost", 3000, 2990),  # before the first connection
        period("connected", 2990, 1500),
        period("lost", 1500, 1430),  # 10 of its 70 minutes are in the last day
        period("connected", 1430, 60),
        period("stopped", 60, 58),
        period("lost", 58, 55),  # one gap with the one before
        period("connected", 55, last_document=NOW - MINUTE, last_sign=NOW),
    )
    assert found.is_connected
    assert found.line() == (
        f"source {A}: connected since 2024-01-15 11:05:00 UTC; last document"
        " 2024-01-15 11:59:00 UTC, last sign of life 2024-01-15 12:00:00 UTC; gaps in"
        " 24 h: 2, together 900 s"
    )
    assert found.problem(NOW) == ""


def test_a_source_that_is_lost_for_ten_minutes_is_a_problem():
    rows = [period("connected", 60, 9), period("lost", 9)]
    assert status_of(*rows).problem(NOW) == ""
    rows = [period("connected", 60, 10), period("lost", 10)]
    found = status_of(*rows)
    assert "not connected since 2024-01-15 11:50:00 UTC (closed)" in found.line()
    assert "fink_voevent doctor" in found.problem(NOW)


def test_a_source_that_was_never_connected_is_lost_since_it_is_configured():
    found = status_of(period("stopped", 60, 50), period("lost", 50))
    assert found.since == NOW - 60 * MINUTE
    assert found.gaps == ()


@pytest.mark.parametrize("state", ["connected", "lost"])
def test_a_listener_that_reports_no_more_is_not_connected(state):
    at = NOW - PROBLEM_AFTER - MINUTE
    rows = [period("connected", 99, 50), period("lost", 50, 40), period(state, 40)]
    found = status_of(*(row | {"at": at} for row in rows))
    assert not found.is_connected
    assert "the listener on here does not run" in found.line()
    assert "start fink_voevent listen" in found.problem(NOW)
    assert found.gaps[-1].last == NOW


def test_a_source_is_connected_while_any_listener_is():
    other = {"listener": "two", "host": "there"}
    found = status_of(
        period("connected", 60, 20),
        period("stopped", 20),
        period("connected", 30, **other),
    )
    assert found.is_connected
    assert found.since == NOW - 60 * MINUTE
    assert found.gaps == ()


def test_a_source_that_no_listener_has_any_more_is_left_out():
    removed = [period("connected", 60, 20), period("removed", 20)]
    assert summarise(removed, NOW) == []
    other = {"listener": "two", "source": A}
    assert status_of(*removed, period("connected", 10, **other)).is_connected


@st.composite
def reports(draw) -> list[dict]:
    """Rows of one to three listeners, each with periods from 60 minutes on."""
    rows = []
    for number in range(draw(st.integers(1, 3))):
        begins = sorted(draw(st.sets(st.integers(1, 60), min_size=1, max_size=8)))[::-1]
        states = draw(
            st.lists(
                st.sampled_from(["connected", "lost", "stopped"]),
                min_size=len(begins),
                max_size=len(begins),
            )
        )
        at = NOW - draw(st.integers(0, begins[-1] - 1)) * MINUTE
        ends = [*begins[1:], None]
        for state, begin, end in zip(states, begins, ends, strict=True):
            rows.append(period(state, begin, end, listener=str(number), at=at))
    return rows


@given(reports())
def test_the_status_agrees_with_one_that_is_made_minute_by_minute(rows):
    def is_connected(minute: int) -> bool:
        """Whether any listener was connected from this minute to the next one."""
        middle = NOW - minute * MINUTE + MINUTE / 2
        return any(
            row["state"] == "connected"
            and row["since"] <= middle
            and middle < (row["until"] or (NOW if NOW - row["at"] <= SILENT else
                                           row["at"]))
            for row in rows
        )  # fmt: skip

    minutes = [is_connected(minute) for minute in range(60, 0, -1)]
    found = status_of(*rows)
    total = sum((gap.last - gap.first for gap in found.gaps), timedelta())
    if True in minutes:
        assert total == minutes[minutes.index(True) :].count(False) * MINUTE
        if minutes[-1]:
            length = (minutes[::-1] + [False]).index(False)
        else:
            length = minutes[::-1].index(True)
        assert found.since == NOW - length * MINUTE
        assert found.is_connected == minutes[-1]
    assert all(gap.first < gap.last for gap in found.gaps)


def report_in(folder: Path, *sources: str) -> SourceReport:
    (folder / "spool").mkdir(exist_ok=True)
    return SourceReport(str(folder / "data/voevent"), str(folder / "spool"), sources)


def run_status(folder: Path, *arguments: str, **environment: str):
    options = ["--data-prefix", str(folder / "data"), "--spool", str(folder / "spool")]
    return CliRunner().invoke(main, ["status", *options, *arguments], env=environment)


def test_status_shows_each_source_and_those_that_are_configured(tmp_path):
    report = report_in(tmp_path, A, "gcn://gcn.notices.one")
    report.connection(A).connected()
    report.report()
    done = run_status(tmp_path, VOEVENT_SOURCES="other.example.org")
    assert done.exit_code == 2  # nothing runs
    first, own, gcn, other = done.output.splitlines()[-4:]
    assert first.startswith("notices received 0")
    assert gcn.startswith("source gcn://gcn.notices.one: not connected since")
    assert own.startswith(f"source {A}: connected since 20")
    assert other == "source other.example.org:8099: no listener has reported it"
    report.stop()


def test_a_lost_source_is_a_reason(tmp_path, monkeypatch):
    report = report_in(tmp_path, A)
    report.report()
    monkeypatch.setattr("fink_voevent.ops.sources.PROBLEM_AFTER", timedelta(0))
    done = run_status(tmp_path)
    assert f"degraded: the source {A} is not connected since" in done.output
    report.stop()


def test_a_damaged_table_is_a_problem_and_the_rest_is_shown(tmp_path):
    report = report_in(tmp_path, A)
    report.report()
    report.stop()
    for file in (tmp_path / "data/voevent/sources/_delta_log").glob("*.json"):
        file.write_bytes(b"")
    found = Observer(str(tmp_path / "data/voevent")).status()
    (problem,) = found.problems
    assert "sources/_delta_log" in problem
    assert found.line().startswith("notices received 0")
