# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The wheel and the sdist contain what they should, and an installed wheel works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from fink_voevent import __version__

ROOT = Path(__file__).parent.parent
DATA_FILES = {
    "fink_voevent/notices/streams.toml",
    "fink_voevent/show/templates/event.html.j2",
    "fink_voevent/spark/log4j2.properties",
    "fink_voevent/py.typed",
}


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program without the checkout on its path, and return what it prints."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment | {"VOEVENT_SPOOL": str(cwd / "spool")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def distributions(tmp_path_factory) -> tuple[Path, Path]:
    """Wheel and sdist, as `make dist` builds them, of a copy of the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "source"
    left_out = (".*", "__pycache__", "*.egg-info", "build", "dist")
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*left_out))
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", folder)
    run(*build, source, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def installed(distributions, tmp_path_factory) -> Path:
    """Folder of the programs of a new environment in which the wheel is installed.

    Dependencies are links to those of the environment of the tests, without its
    editable installation of the checkout.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    names = {"base": str(folder), "platbase": str(folder)}
    target = Path(sysconfig.get_path("purelib", "venv", names))
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.lower().startswith(("__editable__", "fink_voevent")):
            (target / entry.name).symlink_to(entry)
    python = folder / "bin" / "python"
    wheel, _ = distributions
    run(python, "-m", "pip", "install", "--no-deps", wheel, cwd=folder)
    return folder / "bin"


def test_the_wheel_and_the_sdist_have_the_package_and_no_tests(distributions):
    wheel, sdist = distributions
    in_wheel = set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    for names in (in_wheel, in_sdist):
        assert names >= DATA_FILES
        assert any(name.endswith("LICENSE") for name in names)
        assert not [name for name in names if name.startswith("tests")]


def test_the_citation_has_the_version_of_the_package():
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\nversion: {__version__}\n" in citation


def test_an_installed_wheel_lists_streams_and_enables_services(installed, tmp_path):
    code = "import fink_voevent; print(fink_voevent.__file__)"
    file = run(installed / "python", "-c", code, cwd=tmp_path).strip()
    assert Path(file).is_relative_to(installed.parent)
    listed = run(installed / "fink_voevent", "streams", cwd=tmp_path)
    assert "swift_bat_position" in listed
    home = tmp_path / "fink-broker"
    for folder in ("bin/ztf", "conf/ztf"):
        (home / folder).mkdir(parents=True)
    (home / "bin" / "fink").write_text("")
    (home / "conf" / "ztf" / "fink.conf.prod").write_text("FINK=1\n")
    enable = (installed / "fink_voevent", "enable", "--fink-home", home, "-s", "ztf")
    assert "voevent_match.py" in run(*enable, cwd=tmp_path)
    assert (home / "bin" / "ztf" / "voevent_match.py").exists()


@pytest.mark.slow
def test_an_installed_wheel_matches_a_night(installed, datatest, tmp_path, expected):
    printed = run(
        *(installed / "fink_voevent", "match", "--out", tmp_path / "out"),
        *("--alerts", datatest / "alerts", "--notices", datatest / "voevents"),
        cwd=tmp_path,
    )
    assert printed.count(" and ZTF") == len(expected) == 40
