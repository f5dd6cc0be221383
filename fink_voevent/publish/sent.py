# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The identifiers of all VOEvents that our VTP broker has sent, on disk.

An identifier is sent once. VTP knows a message by its bytes; a subscriber who keeps
VOEvents by their identifier would lose one of two that have the same.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from fink_voevent.store import sqlite

FILE = "sent.sqlite"
KEPT_S = 400 * 86_400.0  # an identifier has a hash of its content: it does not return
_TABLE = """
CREATE TABLE IF NOT EXISTS sent (
    ivorn TEXT PRIMARY KEY, sha256 BLOB NOT NULL, sent_s REAL NOT NULL);
"""


class SentVOEvents:
    """What was sent, for use by one thread.

    Parameters
    ----------
    folder : Path
        Folder of the file ``sent.sqlite``, on a local disk.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._db = sqlite.connect(folder / FILE, _TABLE)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def has(self, ivorn: str, raw: bytes) -> bool | None:
        """Return whether a VOEvent was sent.

        Returns
        -------
        bool or None
            True if it was sent; False if another content was, with this identifier;
            None if neither was.
        """
        found = self._db.execute(
            "SELECT sha256 FROM sent WHERE ivorn = ?", (_key(ivorn),)
        ).fetchone()
        return None if found is None else bytes(found[0]) == _hash(raw)

    def add(self, ivorn: str, raw: bytes, now_s: float) -> None:
        """Record that a VOEvent is sent, at a Unix time (s)."""
        row = (_key(ivorn), _hash(raw), now_s)
        self._db.execute("INSERT INTO sent VALUES (?, ?, ?)", row)

    def forget(self, now_s: float) -> None:
        """Remove what was sent more than `KEPT_S` before a Unix time (s)."""
        self._db.execute("DELETE FROM sent WHERE sent_s < ?", (now_s - KEPT_S,))


def _key(ivorn: str) -> str:
    """Return an identifier whose case does not matter but after the ``#``."""
    stream, mark, local = ivorn.partition("#")
    return stream.lower() + mark + local


def _hash(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()
