# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Each reason of a verdict: when it is one, and when it is not."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.ops.beats import STOPPED, End, ProcessRecord, began
from fink_voevent.ops.sources import SourceStatus
from fink_voevent.ops.verdict import (
    DEGRADED,
    DOWN,
    EXIT_CODES,
    OK,
    Disk,
    Evidence,
    Reason,
    judge,
    verdict_of,
)

NOW = datetime(2026, 1, 15, 12, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)
HERE = socket.gethostname()


def process(name: str, *roles: str, ago: timedelta = MINUTE, **changes):
    values = {
        "host": HERE,
        "process": os.getpid(),
        "began": began(os.getpid()),
        "at": (NOW - ago).isoformat(),
    } | changes
    return ProcessRecord(name, roles, **values)


LISTEN = process("listen", "listen")
STAGES = process("stages", "ingest", "match", "route")
WELL = Evidence(NOW, (LISTEN, STAGES), wanted_mb=1000.0, newest=NOW - MINUTE)
DEAD = {"process": 2**22 + 1}  # larger than any number of a process


def reasons(**changes) -> dict[str, str]:
    found = judge(replace(WELL, **changes))
    assert all(one.text and one.what_to_do for one in found.reasons)
    assert all("\n" not in one.text for one in found.reasons)
    return {one.code: one.level for one in found.reasons}


def test_without_a_reason_all_is_well():
    found = judge(WELL)
    assert (found.verdict, found.exit_code, found.reasons) == (OK, 0, ())


@pytest.mark.parametrize("which", [0, 1])
def test_a_process_that_was_killed_is_down(which):
    both = [LISTEN, STAGES]
    both[which] = replace(both[which], **DEAD)
    assert reasons(processes=both) == {"process-dead": DOWN}


def test_a_number_of_a_process_that_is_given_again_is_not_the_process():
    other = replace(LISTEN, began="1")
    assert reasons(processes=(other, STAGES)) == {"process-dead": DOWN}


def test_a_process_that_was_stopped_is_down_if_all_were():
    stopped = replace(STAGES, state=STOPPED)
    assert reasons(processes=(LISTEN, stopped)) == {"process-stopped": DEGRADED}
    both = (replace(LISTEN, state=STOPPED), stopped)
    assert reasons(processes=both) == {"process-stopped": DOWN}


def test_a_role_that_never_ran_is_missing_unless_it_is_not_wanted():
    assert reasons(processes=(STAGES,)) == {"process-missing": DEGRADED}
    assert reasons(processes=(STAGES,), is_listening_wanted=False) == {}
    assert reasons(processes=()) == {"process-missing": DOWN}


def test_another_process_of_the_same_role_makes_up_for_a_dead_one():
    dead = process("voevent_match", "match", **DEAD)
    assert reasons(processes=(LISTEN, STAGES, dead)) == {}


def test_a_process_of_another_machine_is_dead_once_it_is_silent():
    elsewhere = process("listen", "listen", host="elsewhere", process=1, began="1")
    assert reasons(processes=(elsewhere, STAGES)) == {}
    silent = replace(elsewhere, at=(NOW - 4 * MINUTE).isoformat())
    assert reasons(processes=(silent, STAGES)) == {"process-dead": DOWN}


def test_a_process_that_runs_and_does_not_report_is_silent():
    silent = process("listen", "listen", ago=4 * MINUTE)
    assert reasons(processes=(silent, STAGES)) == {"process-silent": DEGRADED}


def test_a_supervisor_that_was_killed_is_a_reason_while_its_children_lack():
    run = process("run", **DEAD)
    assert reasons(processes=(run, LISTEN, STAGES)) == {}
    stopped = (replace(LISTEN, state=STOPPED), replace(STAGES, state=STOPPED))
    assert reasons(processes=(run, *stopped))["process-dead"] == DOWN


