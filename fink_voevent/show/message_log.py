# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The record of messages on disk: what was reported, what is sent, what waits.

A delivery is recorded as started before the message is sent. If the process is killed
before it knows the outcome, the delivery is *uncertain*: it is never repeated, and the
next message of the same event to the same destination says so.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from fink_voevent.show.messages import ENDS, Change, Message, Reported
from fink_voevent.store import sqlite

# States of a delivery.
PENDING, STARTED, SENT = "pending", "started", "sent"
UNCERTAIN, GIVEN_UP = "uncertain", "given up"
DIGEST = ""  # event of a message on several events
_TABLES = """
CREATE TABLE IF NOT EXISTS reported (
    event TEXT NOT NULL, object TEXT NOT NULL, filters TEXT NOT NULL,
    alerts TEXT NOT NULL, PRIMARY KEY (event, object)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS change (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, object TEXT NOT NULL,
    is_end INTEGER NOT NULL, content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, title TEXT NOT NULL,
    body TEXT NOT NULL, made_s REAL NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
    message INTEGER NOT NULL REFERENCES message (id), destination TEXT NOT NULL,
    state TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
    due_s REAL NOT NULL DEFAULT 0, text TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (message, destination)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS done (tables TEXT PRIMARY KEY, batch INTEGER NOT NULL);
"""


class Delivery(NamedTuple):
    """A message to send to a destination.

    Parameters
    ----------
    message : int
        Number of the message.
    destination : str
        Name of the destination.
    event : str
        Event of the message; `DIGEST` if it is on several.
    content : Message
    tries : int
        How often it was tried.
    """

    message: int
    destination: str
    event: str
    content: Message
    tries: int


