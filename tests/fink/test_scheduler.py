# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What Fink's operators use: logs, on-call checks, and the login of distribute."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers import fink_checkout

from fink_voevent.config import render
from fink_voevent.config.load import load

ROOT = Path(__file__).parents[2]
LAUNCH = ROOT / "conf" / "scheduler" / "launch_voevent.sh"
NIGHT = "20240115"
DISTRIBUTION = """cd $FINK_HOME
mkdir -p fink_kafka_logs
DISTRIBUTION_SERVERS="one:9092,two:9092"
KAFKA_SECURITY_PROTOCOL={security}
KAFKA_SASL_USERNAME=fink
KAFKA_SASL_PASSWORD='open $esame'
"""


@pytest.fixture
def home(tmp_path) -> Path:
    fink_checkout.checkout(tmp_path / "fink", tmp_path / "data", "rubin")
    return tmp_path / "fink"


def launch(home: Path, exit_code: int, *arguments: str) -> subprocess.CompletedProcess:
    """Run the script with a bin/fink that prints its arguments and ends so."""
    program = f'#!/bin/bash\necho "$@"\nexit {exit_code}\n'
    (home / "bin" / "fink").write_text(program)
    (home / "bin" / "fink").chmod(0o755)
    return subprocess.run(
        [str(LAUNCH), "-night", NIGHT, *arguments],
        env={**os.environ, "FINK_HOME": str(home), "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def log(home: Path, stage: str) -> str:
    return (home / "broker_logs" / f"voevent_{stage}_{NIGHT}.log").read_text()


def test_each_stage_has_a_log_where_fink_looks_for_it(home):
    done = launch(home, 0, "-stop_at", "1 hour")
    assert done.returncode == 0, done.stderr
    for stage in ("ingest", "match", "route"):
        assert log(home, stage).startswith(f"start voevent_{stage} -s rubin -c {home}")
        assert f"-night {NIGHT} -exit_after 3" in log(home, stage)
        assert "Traceback" not in log(home, stage)


@pytest.mark.parametrize(("code", "is_failure"), [(2, True), (143, False)])
def test_a_service_that_fails_is_seen_by_the_check_of_fink(home, code, is_failure):
    done = launch(home, code, "-stop_at", "1 hour", "match")
    assert done.returncode == code
    assert ("Traceback" in log(home, "match")) == is_failure
    assert not (home / "broker_logs" / f"voevent_route_{NIGHT}.log").exists()


@pytest.mark.skipif("FINK_HOME" not in os.environ, reason="no checkout: FINK_HOME")
@pytest.mark.parametrize("survey", ["rubin", "ztf"])
def test_the_check_of_a_checkout_reports_a_service_that_has_failed(home, survey):
    check = Path(os.environ["FINK_HOME"], "scheduler", survey, "check_status.sh")
    launch(home, 2, "-s", survey, "-stop_at", "1 hour", "match")
    (home / ".bash_profile").write_text("")
    done = subprocess.run(
        ["bash", str(check), "--night", NIGHT],
        env={**os.environ, "FINK_HOME": str(home), "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert f"FAILURE: voevent_match_{NIGHT}.log" in done.stdout


@pytest.mark.parametrize("arguments", [("-stop_at", "1 hour ago"), ("--nonsense",)])
def test_what_cannot_be_done_is_refused_in_one_line(home, arguments):
    done = launch(home, 0, *arguments)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert not (home / "broker_logs" / f"voevent_match_{NIGHT}.log").exists()


@pytest.mark.parametrize(
    ("fink", "ours"), [("VD", "PLAINTEXT"), ("SASL_PLAINTEXT", "SASL_PLAINTEXT")]
)
def test_the_brokers_and_the_login_of_distribute_can_be_used(home, fink, ours):
    conf = home / "conf" / "rubin"
    (conf / "voevent.conf").write_text(render.shell("rubin"))
    (conf / "fink.conf.distribution").write_text(DISTRIBUTION.format(security=fink))
    source = f"set -e; . {conf}/voevent.conf; pwd >&2; env -0"
    done = subprocess.run(
        ["bash", "-c", source],
        env={
            **{"PATH": os.environ["PATH"], "HOME": str(home), "FINK_HOME": str(home)},
            "VOEVENT_KAFKA_SERVERS": "fink",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == str(ROOT)  # the shell has not moved
    found = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    settings = load(found).settings
    assert settings.kafka_servers == "one:9092,two:9092"
    assert (settings.kafka_security, settings.kafka_username) == (ours, "fink")
    assert settings.kafka_password.get_secret_value() == "open $esame"


@pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)
def test_the_unit_of_systemd_is_valid():
    unit = ROOT / "conf" / "systemd" / "fink-voevent-listen.service"
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True
    )
    assert str(unit.name) not in done.stderr, done.stderr
