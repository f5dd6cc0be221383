# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.programs import wait_for

from fink_voevent.ops import supervisor
from fink_voevent.ops.supervisor import Child, supervise


@pytest.fixture
def quick(monkeypatch):
    """Shorten the waits."""
    monkeypatch.setattr(supervisor, "POLL_S", 0.01)
    monkeypatch.setattr(supervisor, "GRACE_S", 2.0)


def child(source: str, **changes) -> Child:
    return Child("child", [sys.executable, "-c", source], dict(os.environ), **changes)


def run(children, until: Callable[[], bool], reports: list) -> None:
    """Supervise children until a condition is true."""
    stop = threading.Event()

    def watch() -> None:
        try:
            wait_for(until)
        finally:
            stop.set()

    watching = threading.Thread(target=watch)
    watching.start()
    supervise(children, stop, lambda: reports.append(1), 0.2)
    watching.join()


def test_a_child_that_ends_is_started_again_after_longer_waits(quick, tmp_path, caplog):
    caplog.set_level("INFO")
    log = tmp_path / "starts"
    process = child(
        f"import time; print(time.time(), file=open({str(log)!r}, 'a'));"
        " raise SystemExit(3)",
        wait_s=0.05,
    )

    def starts() -> list[float]:
        return [float(line) for line in log.read_text().splitlines()]

    run([process], lambda: log.exists() and len(starts()) >= 4, [])
    first, second, third, fourth, *_ = starts()
    assert second - first >= 0.1
    assert third - second >= 0.2
    assert fourth - third >= 0.4
    assert process.wait_s >= 0.4
    assert "child ended with code 3; it is started again" in caplog.text


def test_children_stop_when_requested_and_a_last_report_is_made(quick):
    reports: list[int] = []
    process = child("import time; time.sleep(60)")
    started = time.monotonic()
    run([process], lambda: bool(reports), reports)
    assert time.monotonic() - started < 30  # it would run for 60 s
    assert len(reports) >= 2


def test_a_child_that_does_not_stop_is_killed_with_its_own_children(quick, tmp_path):
    pids = tmp_path / "pids"
    process = child(
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{p.pid}}')\n"
        "time.sleep(60)\n"
    )
    run([process], lambda: pids.exists() and len(pids.read_text().split()) == 2, [])
    for pid in pids.read_text().split():
        wait_for(lambda pid=pid: has_ended(pid))


def has_ended(pid: str) -> bool:
    """Whether a process has ended, even if it is not waited for."""
    state = Path("/proc", pid, "stat")
    return not state.exists() or state.read_text().split()[2] == "Z"
