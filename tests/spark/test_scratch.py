# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Local folders are removed at the end, or by the next process."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile

import pytest

from fink_voevent.spark.scratch import LOCK, PREFIX, Scratch

MAKE = """
from fink_voevent.spark.scratch import Scratch
scratch = Scratch()
(scratch.path / "checkpoint").mkdir()
print(scratch.path.name, flush=True)
input()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def other(temporary):
    """Another process, and the name of its folder."""
    with subprocess.Popen(
        [sys.executable, "-c", MAKE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"TMPDIR": str(temporary), "PYTHONPATH": ":".join(sys.path)},
    ) as process:
        yield process, process.stdout.readline().strip()
        process.kill()


def names(folder) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_folder_is_removed_at_the_end(temporary):
    scratch = Scratch()
    (scratch.path / "checkpoint").mkdir()
    assert names(temporary) == {scratch.path.name}
    scratch.remove()
    assert names(temporary) == set()


def test_the_folder_of_a_process_that_was_killed_is_removed(temporary, other):
    process, name = other
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert names(temporary) == {name}
    scratch = Scratch()
    assert names(temporary) == {scratch.path.name}
    scratch.remove()


def test_the_folder_of_a_process_that_runs_is_kept(temporary, other):
    process, name = other
    first, second = Scratch(), Scratch()
    assert process.poll() is None
    assert names(temporary) == {name, first.path.name, second.path.name}
    first.remove()
    second.remove()


def test_folders_of_other_programs_are_kept(temporary):
    (temporary / f"{PREFIX}without-lock").mkdir()
    (temporary / "other").mkdir()
    (temporary / "other" / LOCK).touch()
    (temporary / f"{PREFIX}file").touch()
    before = names(temporary)
    Scratch().remove()
    assert names(temporary) == before
