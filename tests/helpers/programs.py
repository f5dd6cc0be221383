# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Run programs in tests, and wait for a condition."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
LIMIT_S = 180.0  # long, so that no test fails because the machine is busy


@contextlib.contextmanager
def program(*command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run Python with a command; stdout and stderr are one pipe. Ends it on exit."""
    process = subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(40)
        process.kill()
        process.stdout.close()


@contextlib.contextmanager
def broadcaster(
    *folders: Path, port: int = 0
) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run Comet's broadcaster with the files of folders; yields its port as well."""
    command = [str(HERE / "broadcaster.py"), *map(str, folders)]
    with program(*command, BROADCASTER_PORT=str(port)) as process:
        port = int(process.stdout.readline().split()[1])
        yield port, process


@contextlib.contextmanager
def listener(port: int, data: Path, **environment: str):
    """Run ``fink_voevent listen`` for one VTP source, with its data below `data`."""
    environment = {
        "VOEVENT_SOURCES": f"127.0.0.1:{port}",
        "VOEVENT_DATA_PREFIX": str(data / "data"),
        "VOEVENT_SPOOL": str(data / "spool"),
        "VOEVENT_LANDING_S": "0.2",
    } | environment
    with program("-m", "fink_voevent", "listen", **environment) as process:
        yield process


def wait_for(test: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait until `test` returns True; fail after `limit_s` seconds."""
    end = time.monotonic() + limit_s
    while not test():
        assert time.monotonic() < end, f"not within {limit_s} s"
        time.sleep(0.05)
