# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Keep child processes running: the listener, and the Spark process of the stages."""

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

VARIABLE = "FINK_VOEVENT_SUPERVISOR"  # process number of the supervisor, for children

_LOG = logging.getLogger(__name__)
POLL_S = 0.2
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
STABLE_S = 60.0  # a child that ran longer is started again after the first wait
GRACE_S = 30.0  # for a child to stop by itself
ORPHAN_S = 1.0  # between two looks at whether the supervisor has ended


@dataclass
class Child:
    """Process that is started again if it ends, after waits that become longer.

    Parameters
    ----------
    name : str
        For the log.
    command : sequence of str
        Program and arguments.
    environment : mapping
        Complete environment.
    wait_s : float, optional
        Wait (s) before the next start; it doubles with each, up to `LONGEST_WAIT_S`.
    on_end : callable, optional
        Called with name and exit code if the child has ended by itself.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    wait_s: float = FIRST_WAIT_S
    on_end: Callable[[str, int], None] | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _changed_at: float = 0.0  # monotonic time of the last start or end

    def start_if_needed(self) -> None:
        """Start the child if it does not run; after its end, once the wait is over."""
        now = time.monotonic()
        if self._process is None:
            if now - self._changed_at >= (self.wait_s if self._changed_at else 0):
                self._start(now)
        elif self._process.poll() is not None:
            self._clean_up(self._process, now)

    def _start(self, now: float) -> None:
        # With a session of its own, Ctrl-C interrupts only us, and the child can be
        # killed together with all processes that it started.
        self._process = subprocess.Popen(  # noqa: S603 - our own command
            self.command, env=dict(self.environment), start_new_session=True
        )
        self._changed_at = now
        _LOG.info("%s has started (process %d)", self.name, self._process.pid)

    def _clean_up(self, process: subprocess.Popen[bytes], now: float) -> None:
        """Kill what an ended child has left running, and set the next wait."""
        self._kill_group(process)
        if now - self._changed_at > STABLE_S:
            self.wait_s = FIRST_WAIT_S
        else:
            self.wait_s = min(2 * self.wait_s, LONGEST_WAIT_S)
        self._process, self._changed_at = None, now
        _LOG.error(
            "%s ended with code %d; it is started again in %.0f s",
            self.name,
            process.returncode,
            self.wait_s,
        )
        if self.on_end is not None:
            self.on_end(self.name, process.returncode)

    def stop(self) -> None:
        """Terminate the child; after `GRACE_S`, kill it and all that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            _LOG.warning("%s has not stopped within %.0f s: killed", self.name, GRACE_S)
        self._kill_group(process)
        process.wait()

    @staticmethod
    def _kill_group(process: subprocess.Popen[bytes]) -> None:
        """Kill all processes of the session of a child."""
        with contextlib.suppress(ProcessLookupError):  # none is left
            os.killpg(process.pid, signal.SIGKILL)


def supervise(
    children: Sequence[Child],
    stop: threading.Event,
    report: Callable[[], None],
    report_s: float,
) -> None:
    """Keep the children running until `stop` is set; then stop them.

    Parameters
    ----------
    children : sequence of Child
    stop : threading.Event
        Usually set by a signal.
    report : callable
        Called every `report_s` seconds, and after the children have stopped.
    report_s : float
        Interval between two reports (s).
    """
    next_report = time.monotonic() + report_s
    try:
        while not stop.wait(POLL_S):
            for child in children:
                child.start_if_needed()
            if time.monotonic() >= next_report:
                report()
                next_report += report_s
    finally:
        for child in children:
            child.stop()
        report()


def parent_lost() -> Callable[[], bool]:
    """Return a function that says whether the supervisor of this process has ended.

    It always returns False in a process without a supervisor.
    """
    supervisor = os.environ.get(VARIABLE)
    return lambda: supervisor is not None and os.getppid() != int(supervisor)


def stop_with_supervisor(stop: threading.Event) -> None:
    """Set `stop` when the supervisor of this process ends, if it has one."""
    if VARIABLE not in os.environ:
        return
    is_orphaned = parent_lost()

    def watch() -> None:
        while not stop.wait(ORPHAN_S):
            if is_orphaned():
                stop.set()

    threading.Thread(target=watch, name="supervisor", daemon=True).start()


def stop_on_signals() -> threading.Event:
    """Return an event that SIGINT, SIGTERM and SIGHUP (a closed terminal) set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    return stop