class MessageLog:
    """An open record of messages, for use by one thread.

    Parameters
    ----------
    folder : str
        Folder of the file ``messages.sqlite``, on a local disk.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """

    def __init__(self, folder: str) -> None:
        self._db = sqlite.connect(Path(folder) / "messages.sqlite", _TABLES)

    @classmethod
    def in_memory(cls) -> MessageLog:
        """Return an empty record that is not on disk: for a dry run."""
        log = cls.__new__(cls)
        log._db = sqlite3.connect(":memory:", isolation_level=None)
        log._db.executescript(_TABLES)
        return log

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def transaction(self) -> AbstractContextManager[None]:
        """Return a context in which either all changes are kept or none."""
        return sqlite.transaction(self._db)

    def last_done(self, tables: str) -> int | None:
        """Return the last batch of route that was read; None if none was.

        Parameters
        ----------
        tables : str
            Identity of the tables: see `BatchLog.identity`.
        """
        query = "SELECT batch FROM done WHERE tables = ?"
        found = self._db.execute(query, (tables,)).fetchone()
        return None if found is None else int(found[0])

    def mark_done(self, tables: str, batch: int) -> None:
        """Record that a batch of route, and those before it, were read."""
        self._db.execute("INSERT OR REPLACE INTO done VALUES (?, ?)", (tables, batch))

    def reported(self, event: str, name: str) -> Reported:
        """Return what was reported of an object and an event."""
        query = "SELECT filters, alerts FROM reported WHERE event = ? AND object = ?"
        found = self._db.execute(query, (event, name)).fetchone()
        if found is None:
            return Reported()
        return Reported(*(frozenset(json.loads(text)) for text in found))

    def set_reported(self, event: str, name: str, value: Reported) -> None:
        """Record what was reported of an object and an event."""
        if value == Reported():
            query = "DELETE FROM reported WHERE event = ? AND object = ?"
            self._db.execute(query, (event, name))
            return
        texts = (json.dumps(sorted(value.filters)), json.dumps(sorted(value.alerts)))
        self._db.execute(
            "INSERT OR REPLACE INTO reported VALUES (?, ?, ?, ?)", (event, name, *texts)
        )

    def add_change(self, change: Change) -> None:
        """Add a change that waits for a message.

        The end of an object that still waits to be reported removes both.
        """
        key = (change.event_id, change.object_id)
        is_end = change.kind in ENDS
        if is_end:
            first = self._db.execute(
                "SELECT id, is_end, content FROM change WHERE event = ? AND object = ?"
                " ORDER BY id",
                key,
            ).fetchall()
            self._db.execute("DELETE FROM change WHERE event = ? AND object = ?", key)
            if first and not first[0][1] and json.loads(first[0][2])["kind"] == "new":
                return
            if first and first[0][1]:  # an end that was not reported yet
                self._insert(_change(first[0][2]))
                return
        self._insert(change)

    def _insert(self, change: Change) -> None:
        self._db.execute(
            "INSERT INTO change (event, object, is_end, content) VALUES (?, ?, ?, ?)",
            (
                *(change.event_id, change.object_id, change.kind in ENDS),
                json.dumps(asdict(change)),
            ),
        )

    def waiting(self) -> list[tuple[int, Change]]:
        """Return the changes that wait, with their numbers: ends first, in order."""
        query = "SELECT id, content FROM change ORDER BY is_end DESC, id"
        return [(number, _change(text)) for number, text in self._db.execute(query)]

    def add_message(
        self,
        event: str,
        message: Message,
        changes: Iterable[int],
        destinations: Sequence[str],
        now_s: float,
    ) -> None:
        """Add a message to send, in place of the changes that it reports.

        Parameters
        ----------
        event : str
            Its event; `DIGEST` for several.
        message : Message
        changes : iterable of int
            Numbers of the changes.
        destinations : sequence of str
            Names of the destinations.
        now_s : float
            Unix time, in seconds.
        """
        added = self._db.execute(
            "INSERT INTO message (event, title, body, made_s) VALUES (?, ?, ?, ?)",
            (event, message.title, message.body, now_s),
        )
        self._db.executemany(
            "INSERT INTO delivery (message, destination, state) VALUES (?, ?, ?)",
            [(added.lastrowid, name, PENDING) for name in destinations],
        )
        self._db.executemany(
            "DELETE FROM change WHERE id = ?", [(number,) for number in changes]
        )

    def count_messages(self, since_s: float) -> int:
        """Count the messages that were made after a Unix time, in seconds."""
        query = "SELECT count(*) FROM message WHERE made_s > ?"
        return int(self._db.execute(query, (since_s,)).fetchone()[0])

    def due(self, now_s: float) -> list[Delivery]:
        """Return the deliveries to try now: of each destination the first that waits.

        So messages arrive in order.

        Parameters
        ----------
        now_s : float
            Unix time, in seconds.
        """
        rows = self._db.execute(
            "SELECT message, destination, event, title, body, tries, due_s FROM"
            " (SELECT destination AS d, min(message) AS m FROM delivery WHERE state = ?"
            " GROUP BY destination) JOIN delivery ON destination = d AND message = m"
            " JOIN message ON message.id = m WHERE due_s <= ? ORDER BY m",
            (PENDING, now_s),
        )
        return [
            Delivery(number, name, event, Message(title, body), tries)
            for number, name, event, title, body, tries, _ in rows
        ]

    def set_state(
        self, delivery: Delivery, state: str, text: str = "", due_s: float = 0.0
    ) -> None:
        """Record the state of a delivery.

        Parameters
        ----------
        delivery : Delivery
        state : {"pending", "started", "sent", "given up"}
            A delivery that is pending again was tried once more.
        text : str, optional
            Why it failed.
        due_s : float, optional
            Unix time before which it is not tried again, in seconds.
        """
        self._db.execute(
            "UPDATE delivery SET state = ?, text = ?, due_s = ?, tries = tries + ?"
            " WHERE message = ? AND destination = ?",
            (
                *(state, text, due_s, int(state != STARTED)),
                *(delivery.message, delivery.destination),
            ),
        )

    def mark_uncertain(self) -> list[tuple[str, str]]:
        """Mark the deliveries that a killed process had started.

        Returns
        -------
        list of (str, str)
            Destination and title of each.
        """
        rows = self._db.execute(
            "SELECT destination, title FROM delivery JOIN message ON message = id"
            " WHERE state = ? ORDER BY message",
            (STARTED,),
        ).fetchall()
        self._db.execute(
            "UPDATE delivery SET state = ? WHERE state = ?", (UNCERTAIN, STARTED)
        )
        return [(name, title) for name, title in rows]

    def is_after_gap(self, delivery: Delivery) -> bool:
        """Whether the message before, to the same destination, may not have arrived.

        Messages of the same event and digests count.
        """
        found = self._db.execute(
            "SELECT state FROM delivery JOIN message ON message = id WHERE message < ?"
            " AND destination = ? AND event IN (?, ?) ORDER BY message DESC LIMIT 1",
            (delivery.message, delivery.destination, delivery.event, DIGEST),
        ).fetchone()
        return found is not None and found[0] in (UNCERTAIN, GIVEN_UP)

    def keep_destinations(self, names: Sequence[str]) -> int:
        """Give up what waits for destinations that are not configured any more.

        Returns
        -------
        int
            Number of deliveries that were given up.
        """
        changed = self._db.execute(
            "UPDATE delivery SET state = ?, text = 'not configured any more' WHERE"
            " state = ? AND destination NOT IN (SELECT value FROM json_each(?))",
            (GIVEN_UP, PENDING, json.dumps(list(names))),
        )
        return changed.rowcount

    def counts(self) -> dict[str, int]:
        """Count the deliveries by state."""
        query = "SELECT state, count(*) FROM delivery GROUP BY state"
        return {state: int(count) for state, count in self._db.execute(query)}

    def forget(self, before_s: float) -> None:
        """Remove messages older than a Unix time (s) that are not to be sent."""
        old = "SELECT id FROM message WHERE made_s < ?"
        self._db.execute(
            f"DELETE FROM delivery WHERE message IN ({old}) AND state != ?",  # noqa: S608 - constant
            (before_s, PENDING),
        )
        self._db.execute(
            "DELETE FROM message WHERE made_s < ? AND NOT EXISTS"
            " (SELECT 1 FROM delivery WHERE message = id)",
            (before_s,),
        )


def _change(text: str) -> Change:
    content = json.loads(text)
    return Change(**{**content, "filters": tuple(content["filters"])})
