# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import fink_checkout

from fink_voevent.cli import main
from fink_voevent.errors import InputError
from fink_voevent.fink.checkout import SERVICES, Checkout


@pytest.fixture
def home(tmp_path) -> Path:
    fink_checkout.checkout(tmp_path / "fink", tmp_path / "data")
    return tmp_path / "fink"


def contents(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def fink_voevent(*arguments: str):
    done = CliRunner().invoke(main, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done


def test_enable_adds_services_settings_and_one_hook(home):
    before = contents(home)
    done = fink_voevent("enable", "--fink-home", str(home), "-s", "ztf")
    assert done.exit_code == 0
    after = contents(home)
    added = {f"bin/ztf/{s}.py" for s in SERVICES} | {"conf/ztf/voevent.conf"}
    assert set(after) - set(before) == added
    assert {n for n in before if before[n] != after[n]} == {"conf/ztf/fink.conf.prod"}
    assert "fink start voevent_match -s ztf" in done.output


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_disable_restores_every_byte(home, end):
    conf = home / "conf" / "ztf" / "fink.conf.prod"
    conf.write_bytes(b"# \xe9, not UTF-8\r\nA=1" + end.encode())
    conf.chmod(0o640)
    before = contents(home)
    fink_voevent("enable", "--fink-home", str(home), "-s", "ztf")
    assert contents(home) != before
    assert fink_voevent("disable", "--fink-home", str(home), "-s", "ztf").exit_code == 0
    assert contents(home) == before
    assert conf.stat().st_mode & 0o777 == 0o640


def test_enabling_twice_and_a_dry_run_change_nothing(home):
    before = contents(home)
    shown = fink_voevent("enable", "--fink-home", str(home), "-s", "ztf", "--dry-run")
    assert contents(home) == before
    assert "+if [ -f " in shown.output
    fink_voevent("enable", "--fink-home", str(home), "-s", "ztf")
    after = contents(home)
    again = fink_voevent("enable", "--fink-home", str(home), "-s", "ztf")
    assert "nothing to change" in again.output
    assert contents(home) == after


def test_edited_settings_are_kept(home):
    fink_voevent("enable", "--fink-home", str(home), "-s", "ztf")
    own = home / "conf" / "ztf" / "voevent.conf"
    own.write_text(own.read_text() + "# edited\n")
    fink_voevent("enable", "--fink-home", str(home), "-s", "ztf")
    done = fink_voevent("disable", "--fink-home", str(home), "-s", "ztf")
    assert own.read_text().endswith("# edited\n")
    assert "was edited and is kept" in done.output


def test_a_script_that_is_not_ours_is_not_replaced(home):
    theirs = home / "bin" / "ztf" / "voevent_match.py"
    theirs.write_text("print('mine')\n")
    with pytest.raises(InputError, match="not ours"):
        Checkout.find(home, "ztf", None).enable()
    assert Checkout.find(home, "ztf", None).disable() == []


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("bin/fink", "set FINK_HOME"),
        ("conf/ztf/fink.conf.prod", "in use with -c"),
    ],
)
def test_an_incomplete_checkout_is_refused_with_advice(home, missing, reason):
    (home / missing).unlink()
    with pytest.raises(InputError, match=reason):
        Checkout.find(home, "ztf", None)


def test_fink_conf_reads_our_settings_and_the_environment_overrides_them(home):
    fink_voevent("enable", "--fink-home", str(home), "-s", "ztf")
    source = (
        "set -e; service=voevent_match; . $FINK_HOME/conf/ztf/fink.conf.prod;"
        " bash -c 'echo $VOEVENT_SURVEY $VOEVENT_DATA_PREFIX $VOEVENT_CREDIBLE_LEVEL';"
        " echo $DRIVER_MEMORY"
    )
    given = {
        "FINK_HOME": str(home),
        "VOEVENT_CREDIBLE_LEVEL": "0.5",
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run(
        ["bash", "-c", source], env=given, capture_output=True, text=True, check=True
    )
    data = home.parent / "data"
    assert done.stdout.splitlines() == [f"ztf {data} 0.5", "2g"]


def test_memory_of_other_services_is_left_alone(home):
    fink_voevent("enable", "--fink-home", str(home), "-s", "ztf")
    source = "set -e; . $FINK_HOME/conf/ztf/fink.conf.prod; echo [$DRIVER_MEMORY]"
    given = {"FINK_HOME": str(home), "HOME": str(home)}
    done = subprocess.run(
        ["bash", "-c", source], env=given, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_lsst_is_rubin(tmp_path):
    fink_checkout.checkout(tmp_path / "fink", tmp_path / "data", "rubin")
    done = fink_voevent("enable", "--fink-home", str(tmp_path / "fink"), "-s", "lsst")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "fink" / "conf" / "rubin" / "voevent.conf").exists()
