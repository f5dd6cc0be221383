# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What our VTP broker does, in its log and in a file that the status reads."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fink_voevent.errors import StorageError

_LOG = logging.getLogger("fink_voevent.publish.broadcast")
FILE = "status.json"  # in the folder of the broker, below that of the spool
WRITE_S = 1.0  # between two writes of the file, if something has changed
REWRITE_S = 20.0  # if nothing has changed: the file says that the broker runs
SUMMARY_S = 60.0  # between two summaries in the log
LINES = 10  # single lines of one kind between two summaries
OLD_S = 60.0  # age of the file after which the broker does not run


@dataclass(frozen=True)
class BroadcastStatus:
    """State of our VTP broker when it last wrote it.

    Parameters
    ----------
    written_s : float
        When, as Unix time (s).
    port : int
        Port for subscribers.
    subscribers : mapping of str to int
        Connections by address.
    sent : int
        VOEvents sent since its start.
    waiting, waiting_bytes : int
        Messages that wait for subscribers to read, and their bytes.
    refused, dropped, turned_away : mapping of str to int
        Documents that were refused, subscribers that were disconnected, and connections
        that were not admitted, since its start, by reason.
    """

    written_s: float
    port: int
    subscribers: Mapping[str, int]
    sent: int
    waiting: int
    waiting_bytes: int
    refused: Mapping[str, int]
    dropped: Mapping[str, int]
    turned_away: Mapping[str, int]

    @classmethod
    def nothing(cls) -> BroadcastStatus:
        """Return the state before the first one that is written."""
        return cls(0.0, 0, {}, 0, 0, 0, {}, {}, {})

    def line(self) -> str:
        """Return one line for people."""
        text = (
            f"broadcast: {sum(self.subscribers.values())} subscribers,"
            f" {self.sent} VOEvents sent"
        )
        if self.waiting:
            text += f", {self.waiting} messages wait for subscribers to read"
        for what, counts in (
            ("documents refused", self.refused),
            ("subscribers disconnected", self.dropped),
            ("connections not admitted", self.turned_away),
        ):
            if counts:
                text += f", {_counts(what, counts)}"
        return text

    def problem(self, now_s: float) -> str | None:
        """Return one line if the broker has ended without stopping; None if not."""
        age_s = now_s - self.written_s
        if age_s <= OLD_S:
            return None
        return f"fink_voevent broadcast has ended, {age_s:.0f} s ago: start it again"


@dataclass
class Report:
    """Counts what happens, and logs it: single lines up to a limit, then summaries."""

    sent: int = 0
    refused_by: Counter[str] = field(default_factory=Counter)
    dropped_by: Counter[str] = field(default_factory=Counter)
    turned_away_by: Counter[str] = field(default_factory=Counter)
    _lines: Counter[str] = field(default_factory=Counter)  # since the last summary
    _unlogged: int = 0
    _logged_sent: int = 0

    def connected(self, address: str, count: int) -> None:
        """Report a new subscriber; `count` are connected now."""
        text = f"subscriber {address} connected, {count} in all"
        self._log("connected", logging.INFO, text)

    def disconnected(self, address: str, count: int) -> None:
        """Report a subscriber that has left; `count` remain."""
        self._log("left", logging.INFO, f"subscriber {address} left, {count} remain")

    def dropped(self, kind: str, text: str) -> None:
        """Count a subscriber that we disconnect."""
        self.dropped_by[kind] += 1
        self._log("dropped", logging.WARNING, text)

    def turned_away(self, kind: str, text: str) -> None:
        """Count a connection that is not admitted."""
        self.turned_away_by[kind] += 1
        text = f"a subscriber is not admitted: {text}"
        self._log("turned away", logging.WARNING, text)

    def refused(self, kind: str, text: str) -> None:
        """Count a document that is not sent."""
        self.refused_by[kind] += 1
        self._log("refused", logging.WARNING, f"a document is not sent: {text}")

    def summarize(self, count: int) -> None:
        """Log what happened since the last summary; `count` subscribers are there."""
        sent = self.sent - self._logged_sent
        if sent:
            _LOG.info("%d VOEvents sent, %d subscribers", sent, count)
        if self._unlogged:
            counts = [
                _counts("refused", self.refused_by),
                _counts("disconnected", self.dropped_by),
                _counts("not admitted", self.turned_away_by),
            ]
            _LOG.warning(
                "%d more lines were left out; since the start: %s",
                *(self._unlogged, ", ".join(filter(None, counts)) or "no fault"),
            )
        self._lines.clear()
        self._unlogged = 0
        self._logged_sent = self.sent

    def _log(self, what: str, level: int, text: str) -> None:
        self._lines[what] += 1
        if self._lines[what] <= LINES:
            _LOG.log(level, "%s", "".join(c if c.isprintable() else "?" for c in text))
        else:
            self._unlogged += 1


def write(folder: Path, status: BroadcastStatus) -> None:
    """Write the status; a failure is logged, and the broker goes on."""
    new = folder / f".{FILE}"
    try:
        new.write_text(json.dumps(asdict(status)), encoding="utf-8")
        os.replace(new, folder / FILE)  # noqa: PTH105 - both are in one folder
    except OSError as error:
        _LOG.warning("%s cannot be written: %s", folder / FILE, error)


def remove(folder: Path) -> None:
    """Remove the status, when the broker stops."""
    with contextlib.suppress(OSError):  # it is then reported as old
        (folder / FILE).unlink(missing_ok=True)


def read(spool: str) -> BroadcastStatus | None:
    """Read the status of the broker of a spool folder; None if none is running.

    Raises
    ------
    StorageError
        If it cannot be read.
    """
    path = Path(spool) / "broadcast" / FILE
    try:
        return BroadcastStatus(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from None


def _counts(what: str, counts: Mapping[str, int]) -> str:
    """Write counts by reason; empty if there are none."""
    if not counts:
        return ""
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items()))
    return f"{sum(counts.values())} {what} ({reasons})"
