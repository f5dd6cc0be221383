# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The outbox: packets to send, on disk, each with its state.

A packet is pending until the broker acknowledges it, answers that it already has it
(duplicate) or refuses it. In a dry run packets are kept but never sent.

Packets are sent in the order of their urgency: retractions, coincidences, alerts of
topics, alerts of files; and those of one urgency in the order in which they were added.
Packets of one pair keep their order, whatever their urgency.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fink_voevent.store import sqlite

FILE = "outbox.sqlite"
# Urgencies, the most urgent first, and their names for people.
RETRACTION, COINCIDENCE, TOPIC, BULK = URGENCIES = range(4)
NAMES = ("retractions", "coincidences", "alerts of topics", "alerts of files")

# States of a packet; the other one is "refused".
PENDING, DRY_RUN = "pending", "dry run"
ACCEPTED = ("acknowledged", "duplicate")
_TABLES = """
CREATE TABLE IF NOT EXISTS packet (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL UNIQUE, pair TEXT NOT NULL, ivorn TEXT NOT NULL,
    raw BLOB NOT NULL, state TEXT NOT NULL, text TEXT NOT NULL DEFAULT '',
    tries INTEGER NOT NULL DEFAULT 0, due_s REAL NOT NULL DEFAULT 0,
    settled_s REAL, urgency INTEGER NOT NULL DEFAULT 1,
    added_s REAL NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS pair ON packet (pair, id);
CREATE TABLE IF NOT EXISTS done (name TEXT PRIMARY KEY);
"""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS urgency ON packet (state, urgency, id)",
    "CREATE INDEX IF NOT EXISTS settled ON packet (settled_s, state, urgency)",
)
# Columns that the outboxes of earlier versions lack, and what they are then.
_ADDED = {
    "urgency": (
        "ALTER TABLE packet ADD COLUMN urgency INTEGER NOT NULL DEFAULT 1;"
        "UPDATE packet SET urgency = 3 WHERE source LIKE 'file %';"  # BULK
    ),
    "added_s": "ALTER TABLE packet ADD COLUMN added_s REAL NOT NULL DEFAULT 0;",
}


# The first pending packet of each pair, if it is due, and how urgently it is needed.
_FIRST_OF_PAIRS = """
WITH first AS (SELECT id, CASE
    WHEN urgency > 0
        AND EXISTS (SELECT 1 FROM packet AS r INDEXED BY pair WHERE r.pair = p.pair
            AND r.id > p.id AND r.state = ? AND r.urgency = 0)
        AND EXISTS (SELECT 1 FROM packet AS a INDEXED BY pair WHERE a.pair = p.pair
            AND a.state IN (?, ?))
    THEN 0 ELSE urgency END AS need
FROM packet AS p WHERE state = ? AND due_s <= ? AND NOT EXISTS (
    SELECT 1 FROM packet AS q INDEXED BY pair WHERE q.pair = p.pair AND q.id < p.id
    AND q.state = ?))
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
    urgency : int
        One of `URGENCIES`.
    """

    number: int
    ivorn: str
    raw: bytes
    tries: int
    urgency: int


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
    urgency : int, optional
        One of `URGENCIES`.
    added_s : float, optional
        When it is added, as Unix time (s).
    """

    source: str
    pair: str
    ivorn: str
    raw: bytes
    state: str
    urgency: int = COINCIDENCE
    added_s: float = 0.0


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
        self._db = sqlite.connect(Path(folder) / FILE, _TABLES)
        _add_columns(self._db)

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
            "INSERT OR IGNORE INTO packet (source, pair, ivorn, raw, state, urgency,"
            " added_s) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(entry.source, entry.pair, entry.ivorn, entry.raw, entry.state),
                *(entry.urgency, entry.added_s),
            ),
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

    def next_due(
        self, now_s: float, urgencies: Collection[int] = URGENCIES
    ) -> DuePacket | None:
        """Return the packet to send now; None if there is none.

        It is the first of the most urgent ones. Of each pair only the first that is
        pending can be sent; it is as urgent as a retraction if a retraction of what was
        sent waits for it.

        Parameters
        ----------
        now_s : float
            Unix time, in seconds.
        urgencies : collection of int, optional
            Those of which packets can be sent.
        """
        marks = ", ".join("?" * len(urgencies))
        found = self._db.execute(
            f"{_FIRST_OF_PAIRS} SELECT id, need FROM first WHERE need IN ({marks})"  # noqa: S608 - question marks
            " ORDER BY need, id LIMIT 1",
            (PENDING, *ACCEPTED, PENDING, now_s, PENDING, *sorted(urgencies)),
        ).fetchone()
        if found is None:
            return None
        number, need = found
        ivorn, raw, tries = self._db.execute(
            "SELECT ivorn, raw, tries FROM packet WHERE id = ?", (number,)
        ).fetchone()
        return DuePacket(number, ivorn, raw, tries, need)

    def count_pending(self, urgencies: Collection[int] = URGENCIES) -> int:
        """Count the packets of some urgencies that are still to be sent."""
        marks = ", ".join("?" * len(urgencies))
        found = self._db.execute(
            f"SELECT count(*) FROM packet WHERE state = ? AND urgency IN ({marks})",  # noqa: S608 - question marks
            (PENDING, *sorted(urgencies)),
        )
        return int(found.fetchone()[0])

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

    def count_accepted(
        self, since_s: float, urgencies: Collection[int] = URGENCIES
    ) -> int:
        """Count the packets of some urgencies accepted after a Unix time (s)."""
        marks = ", ".join("?" * len(ACCEPTED))
        kinds = ", ".join("?" * len(urgencies))
        found = self._db.execute(
            "SELECT count(*) FROM packet INDEXED BY settled WHERE settled_s > ?"  # noqa: S608 - question marks
            f" AND state IN ({marks}) AND urgency IN ({kinds})",
            (since_s, *ACCEPTED, *sorted(urgencies)),
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


def _add_columns(db: sqlite3.Connection) -> None:
    """Add the columns that an outbox of an earlier version lacks."""
    with sqlite.transaction(db):
        known = {row[1] for row in db.execute("PRAGMA table_info(packet)")}
        for column, statements in _ADDED.items():
            if column not in known:
                for statement in filter(None, statements.split(";")):
                    db.execute(statement)
        for statement in _INDEXES:
            db.execute(statement)
