# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import sys
import threading
import time

import pytest

from fink_voevent.ops import supervisor
from fink_voevent.ops.supervisor import Child, supervise


@pytest.fixture
def quick(monkeypatch):
    """Shorten the waits."""
    monkeypatch.setattr(supervisor, "POLL_S", 0.01)
    monkeypatch.setattr(supervisor, "GRACE_S", 2.0)


def child(source: str, **changes) -> Child:
    return Child("child", [sys.executable, "-c", source], dict(os.environ), **changes)


def run(children, seconds: float, reports: list) -> None:
    stop = threading.Event()
    threading.Timer(seconds, stop.set).start()
    supervise(children, stop, lambda: reports.append(1), 0.2)


def test_a_child_that_ends_is_started_again_after_longer_waits(quick, tmp_path, caplog):
    caplog.set_level("INFO")
    log = tmp_path / "starts"
    process = child(
        f"open({str(log)!r}, 'a').write('x'); raise SystemExit(3)", wait_s=0.05
    )
    run([process], 1.5, [])
    assert 2 <= len(log.read_text()) <= 6
    assert process.wait_s > 0.1
    assert "child ended with code 3; it is started again" in caplog.text


def test_children_stop_when_requested_and_a_last_report_is_made(quick):
    reports: list[int] = []
    process = child("import time; time.sleep(60)")
    started = time.monotonic()
    run([process], 0.5, reports)
    assert time.monotonic() - started < 3
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
    run([process], 1.0, [])
    time.sleep(0.2)
    for pid in map(int, pids.read_text().split()):
        state = f"/proc/{pid}/stat"
        assert not os.path.exists(state) or open(state).read().split()[2] == "Z"  # noqa: PTH110, PTH123, SIM115
