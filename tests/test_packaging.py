# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The wheel and the sdist: what they contain, and that an installed one works."""

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

ROOT = Path(__file__).parent.parent
DATA_FILES = {
    "fink_voevent/notices/streams.toml",
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
    """Wheel and sdist, as `make dist` builds them, of a copy of the source."""
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "source"
    source.mkdir()
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(
        ROOT / "fink_voevent",
        source / "fink_voevent",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    build = (sys.executable, "-m", "build", "--no-isolation", "--outdir", folder)
    run(*build, source, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def installed(distributions, tmp_path_factory) -> Path:
    """Folder of the programs of a new environment with the wheel.

    Dependencies are those of the environment of the tests, which are not installed a
    second time; only its editable install of the checkout is left out.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    names = {"base": str(folder), "platbase": str(folder)}
    target = Path(sysconfig.get_path("purelib", "venv", names))
    ours = Path(sysconfig.get_path("purelib"))
    for entry in ours.iterdir():
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


def test_an_installed_wheel_lists_streams_and_enables_services(installed, tmp_path):
    place = run(
        *(installed / "python", "-c", "import fink_voevent as f; print(f.__file__)"),
        cwd=tmp_path,
    )
    assert Path(place.strip()).is_relative_to(installed.parent)
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
