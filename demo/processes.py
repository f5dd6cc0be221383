# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The programs of the demo; the output of each is a log file."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

BIN = Path(sys.executable).parent
POLL_S = 0.25


class DemoError(Exception):
    """A step of the demo was not done in time, or failed."""


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: list[str], log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program; at the end terminate it, and wait for it.

    It gets SIGTERM, because shells make programs in the background ignore SIGINT.
    """
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(step: str, test: Callable[[], bool], limit_s: float) -> None:
    """Wait until `test` returns true; raise DemoError after `limit_s` seconds."""
    end = time.monotonic() + limit_s
    while not test():
        if time.monotonic() > end:
            raise DemoError(f"{step}: not within {limit_s:.0f} s")
        time.sleep(POLL_S)


def comet_broker(folder: Path) -> tuple[list[str], int, int]:
    """Return the command of an unmodified Comet broker on loopback, and its two ports.

    Authors submit to the first; subscribers connect to the second.
    """
    receive, broadcast = free_port(), free_port()
    (folder / "eventdb").mkdir(parents=True, exist_ok=True)
    command = [
        str(BIN / "twistd"), "-n", f"--pidfile={folder / 'comet.pid'}", "comet",
        "--local-ivo=ivo://org.example/demo", "--receive",
        f"--receive-port={receive}", "--broadcast", f"--broadcast-port={broadcast}",
        "--author-whitelist=127.0.0.1/32", "--subscriber-whitelist=127.0.0.1/32",
        "--broadcast-test-interval=0", f"--eventdb={folder / 'eventdb'}", "-v",
    ]  # fmt: skip
    return command, receive, broadcast


def comet_subscriber(folder: Path, port: int) -> list[str]:
    """Return the command of a Comet that saves the VOEvents it receives to a folder."""
    for name in ("kept", "eventdb"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return [
        str(BIN / "twistd"), "-n", f"--pidfile={folder / 'comet.pid'}", "comet", "-v",
        "--local-ivo=ivo://org.example/subscriber", f"--remote=127.0.0.1:{port}",
        f"--eventdb={folder / 'eventdb'}", "--save-event",
        f"--save-event-directory={folder / 'kept'}",
    ]  # fmt: skip


def send(notice: Path, port: int) -> None:
    """Send a notice to a broker with Comet's program comet-sendvo."""
    command = [
        str(BIN / "comet-sendvo"), "--host=127.0.0.1", f"--port={port}",
        f"--file={notice}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DemoError(f"{notice.name} was not sent: {done.stdout}{done.stderr}")


def is_open(port: int) -> bool:
    """Return whether a program listens on a port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
