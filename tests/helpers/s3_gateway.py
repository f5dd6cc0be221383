# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A real S3 gateway over a folder: versitygw, which Go builds the first time."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from pathlib import Path

from helpers.go_programs import program
from helpers.kafka_broker import free_ports

MODULE = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"
# Before it knew conditional writes.
OLD_MODULE = "github.com/versity/versitygw/cmd/versitygw@v1.0.7"
BUCKET = "fink"
LIMIT_S = 30.0


class S3Gateway:
    """A running gateway with one bucket.

    Parameters
    ----------
    folder : Path
        For its data and log.
    module : str, optional
        Version of the gateway.
    """

    user, secret = "fink", "open-sesame"

    def __init__(self, folder: Path, module: str = MODULE) -> None:
        (port,) = free_ports(1)
        self.endpoint = f"http://127.0.0.1:{port}"
        (folder / "data" / BUCKET).mkdir(parents=True)
        self._log = folder / "log"
        command = [program(module), "--port", f"127.0.0.1:{port}"]
        login = ["--access", self.user, "--secret", self.secret]
        place = ["posix", folder / "data"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*map(str, (*command, *login, *place))],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait(port)

    @property
    def options(self) -> str:
        """Value of ``VOEVENT_STORE_OPTIONS``."""
        return (
            f"fs.s3a.endpoint={self.endpoint},fs.s3a.access.key={self.user},"
            f"fs.s3a.secret.key={self.secret},fs.s3a.path.style.access=true"
        )

    def _wait(self, port: int) -> None:
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
            except OSError:  # noqa: PERF203 - until it answers
                time.sleep(0.1)
            else:
                return
        raise RuntimeError(self._log.read_text()[-2000:])

    def stop(self) -> None:
        """Stop the gateway."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
