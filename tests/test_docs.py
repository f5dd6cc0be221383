# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The code blocks of the pages run, in order, in a folder of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [
    p
    for p in sorted((ROOT / "docs").glob("*.md"))
    if BLOCK.search(p.read_text("utf-8"))
]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_code_of_a_page_runs(page, spark, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datatest").symlink_to(ROOT / "datatest")
    (tmp_path / "build" / "docs").mkdir(parents=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for language, source in BLOCK.findall(page.read_text("utf-8")):
        if language == "python":
            exec(compile(source, str(page), "exec"), {"spark": spark})  # noqa: S102
            continue
        done = subprocess.run(
            ["bash", "-eu", "-c", source],
            env={**os.environ, "PATH": path, "VOEVENT_SPOOL": str(tmp_path / "spool")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr


def test_every_link_of_a_page_leads_somewhere():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
            assert target.startswith("https://") or (page.parent / target).exists()