def test_a_child_that_ended_is_a_reason_for_ten_minutes():
    end = End("listen", -9, (NOW - 9 * MINUTE).isoformat())
    run = process("run", ends=(end,))
    assert reasons(processes=(LISTEN, STAGES, run)) == {"process-restarted": DEGRADED}
    old = replace(end, at=(NOW - 11 * MINUTE).isoformat())
    run = process("run", ends=(old,))
    assert reasons(processes=(LISTEN, STAGES, run)) == {}


def test_sources_that_are_lost_or_silent_are_reasons():
    lost = SourceStatus("a:1", since=NOW - 11 * MINUTE, reason="refused")
    assert reasons(sources=(lost,)) == {"source-lost": DEGRADED}
    assert reasons(sources=(replace(lost, since=NOW - MINUTE),)) == {}
    connected = replace(lost, is_connected=True, last_sign=NOW - 6 * MINUTE)
    assert reasons(sources=(connected,)) == {"source-silent": DEGRADED}
    assert reasons(sources=(replace(connected, last_sign=NOW),)) == {}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"in_spool": 1, "in_spool_s": 61.0}, "spool-grows"),
        ({"lags_s": {"ingest": 301.0}}, "ingest-lags"),
        ({"lags_s": {"ingest": 0.0, "route": 400.0}}, "route-lags"),
        ({"has_rates": False, "survey": "ztf"}, "rates-missing"),
        ({"quarantined": 10, "documents": 100}, "quarantine-grows"),
        (
            {"silent_publishers": ("degraded: a has sent, b is silent; see c",)},
            "publisher-silent",
        ),
        ({"publishing": ("fink_voevent broadcast has ended",)}, "publishing"),
        ({"problems": ("events/x is damaged",)}, "file-damaged"),
        ({"newest": NOW + 2 * MINUTE}, "clock-wrong"),
        ({"notice_ahead_s": 61.0}, "clock-wrong"),
        ({"disks": (Disk("the spool", "/x", 999.0),)}, "disk-fills"),
    ],
)
def test_a_figure_beyond_its_limit_is_a_reason(changes, code):
    assert reasons(**changes) == {code: DEGRADED}


@pytest.mark.parametrize(
    "changes",
    [
        {"in_spool": 1, "in_spool_s": 59.0},
        {"lags_s": {"ingest": 299.0}},
        {"quarantined": 9, "documents": 9},
        {"quarantined": 10, "documents": 101},
        {"newest": NOW + MINUTE},
        {"notice_ahead_s": 60.0},
        {"disks": (Disk("the spool", "/x", 1000.0),)},
    ],
)
def test_a_figure_within_its_limit_is_none(changes):
    assert reasons(**changes) == {}


def test_a_disk_with_a_tenth_of_the_space_is_down():
    full = Disk("the tables", "/x", 99.0)
    assert reasons(disks=(full,)) == {"disk-full": DOWN}


levels = st.sampled_from([DEGRADED, DOWN])


@given(st.lists(levels.map(lambda level: Reason("code", level, "text", "advice"))))
def test_the_verdict_is_the_worst_level_and_the_worst_reasons_come_first(found):
    order = (OK, DEGRADED, DOWN)
    result = verdict_of(found)
    expected = max((order.index(one.level) for one in found), default=0)
    assert result.verdict == order[expected]
    assert result.exit_code == EXIT_CODES[result.verdict] == expected
    shown = [order.index(one.level) for one in result.reasons]
    assert shown == sorted(shown, reverse=True)
    assert len(shown) == len(found)


def test_pages_that_nobody_makes_any_more_are_degraded_unless_that_was_requested():
    pages = process("page", "pages")
    assert reasons(processes=(LISTEN, STAGES, pages)) == {}
    dead = replace(pages, **DEAD)
    assert reasons(processes=(LISTEN, STAGES, dead)) == {"process-dead": DEGRADED}
    stopped = replace(pages, state=STOPPED)
    assert reasons(processes=(LISTEN, STAGES, stopped)) == {}
    both = [replace(one, state=STOPPED) for one in (LISTEN, STAGES)]
    assert reasons(processes=(*both, pages)) == {"process-stopped": DOWN}
