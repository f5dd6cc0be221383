# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Two children kept alive: the listener, and one Spark process with the stages."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

VARIABLE = "FINK_VOEVENT_SUPERVISOR"  # process number; set for children only

_LOG = logging.getLogger(__name__)
POLL_S = 0.2
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
STABLE_S = 60.0  # a child that lived so long starts anew with the first wait
GRACE_S = 30.0  # to stop by itself


@dataclass
class Child:
    """A process of ours, restarted whole when it dies, later and later."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    wait_s: float = FIRST_WAIT_S
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _changed_at: float = 0.0

    def tend(self) -> None:
        """Start the child if it is not there; after a death, once the wait is over."""
        now = time.monotonic()
        if self._process is None:
            if now - self._changed_at >= (self.wait_s if self._changed_at else 0):
                self._start(now)
        elif self._process.poll() is not None:
            self._bury(self._process, now)

    def _start(self, now: float) -> None:
        # A session of its own: a Ctrl-C reaches us alone, and the group dies as one.
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            self.command, env=dict(self.environment), start_new_session=True
        )
        self._changed_at = now
        _LOG.info("%s started (process %d)", self.name, self._process.pid)

    def _bury(self, process: subprocess.Popen[bytes], now: float) -> None:
        self._kill_group(process, signal.SIGKILL)
        lived = now - self._changed_at
        self.wait_s = (
            FIRST_WAIT_S if lived > STABLE_S else min(2 * self.wait_s, LONGEST_WAIT_S)
        )
        self._process, self._changed_at = None, now
        _LOG.error(
            "%s died with code %d; started again in %.0f s",
            self.name,
            process.returncode,
            self.wait_s,
        )

    def stop(self) -> None:
        """Ask the child to stop; end it and all it started after `GRACE_S`."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            _LOG.warning("%s does not stop by itself: killed", self.name)
        self._kill_group(process, signal.SIGKILL)
        process.wait()

    @staticmethod
    def _kill_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):  # all gone already
            os.killpg(process.pid, number)


def supervise(
    children: Sequence[Child],
    stop: threading.Event,
    report: Callable[[], None],
    report_s: float,
) -> None:
    """Keep the children alive until `stop` is set; then stop them and report again.

    Parameters
    ----------
    children : sequence of Child
    stop : threading.Event
        Usually set by a signal.
    report : callable
        Called every `report_s` seconds, and at the end.
    report_s : float
    """
    next_report = time.monotonic() + report_s
    try:
        while not stop.wait(POLL_S):
            for child in children:
                child.tend()
            if time.monotonic() >= next_report:
                report()
                next_report += report_s
    finally:
        for child in children:
            child.stop()
        report()


def parent_lost() -> Callable[[], bool]:
    """Return what tells whether the supervisor is gone; never, where there is none."""
    supervisor = os.environ.get(VARIABLE)
    return lambda: supervisor is not None and os.getppid() != int(supervisor)


def stop_on_signals() -> threading.Event:
    """Event that SIGINT, SIGTERM and SIGHUP (a terminal that closes) set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop
