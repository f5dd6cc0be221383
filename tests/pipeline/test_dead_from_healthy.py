# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The status of a real `run`: what is dead or wrong is a reason, with an exit code."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.request
from dataclasses import asdict, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from helpers.programs import LIMIT_S, broadcaster, program, wait_for

from fink_voevent.cli import main
from fink_voevent.ops import beats, sources

SIZE_MB, WANTED_MB = 64, 20


@contextlib.contextmanager
def small_disk(folder: Path):
    """Mount a disk of `SIZE_MB` at a folder; yields whether that is permitted."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)]
    is_mounted = not subprocess.run(
        command, capture_output=True, check=False
    ).returncode
    try:
        yield is_mounted
    finally:
        if is_mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


class Run:
    """A real `run`, and what the status says of it."""

    def __init__(self, folder: Path, log: Path) -> None:
        self.prefix, self.log = folder / "data", log
        self.root = str(self.prefix / "voevent")
        self.options = ("--data-prefix", str(self.prefix))
        self.environment = {
            "VOEVENT_SPOOL": str(folder / "spool"),
            "VOEVENT_MIN_FREE_MB": str(WANTED_MB),
        }

    def status(self) -> tuple[int, str, dict[str, str]]:
        """Exit code, verdict, and text of each reason by its code."""
        done = CliRunner().invoke(
            main, ["status", *self.options, "--json"], env=self.environment
        )
        document = json.loads(done.stdout)
        reasons = {one["code"]: one["text"] for one in document["reasons"]}
        assert all(one["what_to_do"] for one in document["reasons"])
        return done.exit_code, document["verdict"], reasons

    def wait_for_reason(
        self, code: str, limit_s: float = LIMIT_S
    ) -> tuple[int, str, str]:
        """Wait until there is a reason; return exit code, verdict and its text."""
        found = []

        def is_there() -> bool:
            exit_code, verdict, reasons = self.status()
            found[:] = [exit_code, verdict, reasons.get(code)]
            return code in reasons

        wait_for(is_there, limit_s)
        return tuple(found)

    def process(self, name: str) -> int:
        """Return the number of a process that runs."""
        records = {one.name: one for one in beats.records(self.root)}
        return records[name].process

    def is_well(self) -> bool:
        return self.status() == (0, "ok", {})


def java_of(process: int) -> list[int]:
    """Numbers of the Java processes below a process."""
    found = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid=,comm="],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split(None, 2) for line in found.stdout.splitlines()]
    below, java = {process}, []
    for pid, parent, name in sorted(rows, key=lambda row: int(row[0])):
        if int(parent) in below:
            below.add(int(pid))
            if name == "java":
                java.append(int(pid))
    return java


@contextlib.contextmanager
def real_run(folder: Path):
    """Run `fink_voevent run` on a small disk, until it is well; yields it."""
    (folder / "data").mkdir()
    run = Run(folder, folder / "log")
    with contextlib.ExitStack() as stack:
        run.has_small_disk = stack.enter_context(small_disk(run.prefix))
        (run.prefix / "voevent" / "background").mkdir(parents=True)
        run.broker = stack.enter_context(contextlib.ExitStack())
        run.port, _ = run.broker.enter_context(broadcaster())
        command = ("-m", "fink_voevent", "run", "--source", f"127.0.0.1:{run.port}")
        environment = run.environment | {
            "VOEVENT_METRICS_ADDRESS": "127.0.0.1:0",
            "VOEVENT_MAX_RECONNECT_S": "1",
        }
        log = stack.enter_context(run.log.open("w"))
        run.supervisor = subprocess.Popen(
            [sys.executable, *command, *run.options],
            env={**os.environ, **environment}, stdout=log, stderr=log,
        )  # fmt: skip
        stack.callback(run.supervisor.wait)
        stack.callback(run.supervisor.terminate)
        wait_for(lambda: run.status()[2].keys() == {"rates-missing"})
        assert run.status()[:2] == (1, "degraded")
        rates = pa.table({"any": [1.0]})
        pq.write_table(rates, f"{run.root}/background/ztf-of-a-test.parquet")
        wait_for(run.is_well)
        yield run
    assert "Traceback" not in run.log.read_text()


@pytest.mark.slow
def test_dead_from_healthy(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "PROBLEM_AFTER", timedelta(0))
    with real_run(tmp_path) as run:
        wait_for(lambda: "/metrics and /healthz" in run.log.read_text())
        address = run.log.read_text().partition("serving http://")[2].split("/")[0]
        with urllib.request.urlopen(f"http://{address}/healthz") as answer:  # noqa: S310
            assert json.load(answer)["verdict"] == "ok"

        # wrong prefix
        typo = ["status", "--data-prefix", f"{run.prefix}typo"]
        done = CliRunner().invoke(main, typo)
        assert done.exit_code == 2
        assert "down: nothing has ever run here" in done.output

        # source lost
        run.broker.close()
        assert run.wait_for_reason("source-lost")[:2] == (1, "degraded")
        run.broker.enter_context(broadcaster(port=run.port))
        wait_for(run.is_well)

        # full disk, and room again
        if run.has_small_disk:
            filler = run.prefix / "filler"
            with contextlib.suppress(OSError):
                filler.write_bytes(b"0" * SIZE_MB * 2**20)
            assert run.wait_for_reason("disk-full")[:2] == (2, "down")
            filler.unlink()
        else:  # mounting is not permitted: more space is wanted than there is
            run.environment["VOEVENT_MIN_FREE_MB"] = "1e15"
            assert run.wait_for_reason("disk-full")[:2] == (2, "down")
            run.environment["VOEVENT_MIN_FREE_MB"] = str(WANTED_MB)
        wait_for(run.is_well)

        # a wrong clock: a record of another machine lies in the future
        later = datetime.now(timezone.utc) + timedelta(hours=2)
        (here,) = [one for one in beats.records(run.root) if one.name == "run"]
        other = replace(here, host="elsewhere", at=later.isoformat())
        path = Path(run.root, "processes", "elsewhere-run.json")
        path.write_text(json.dumps(asdict(other)))
        exit_code, verdict, text = run.wait_for_reason("clock-wrong")
        assert (exit_code, verdict) == (1, "degraded")
        assert "s behind the time of the last record" in text
        path.unlink()

        # listener killed: dead until run has started it again
        killed = run.process("listen")
        os.kill(killed, signal.SIGKILL)
        text = run.wait_for_reason("process-restarted")[2]
        assert text.startswith("listen ended once in the last 10 minutes")
        wait_for(lambda: run.process("listen") != killed)
        wait_for(lambda: "process-dead" not in run.status()[2])
        assert run.status()[:2] == (1, "degraded")

        # run killed: its children stop
        run.supervisor.kill()
        run.supervisor.wait()
        assert run.wait_for_reason("process-dead")[:2] == (2, "down")
        wait_for(lambda: "process-stopped" in run.status()[2])


@pytest.mark.nightly
def test_spark_that_is_killed_is_a_reason_and_is_started_again(tmp_path):
    with real_run(tmp_path) as run:
        stages = run.process("stages")
        wait_for(lambda: bool(java_of(stages)))
        wait_for(lambda: "Spark has started" in run.log.read_text())
        os.kill(java_of(stages)[-1], signal.SIGKILL)
        exit_code, verdict, text = run.wait_for_reason("process-restarted")
        assert (exit_code, verdict) in ((1, "degraded"), (2, "down"))
        assert text.startswith("stages ended once")
        wait_for(lambda: run.process("stages") != stages)
        wait_for(lambda: run.status()[:2] == (1, "degraded"))
        assert "its Java process has ended" in run.log.read_text()


def test_a_listener_that_is_killed_is_dead_and_one_that_is_stopped_is_stopped(tmp_path):
    run = Run(tmp_path, tmp_path / "log")
    with broadcaster() as (port, _):
        for signal_number, code in (
            (signal.SIGKILL, "dead"),
            (signal.SIGINT, "stopped"),
        ):
            environment = run.environment | {"VOEVENT_SOURCES": f"127.0.0.1:{port}"}
            command = ("-m", "fink_voevent", "listen", *run.options)
            with program(*command, **environment) as process:
                wait_for(
                    lambda p=process: (
                        [one.process for one in beats.records(run.root)] == [p.pid]
                    )
                )
                assert any("connected to" in line for line in process.stdout)
                wait_for(lambda: "process-dead" not in run.status()[2])
                process.send_signal(signal_number)
                process.wait(40)
            assert run.wait_for_reason(f"process-{code}")[:2] == (2, "down")
