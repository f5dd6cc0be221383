# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""SQLite files that many processes open at once."""

from __future__ import annotations

import multiprocessing

import pytest

from fink_voevent.errors import StorageError
from fink_voevent.store import sqlite

TABLE = "CREATE TABLE IF NOT EXISTS line (value INTEGER)"
PROCESSES, FILES = 9, 20


def open_each(folder, starts, failures):
    """Open files, each at the same moment as the other processes do."""
    for number in range(FILES):
        starts.wait()
        try:
            db = sqlite.connect(folder / f"{number}.sqlite", TABLE)
            with sqlite.transaction(db):
                db.execute("INSERT INTO line VALUES (1)")
            db.close()
        except StorageError as error:
            failures.put(str(error))
    failures.put(None)


def test_processes_that_open_a_new_file_at_once_all_write_to_it(tmp_path):
    context = multiprocessing.get_context("fork")
    starts, failures = context.Barrier(PROCESSES), context.SimpleQueue()
    arguments = (tmp_path, starts, failures)
    processes = [
        context.Process(target=open_each, args=arguments) for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    found = [failures.get() for _ in range(PROCESSES)]
    for process in processes:
        process.join(60)
    assert found == [None] * PROCESSES
    for number in range(FILES):
        db = sqlite.connect(tmp_path / f"{number}.sqlite", TABLE)
        assert db.execute("SELECT count(*) FROM line").fetchone() == (PROCESSES,)
        db.close()


def test_a_file_that_cannot_be_written_is_an_error_that_names_the_setting(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="VOEVENT_SPOOL"):
        sqlite.connect(tmp_path / "file" / "new.sqlite", TABLE)
