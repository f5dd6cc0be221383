# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The local spool: documents are on this disk before they are acknowledged.

The spool is an SQLite file in write-ahead mode with full synchronisation. A document
that was appended is on the disk (fsync) and survives a crash of the process or of the
machine. Many processes may append at once.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import sqlite3
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from fink_voevent.errors import StorageError
from fink_voevent.notices.formats import detect_format
from fink_voevent.store import sqlite

_LOG = logging.getLogger(__name__)
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
    """A document as it was received.

    Parameters
    ----------
    raw : bytes
        The document.
    transport : str
        ``vtp``, ``kafka``, ``file`` or ``stdin``.
    source : str
        Address, topic or path that it came from.
    """

    raw: bytes
    transport: str
    source: str


@dataclass(frozen=True)
class Batch:
    """Documents `first` to `last` of the spool, which go to the landing file `name`.

    The name is chosen, and kept in the spool, before the file is written: after a crash
    in between, the same file is written again.
    """

    first: int
    last: int
    name: str


def sha256(raw: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what differs between two files of the same name; None without a file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def waiting(folder: str) -> tuple[int, float]:
    """Return how many documents of a spool have not landed yet, and since when.

    Parameters
    ----------
    folder : str
        The folder of the spool; the documents for all destinations are counted.

    Returns
    -------
    int
        Number of documents; 0 if there is no spool on this machine.
    float
        Age of the oldest one (s); 0 if there is none.

    Raises
    ------
    StorageError
        If the spool cannot be read.
    """
    counts = [_count_and_oldest(path) for path in Path(folder).glob("spool-*.sqlite")]
    oldest_us = [oldest for count, oldest in counts if count]
    if not oldest_us:
        return 0, 0.0
    age_s = datetime.now(timezone.utc).timestamp() - min(oldest_us) / 1e6
    return sum(count for count, _ in counts), max(age_s, 0.0)


def _count_and_oldest(path: Path) -> tuple[int, int]:
    """Return number of documents, and when the first was received (us since 1970)."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as db:
            row: tuple[int, int] = db.execute(
                "SELECT count(*), ifnull(min(received_us), 0) FROM document"
            ).fetchone()
    except sqlite3.Error as error:
        raise StorageError(f"spool {path} cannot be read: {error}") from None
    return row


class Spool:
    """An open spool, for one thread at a time: open one for each thread.

    Parameters
    ----------
    folder : str
        A local folder.
    destination : str
        Landing folder for its documents. Each destination has its own file, so that a
        document never goes to the landing of another store.

    Raises
    ------
    StorageError
        If the folder cannot be written.
    """

    def __init__(self, folder: str, destination: str) -> None:
        self.folder = Path(folder)
        self._name = hashlib.sha256(destination.encode()).hexdigest()[:12]
        self._path = self.folder / f"spool-{self._name}.sqlite"
        self._db = sqlite.connect(self._path, _TABLES)
        self._identity = _identity(self._path)
        self._lock = threading.Lock()

    def _open_again_if_removed(self) -> None:
        """Make the file again if somebody removed it.

        SQLite writes to a file that was removed without an error, and what it writes is
        lost when the file is closed.
        """
        if _identity(self._path) == self._identity:
            return
        opened = sqlite.connect(self._path, _TABLES)
        _LOG.error("%s was removed, with all documents that had not landed", self._path)
        self._db.close()
        self._db, self._identity = opened, _identity(self._path)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def append(self, documents: Iterable[Received]) -> int:
        """Write documents to the disk, all of them or none.

        Returns
        -------
        int
            Number of documents.

        Raises
        ------
        StorageError
            If they cannot be written.
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
        self._open_again_if_removed()
        with self._transaction():
            self._db.executemany(
                "INSERT INTO document (received_us, transport, source, format, sha256,"
                " raw) VALUES (?, ?, ?, ?, ?, ?)",
                rows,
            )
        return len(rows)

    def pending(self) -> int:
        """Return the number of documents that are not in landing yet."""
        return int(self._db.execute("SELECT count(*) FROM document").fetchone()[0])

    def next_batch(self, most: int, most_bytes: int) -> Batch | None:
        """Return the next batch for landing; None if the spool is empty.

        A batch that was not finished, after a crash, is returned again.

        Parameters
        ----------
        most : int
            Largest number of documents.
        most_bytes : int
            Largest size of the documents; a batch has at least one document.
        """
        with self._transaction():
            unfinished = self._db.execute(
                "SELECT first, last, name FROM batch"
            ).fetchone()
            if unfinished:
                return Batch(*unfinished)
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
        """Yield the rows of a batch: the columns of the table ``landing``, in order.

        ``received_at`` is in microseconds since 1970 (UTC).

        Raises
        ------
        StorageError
            If the spool cannot be read.
        """
        try:
            yield from self._db.execute(
                "SELECT received_us, transport, source, format, sha256, raw FROM"
                " document WHERE id BETWEEN ? AND ? ORDER BY id",
                (batch.first, batch.last),
            )
        except sqlite3.Error as error:
            raise StorageError(f"spool {self.folder}: {error}") from None

    def remove(self, batch: Batch) -> None:
        """Remove the documents of a batch, once its landing file is written."""
        with self._transaction():
            self._db.execute(
                "DELETE FROM document WHERE id BETWEEN ? AND ?",
                (batch.first, batch.last),
            )
            self._db.execute("DELETE FROM batch")

    def _origin(self) -> str:
        """Return the random name of this spool: no two spools write the same file."""
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
        """Lock the spool for landing, after any other process has finished it.

        Raises
        ------
        StorageError
            If the folder cannot be written.
        """
        self._open_again_if_removed()
        try:
            handle = (self.folder / f"drain-{self._name}.lock").open("w")
        except OSError as error:
            raise StorageError(f"spool {self.folder}: {error.strerror}") from None
        with handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
