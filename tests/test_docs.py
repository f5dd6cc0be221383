# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The code blocks of the pages run, in order, in a folder of their own."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers.pipeline import Pipeline, settings_in

from fink_voevent.cli import main

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [
    p
    for p in sorted((ROOT / "docs").rglob("*.md"))
    if BLOCK.search(p.read_text("utf-8"))
]


@pytest.fixture(scope="module")
def demo(spark, datatest, tmp_path_factory) -> Path:
    """Folder with the tables that ``make demo`` leaves in build/demo."""
    folder = tmp_path_factory.mktemp("demo")
    stages = Pipeline(spark, settings_in(folder), datatest)
    stages.notices()
    stages.alerts("early")
    stages.match()
    stages.alerts("late")
    stages.run()
    stages.spool.close()
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_code_of_a_page_runs(page, spark, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VOEVENT_SPOOL", str(tmp_path / "spool"))
    (tmp_path / "datatest").symlink_to(ROOT / "datatest")
    (tmp_path / "build" / "docs").mkdir(parents=True)
    if "build/demo" in page.read_text("utf-8"):
        demo = request.getfixturevalue("demo")
        (tmp_path / "build" / "demo").symlink_to(demo)
    names = {"spark": spark}
    for language, source in BLOCK.findall(page.read_text("utf-8")):
        if language == "python":
            exec(compile(source, str(page), "exec"), names)  # noqa: S102
        elif all(line.startswith("fink_voevent ") for line in commands(source)):
            for line in commands(source):
                done = CliRunner().invoke(main, shlex.split(line, comments=True)[1:])
                assert done.exit_code == 0, (line, done.output)
        else:
            run_in_a_shell(source)


def test_the_notebook_of_pictures_runs(monkeypatch):
    """Its cells, in order, without outputs that would have to be kept up to date."""
    monkeypatch.chdir(ROOT)
    notebook = json.loads((ROOT / "docs" / "pictures.ipynb").read_text("utf-8"))
    names: dict = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), "notebook", "exec"), names)  # noqa: S102
            assert cell["outputs"] == []
    assert names["region"].area_deg2(0.9) > 50


def commands(source: str) -> list[str]:
    """Lines of a shell block, continued lines joined; plain commands only."""
    lines = source.replace("\\\n", " ").splitlines()
    if any(sign in source for sign in ("|", ">", "<", "$", "&", ";")):
        return [source]
    return [line for line in lines if line.strip() and not line.startswith("#")]


def run_in_a_shell(source: str) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-eu", "-c", source],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_every_link_of_a_page_leads_somewhere():
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
            assert target.startswith("https://") or (page.parent / target).exists()
