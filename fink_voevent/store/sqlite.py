# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""SQLite files whose content survives a crash of the machine."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fink_voevent.errors import StorageError

BUSY_S = 60.0  # another process may lock the file for this long


def connect(path: Path, tables: str) -> sqlite3.Connection:
    """Open a file in write-ahead mode with full synchronisation.

    Parameters
    ----------
    path : Path
        On a local disk.
    tables : str
        Statements that make its tables if they do not exist.

    Raises
    ------
    StorageError
        If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # one process at a time: SQLite refuses at once to change the mode of a new file
        # that another process opens, whatever the timeout
        with path.with_name(f"{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            db = sqlite3.connect(
                path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
            )
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(tables)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(
            f"{path} cannot be written: {error}; set VOEVENT_SPOOL to a local folder"
            " that can"
        ) from None
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Transaction: everything that is written in the body is kept, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    with db:  # commits; rolls back if the body raises an error
        yield
