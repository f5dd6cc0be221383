# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Packets on their way out, on the disk: each is sent until it is answered, once.

A packet is pending until the broker takes it (acknowledged), says that it has it
(duplicate) or refuses it. In a dry run it is kept, and never sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fink_voevent.store import sqlite

PENDING, DRY_RUN = "pending", "dry run"
TAKEN = ("acknowledged", "duplicate")
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


class Waiting(NamedTuple):
    """A packet that is to be sent."""

    number: int
    ivorn: str
    raw: bytes
    tries: int


@dataclass(frozen=True)
class Entry:
    """A packet for the outbox.

    Parameters
    ----------
    source : str
        What it was made from: of two entries of one source the first holds.
    pair : str
        What it is about: packets of one pair are sent in order.
    ivorn : str
    raw : bytes
    state : str
        `PENDING` or `DRY_RUN`.
    """

    source: str
    pair: str
    ivorn: str
    raw: bytes
    state: str


class Outbox:
    """An open outbox, for one thread.

    Parameters
    ----------
    folder : str
        A local folder.
    """

    def __init__(self, folder: str) -> None:
        self._db = sqlite.connect(Path(folder) / "outbox.sqlite", _TABLES)

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def transaction(self) -> AbstractContextManager[None]:
        """All that is added within is kept, or nothing."""
        return sqlite.transaction(self._db)

    def is_done(self, name: str) -> bool:
        """Whether packets were made of an input."""
        found = self._db.execute("SELECT 1 FROM done WHERE name = ?", (name,))
        return found.fetchone() is not None

    def mark_done(self, name: str) -> None:
        """Note that packets were made of an input."""
        self._db.execute("INSERT OR IGNORE INTO done VALUES (?)", (name,))

    def add(self, entry: Entry) -> bool:
        """Keep a packet; False where its source has one already."""
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

    def last(self, pair: str, states: Sequence[str]) -> str | None:
        """Return the ivorn of the last packet of a pair in one of these states."""
        marks = ", ".join("?" * len(states))
        found = self._db.execute(
            f"SELECT ivorn FROM packet WHERE pair = ? AND state IN ({marks})"  # noqa: S608 - question marks
            " ORDER BY id DESC LIMIT 1",
            (pair, *states),
        ).fetchone()
        return None if found is None else str(found[0])

    def due(self, now_s: float) -> list[Waiting]:
        """Packets to send now, in order; of each pair the first that is pending."""
        rows = self._db.execute(
            "SELECT id, ivorn, raw, tries FROM packet AS p WHERE state = ?"
            " AND due_s <= ? AND NOT EXISTS (SELECT 1 FROM packet AS q WHERE"
            " q.pair = p.pair AND q.id < p.id AND q.state = ?) ORDER BY id",
            (PENDING, now_s, PENDING),
        )
        return [Waiting(*row) for row in rows]

    def pending(self) -> int:
        """Count the packets that are to be sent."""
        query = "SELECT count(*) FROM packet WHERE state = ?"
        return int(self._db.execute(query, (PENDING,)).fetchone()[0])

    def settle(self, number: int, state: str, text: str, now_s: float) -> None:
        """Note the answer to a packet: it is not sent again."""
        self._db.execute(
            "UPDATE packet SET state = ?, text = ?, settled_s = ?, tries = tries + 1"
            " WHERE id = ?",
            (state, text, now_s, number),
        )

    def postpone(self, number: int, text: str, due_s: float) -> None:
        """Note why a packet was not answered, and when to try again."""
        self._db.execute(
            "UPDATE packet SET text = ?, due_s = ?, tries = tries + 1 WHERE id = ?",
            (text, due_s, number),
        )

    def settled_since(self, moment_s: float) -> int:
        """Packets that were taken since a moment."""
        marks = ", ".join("?" * len(TAKEN))
        found = self._db.execute(
            f"SELECT count(*) FROM packet WHERE settled_s > ? AND state IN ({marks})",  # noqa: S608 - question marks
            (moment_s, *TAKEN),
        )
        return int(found.fetchone()[0])

    def rows(self) -> Iterable[tuple[str, str, int, str]]:
        """State, ivorn, tries and last answer of each packet, in order."""
        query = "SELECT state, ivorn, tries, text FROM packet ORDER BY id"
        return iter(self._db.execute(query).fetchall())

    def raw(self, ivorn: str) -> bytes | None:
        """Bytes of a packet."""
        query = "SELECT raw FROM packet WHERE ivorn = ? ORDER BY id LIMIT 1"
        found = self._db.execute(query, (ivorn,)).fetchone()
        return None if found is None else bytes(found[0])
