# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The local spool: what arrived is on this disk before it is acknowledged.

An SQLite file in write-ahead mode with full synchronisation: an append returns after
fsync, survives a crash of the process or of the machine, and many processes may append
at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from fink_voevent.errors import StorageError
from fink_voevent.notices.formats import detect_format
from fink_voevent.store import sqlite

_TABLES = """
CREATE TABLE IF NOT EXISTS document (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_us INTEGER NOT NULL, transport TEXT NOT NULL, source TEXT NOT NULL,
    format TEXT NOT NULL, sha256 TEXT NOT NULL, raw BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batch (
    first INTEGER NOT NULL, last INTEGER NOT NULL, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS origin (name TEXT NOT NULL);
"""


@dataclass(frozen=True)
class Received:
    """A document as it was received."""

    raw: bytes
    transport: str
    source: str


@dataclass(frozen=True)
class Batch:
    """Documents `first` to `last` of the spool, to land in the file `name`.

    The name is decided, and kept, before the file is written: a crash in between leads
    to the same file again.
    """

    first: int
    last: int
    name: str


def sha256(raw: bytes) -> str:
    """SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


class Spool:
    """An open spool. Safe for one thread at a time; open one for each thread.

    Parameters
    ----------
    folder : str
        A local folder.
    destination : str
        Root that its documents are for. Spools of two destinations are two files: what
        is kept for one store never lands in another.
    """

    def __init__(self, folder: str, destination: str) -> None:
        self.folder = Path(folder)
        self._name = hashlib.sha256(destination.encode()).hexdigest()[:12]
        path = self.folder / f"spool-{self._name}.sqlite"
        self._db = sqlite.connect(path, _TABLES)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def append(self, documents: Iterable[Received]) -> int:
        """Keep documents, all or none, and return how many; they are on the disk then.

        Raises
        ------
        StorageError
            Where they could not be kept.
        """
        rows = [
            (
                int(datetime.now(timezone.utc).timestamp() * 1e6),
                d.transport,
                d.source,
                detect_format(d.raw),
                sha256(d.raw),
                d.raw,
            )
            for d in documents
        ]
        with self._transaction():
            self._db.executemany(
                "INSERT INTO document (received_us, transport, source, format, sha256,"
                " raw) VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
        return len(rows)

    def pending(self) -> int:
        """Count the documents that have not landed yet."""
        return int(self._db.execute("SELECT count(*) FROM document").fetchone()[0])

    def next_batch(self, most: int, most_bytes: int) -> Batch | None:
        """Return the batch to land next: one begun before, or all that fits."""
        with self._transaction():
            begun = self._db.execute("SELECT first, last, name FROM batch").fetchone()
            if begun:
                return Batch(*begun)
            sizes = self._db.execute(
                "SELECT id, length(raw) FROM document ORDER BY id LIMIT ?", (most,)
            ).fetchall()
            if not sizes:
                return None
            first = last = sizes[0][0]
            total = 0
            for number, size in sizes:
                total += size
                if total > most_bytes:
                    break
                last = number
            batch = Batch(first, last, f"{self._origin()}-{first:012d}")
            self._db.execute(
                "INSERT INTO batch VALUES (?, ?, ?)", (first, last, batch.name)
            )
            return batch

    def documents(
        self, batch: Batch
    ) -> Iterator[tuple[int, str, str, str, str, bytes]]:
        """Rows of a batch: received (us since 1970) and the columns of landing."""
        try:
            yield from self._db.execute(
                "SELECT received_us, transport, source, format, sha256, raw FROM"
                " document WHERE id BETWEEN ? AND ? ORDER BY id",
                (batch.first, batch.last),
            )
        except sqlite3.Error as error:
            raise StorageError(f"spool {self.folder}: {error}") from None

    def landed(self, batch: Batch) -> None:
        """Forget a batch that has landed."""
        with self._transaction():
            self._db.execute(
                "DELETE FROM document WHERE id BETWEEN ? AND ?",
                (batch.first, batch.last),
            )
            self._db.execute("DELETE FROM batch")

    def _origin(self) -> str:
        """Name of this spool, made once: file names of two spools never collide."""
        row = self._db.execute("SELECT name FROM origin").fetchone()
        if row is None:
            row = (uuid.uuid4().hex[:16],)
            self._db.execute("INSERT INTO origin VALUES (?)", row)
        return str(row[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                with sqlite.transaction(self._db):
                    yield
            except sqlite3.Error as error:
                raise StorageError(f"spool {self.folder}: {error}") from None

    @contextmanager
    def draining(self) -> Iterator[None]:
        """Hold the right to land: one process at a time; waits for another's end."""
        try:
            handle = (self.folder / f"drain-{self._name}.lock").open("w")
        except OSError as error:
            raise StorageError(f"spool {self.folder}: {error.strerror}") from None
        with handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
