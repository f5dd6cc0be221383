# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""When a source was connected and when not, as periods without gaps or overlaps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from fink_voevent.tables.times import DAY_US, microseconds

# States of a period; the meaning of each is that of the column `state`.
CONNECTED, LOST, STOPPED, REMOVED = "connected", "lost", "stopped", "removed"
KEEP_US = 30 * DAY_US  # for how long a period that has ended is kept
# Periods of a source, for a broker that closes each connection as soon as it is made.
MOST_PERIODS = 1000
STARTING = "not connected yet"  # a reason, until there is a better one


def now_us() -> int:
    """Return the time (us since 1970, UTC)."""
    return microseconds(datetime.now(timezone.utc))


@dataclass(frozen=True)
class Period:
    """Time in which the state of a source did not change; times are us since 1970.

    Parameters
    ----------
    state : str
        CONNECTED, LOST, STOPPED or REMOVED.
    since_us : int
    until_us : int, optional
        None if the state lasts.
    reason : str, optional
        Why the source was not connected.
    last_document_us, last_sign_us : int, optional
        When the last document and the last sign of life were received, in this period
        or before it; None if there was none.
    documents : int, optional
        Number of documents received in this period.
    """

    state: str
    since_us: int
    until_us: int | None = None
    reason: str = ""
    last_document_us: int | None = None
    last_sign_us: int | None = None
    documents: int = 0


@dataclass(frozen=True)
class History:
    """The periods of a source: each begins when the one before it ends.

    Parameters
    ----------
    current : Period
    past : tuple of Period, optional
        Earlier ones, in order.
    """

    current: Period
    past: tuple[Period, ...] = ()

    @property
    def periods(self) -> tuple[Period, ...]:
        """All periods, in order."""
        return (*self.past, self.current)

    def changed(self, state: str, at_us: int, reason: str = "") -> History:
        """Return the history after a change of the state.

        If the state is the same, nothing changes: the first reason says why a
        connection was lost.
        """
        now = self.current
        if state == now.state:
            return self
        at_us = max(at_us, now.since_us)  # the clock may have been set back
        ended = (*self.past, replace(now, until_us=at_us))
        kept = [p for p in ended if (p.until_us or 0) >= at_us - KEEP_US]
        begun = replace(
            now, state=state, since_us=at_us, until_us=None, reason=reason, documents=0
        )
        return History(begun, tuple(kept[1 - MOST_PERIODS :]))

    def failed(self, reason: str) -> History:
        """Return the history after an attempt to connect failed: why it did so.

        The reason why a connection was lost is kept.
        """
        if self.current.reason != STARTING:
            return self
        return replace(self, current=replace(self.current, reason=reason))

    def ended(self, seen_us: int) -> History:
        """Return the history of a listener that has ended.

        Parameters
        ----------
        seen_us : int
            When it was last known to run: if it was killed, the state lasted until
            then.
        """
        if self.current.state in (STOPPED, REMOVED):
            return self
        return self.changed(STOPPED, seen_us, "the listener was killed")

    def heard(self, at_us: int) -> History:
        """Return the history after a sign of life."""
        return replace(self, current=replace(self.current, last_sign_us=at_us))

    def received(self, count: int, at_us: int) -> History:
        """Return the history after some documents, which are signs of life too."""
        now = self.current
        current = replace(
            now,
            last_document_us=at_us,
            last_sign_us=at_us,
            documents=now.documents + count,
        )
        return replace(self, current=current)


class Connection:
    """The connection to one source, as it is now and was; for several threads.

    Parameters
    ----------
    history : History, optional
        By default, that of a source that is not connected yet.
    clock : callable, optional
        Returns the time (us since 1970, UTC).
    """

    def __init__(
        self, history: History | None = None, clock: Callable[[], int] = now_us
    ) -> None:
        self._history = history or History(Period(LOST, clock(), reason=STARTING))
        self._clock = clock
        self._lock = threading.Lock()
        self._is_over = False
        self.changes = 0  # of the state or its reason

    @property
    def history(self) -> History:
        """All periods up to now."""
        return self._history

    def connected(self) -> None:
        """Record that the source is connected; a connection is a sign of life."""
        self._update(lambda past, at: past.changed(CONNECTED, at).heard(at))

    def lost(self, reason: str) -> None:
        """Record that the source is not connected, and why."""
        self._update(lambda past, at: past.changed(LOST, at, reason))

    def failed(self, reason: str) -> None:
        """Record why the source could not be connected."""
        self._update(lambda past, _: past.failed(reason))

    def heard(self) -> None:
        """Record a sign of life."""
        self._update(lambda past, at: past.heard(at))

    def received(self, count: int = 1) -> None:
        """Record that documents were received, and are on the disk."""
        self._update(lambda past, at: past.received(count, at))

    def stop(self) -> None:
        """Record that the listener stops; later calls change nothing."""
        self._update(lambda past, at: past.changed(STOPPED, at, "the listener stopped"))
        self._is_over = True

    def _update(self, step: Callable[[History, int], History]) -> None:
        with self._lock:
            if self._is_over:
                return
            before = self._history
            self._history = step(before, self._clock())
            now, past = self._history.current, before.current
            self.changes += (now.state, now.reason) != (past.state, past.reason)
