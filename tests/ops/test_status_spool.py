# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The status line says what waits in the spool of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fink_voevent.cli import main
from fink_voevent.errors import StorageError
from fink_voevent.listen.landing import drain
from fink_voevent.listen.spool import Received, Spool, waiting
from fink_voevent.ops.status import Observer
from fink_voevent.store.filesystem import open_store

ONE = Received(b"<one/>", "file", "here")


def status(tmp_path: Path):
    arguments = ["--data-prefix", str(tmp_path / "data"), "--spool", str(tmp_path)]
    return CliRunner().invoke(main, ["status", *arguments])


def test_documents_that_wait_in_the_spool_are_counted_with_their_age(tmp_path):
    landing = open_store(str(tmp_path / "data/voevent")).subfolder("landing")
    spool = Spool(str(tmp_path), landing.path)
    spool.append([ONE] * 3)
    hour_us = 3600 * 10**6
    spool._db.execute(
        "UPDATE document SET received_us = received_us - ? WHERE id = 2", (hour_us,)
    )
    shown = status(tmp_path).output
    assert "received 0 and 3 in the spool of this machine (the oldest since 36" in shown
    drain(spool, landing)
    assert "received 3, events" in status(tmp_path).output
    spool.close()


def test_they_are_counted_after_the_listener_was_killed(tmp_path):
    """The log of SQLite is left beside the file, and nobody has it open."""
    spool = Spool(str(tmp_path / "live"), "there")
    spool.append([ONE])
    (tmp_path / "dead").mkdir()
    for name in [p for p in (tmp_path / "live").iterdir() if p.suffix != ".lock"]:
        if not name.name.endswith("-shm"):
            (tmp_path / "dead" / name.name).write_bytes(name.read_bytes())
    spool.close()
    assert waiting(str(tmp_path / "dead"))[0] == 1


def test_the_status_needs_no_spool(tmp_path):
    assert "nothing has ever run here" in status(tmp_path / "nothing").output
    assert Observer(str(tmp_path), str(tmp_path / "nothing")).status().in_spool == 0
    assert not (tmp_path / "nothing").exists()


def test_a_spool_that_cannot_be_read_is_a_problem_and_the_rest_is_shown(tmp_path):
    (tmp_path / "spool-0.sqlite").write_text("not a database" * 100)
    found = Observer(str(tmp_path / "data"), str(tmp_path)).status()
    assert found.in_spool == 0
    (problem,) = found.problems
    assert "spool-0.sqlite cannot be read" in problem


def test_a_store_that_cannot_be_read_does_not_hide_the_spool(tmp_path):
    Spool(str(tmp_path), "there").append([ONE])
    with pytest.raises(StorageError, match="nosuch"):
        Observer("nosuch://store/voevent", str(tmp_path)).status()
    done = CliRunner().invoke(
        main, ["status", "--data-prefix", "nosuch://store", "--spool", str(tmp_path)]
    )
    assert done.exit_code == 2
    assert "down: cannot open nosuch://store" in done.output
    assert "1 documents wait in the spool" in done.output
