# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""How many VOEvents wait in the outbox, for the status and the log."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fink_voevent.errors import StorageError
from fink_voevent.publish.outbox import FILE, NAMES, PENDING

READ_S = 5.0  # wait while another process writes the file
_WAITING = (
    "SELECT urgency, count(*), min(nullif(added_s, 0)), max(tries) FROM packet"
    " WHERE state = ? GROUP BY urgency ORDER BY urgency"
)


@dataclass(frozen=True)
class Backlog:
    """VOEvents that wait to be sent.

    Parameters
    ----------
    waiting : mapping of str to int
        Their number by kind, the most urgent first; kinds without any are left out.
    oldest_s : float
        Age (s) of the oldest of them; 0 if there are none, or if it is not known.
    tries : int
        Largest number of times that one of them was submitted without an answer.
    """

    waiting: Mapping[str, int]
    oldest_s: float = 0.0
    tries: int = 0

    def line(self) -> str:
        """Return one line for people; empty if nothing waits."""
        if not self.waiting:
            return ""
        kinds = ", ".join(f"{name} {count}" for name, count in self.waiting.items())
        age = f", the oldest since {self.oldest_s:.0f} s" if self.oldest_s else ""
        return f"{sum(self.waiting.values())} VOEvents wait to be sent ({kinds}){age}"


def read(folder: str, now_s: float) -> Backlog:
    """Read what waits in the outbox of a spool folder; its publisher may be running.

    Parameters
    ----------
    folder : str
        The setting `spool`.
    now_s : float
        Unix time, in seconds.

    Returns
    -------
    Backlog
        Of nothing, if there is no outbox.

    Raises
    ------
    StorageError
        If there is an outbox that cannot be read.
    """
    path = Path(folder).absolute() / FILE
    if not path.exists():
        return Backlog({})
    try:
        with closing(
            sqlite3.connect(f"{path.as_uri()}?mode=ro", timeout=READ_S, uri=True)
        ) as db:
            rows = db.execute(_WAITING, (PENDING,)).fetchall()
    except sqlite3.Error as error:
        raise StorageError(f"{path} cannot be read: {error}") from None
    added = [first_s for _, _, first_s, _ in rows if first_s is not None]
    return Backlog(
        {NAMES[urgency]: count for urgency, count, _, _ in rows},
        max(0.0, now_s - min(added)) if added else 0.0,
        max((tries for *_, tries in rows), default=0),
    )
