# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The outbox: packets to send, on disk, each with its state.

A packet is pending until the broker acknowledges it, answers that it already has it
(duplicate) or refuses it. In a dry run packets are kept but never sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fink_voevent.store import sqlite

# States of a packet; the other one is "refused".
PENDING, DRY_RUN = "pending", "dry run"
ACCEPTED = ("acknowledged", "duplicate")
_TABLES = """
CREATE TABLE IF NOT EXISTS packet (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL UNIQUE, pair TEXT NOT NULL, ivorn TEXT NOT NULL,
    raw BLOB NOT NULL, state TEXT NOT NULL, text TEXT NOT NULL DEFAULT '',
    tries INTEGER NOT NULL DEFAULT 0, due_s REAL NOT NULL DEFAULT 0,
    settled_s REAL);
CREATE INDEX IF NOT EXISTS pair ON packet (pair, id);
CREATE TABLE IF NOT EXISTS done (name TEXT PRIMARY KEY);
"""


class DuePacket(NamedTuple):
    """A packet to send now.

    Parameters
    ----------
    number : int
        Its key in the outbox.
    ivorn : str
        Identifier of the VOEvent.
    raw : bytes
        The VOEvent.
    tries : int
        How often it was submitted without an answer.
    """

    number: int
    ivorn: str
    raw: bytes
    tries: int


@dataclass(frozen=True)
class Entry:
    """A new packet for the outbox.

    Parameters
    ----------
    source : str
        What the packet was composed from. The outbox keeps the first packet of each
        source and ignores others.
    pair : str
        What the packet is about. Packets with the same value are sent in the order in
        which they were added, each after the one before was answered.
    ivorn : str
        Identifier of the VOEvent.
    raw : bytes
        The VOEvent.
    state : str
        `PENDING` or `DRY_RUN`.
    """

    source: str
    pair: str
    ivorn: str
    raw: bytes
    state: str


class Outbox:
    """An open outbox, for use by one thread.

    Parameters
    ----------
    folder : str
        Folder of the file ``outbox.sqlite``, on a local disk.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """

    def __init__(self, folder: str) -> None:
        self._db = sqlite.connect(Path(folder) / "outbox.sqlite", _TABLES)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Return a context in which either all changes are kept or none."""
        return sqlite.transaction(self._db)

    def last_done(self, tables: str) -> int:
        """Return the last batch of route whose packets were added; -1 if none was.

        Parameters
        ----------
        tables : str
            Identity of the tables: see `BatchLog.identity`.
        """
        found = self._db.execute(
            "SELECT max(name) FROM done WHERE name LIKE ?", (f"{tables} %",)
        ).fetchone()[0]
        return -1 if found is None else int(found.rpartition(" ")[2])

    def mark_done(self, tables: str, number: int) -> None:
        """Record that the packets of a batch, and of those before it, were added."""
        self._db.execute("DELETE FROM done WHERE name LIKE ?", (f"{tables} %",))
        self._db.execute("INSERT INTO done VALUES (?)", (f"{tables} {number:012d}",))

    def add(self, entry: Entry) -> bool:
        """Add a packet; return False if there is already one of the same source."""
        added = self._db.execute(
            "INSERT OR IGNORE INTO packet (source, pair, ivorn, raw, state)"
            " VALUES (?, ?, ?, ?, ?)",
            (entry.source, entry.pair, entry.ivorn, entry.raw, entry.state),
        )
        return added.rowcount > 0

    def has(self, source: str) -> bool:
        """Whether there is a packet of a source."""
        found = self._db.execute("SELECT 1 FROM packet WHERE source = ?", (source,))
        return found.fetchone() is not None

    def last_ivorn(self, pair: str, states: Sequence[str]) -> str | None:
        """Return the ivorn of the last packet of a pair that is in one of the states.

        None if there is no such packet.
        """
        marks = ", ".join("?" * len(states))
        found = self._db.execute(
            f"SELECT ivorn FROM packet WHERE pair = ? AND state IN ({marks})"  # noqa: S608 - question marks
            " ORDER BY id DESC LIMIT 1",
            (pair, *states),
        ).fetchone()
        return None if found is None else str(found[0])

    def due(self, now_s: float) -> list[DuePacket]:
        """Return the packets to send now, in the order in which they were added.

        Of each pair it is at most one, the first that is pending.

        Parameters
        ----------
        now_s : float
            Unix time, in seconds.
        """
        rows = self._db.execute(
            "SELECT id, ivorn, raw, tries FROM packet AS p WHERE state = ?"
            " AND due_s <= ? AND NOT EXISTS (SELECT 1 FROM packet AS q WHERE"
            " q.pair = p.pair AND q.id < p.id AND q.state = ?) ORDER BY id",
            (PENDING, now_s, PENDING),
        )
        return [DuePacket(*row) for row in rows]

    def count_pending(self) -> int:
        """Count the packets that are still to be sent."""
        query = "SELECT count(*) FROM packet WHERE state = ?"
        return int(self._db.execute(query, (PENDING,)).fetchone()[0])

    def record_answer(self, number: int, state: str, text: str, now_s: float) -> None:
        """Record the final answer to a packet, which is then not sent again.

        Parameters
        ----------
        number : int
            Key of the packet, from `due`.
        state : {"acknowledged", "duplicate", "refused"}
        text : str
            Message of the broker.
        now_s : float
            Unix time, in seconds.
        """
        self._db.execute(
            "UPDATE packet SET state = ?, text = ?, settled_s = ?, tries = tries + 1"
            " WHERE id = ?",
            (state, text, now_s, number),
        )

    def postpone(self, number: int, text: str, due_s: float) -> None:
        """Record why a packet was not answered, and when to send it again.

        Parameters
        ----------
        number : int
            Key of the packet, from `due`.
        text : str
            The reason.
        due_s : float
            Unix time of the next try, in seconds.
        """
        self._db.execute(
            "UPDATE packet SET text = ?, due_s = ?, tries = tries + 1 WHERE id = ?",
            (text, due_s, number),
        )

    def count_accepted(self, since_s: float) -> int:
        """Count the packets that were accepted after a Unix time, in seconds."""
        marks = ", ".join("?" * len(ACCEPTED))
        found = self._db.execute(
            f"SELECT count(*) FROM packet WHERE settled_s > ? AND state IN ({marks})",  # noqa: S608 - question marks
            (since_s, *ACCEPTED),
        )
        return int(found.fetchone()[0])

    def rows(self) -> Iterable[tuple[str, str, int, str]]:
        """Return state, ivorn, tries and last answer of each packet, in order."""
        query = "SELECT state, ivorn, tries, text FROM packet ORDER BY id"
        return iter(self._db.execute(query).fetchall())

    def raw(self, ivorn: str) -> bytes | None:
        """Return the VOEvent of an identifier; None if it is not in the outbox."""
        query = "SELECT raw FROM packet WHERE ivorn = ? ORDER BY id LIMIT 1"
        found = self._db.execute(query, (ivorn,)).fetchone()
        return None if found is None else bytes(found[0])
