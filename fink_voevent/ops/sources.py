# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Whether each source is connected, since when, and its gaps, from `sources`.

If several listeners subscribe to a source, it is connected while any of them is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from fink_voevent.listen.connections import CONNECTED, LOST, REMOVED, STOPPED
from fink_voevent.store.delta import Tables
from fink_voevent.tables.schema import column_names

TABLE = "sources"
# A listener reports every minute. After this time without a report it does not run, or
# cannot write the table.
SILENT = timedelta(minutes=3)
GAP_WINDOW = timedelta(hours=24)
PROBLEM_AFTER = timedelta(minutes=10)  # a shorter gap may end by itself


class Interval(NamedTuple):
    """Time from `first` to `last`."""

    first: datetime
    last: datetime


@dataclass(frozen=True)
class SourceStatus:
    """What is known of a source.

    Parameters
    ----------
    source : str
        Address, as it is configured.
    is_connected : bool, optional
    since : datetime, optional
        Since when it is connected, or is not; None if no listener has reported it.
    reason : str, optional
        Why it is not connected.
    is_listening : bool, optional
        Whether a listener runs that has this source.
    last_document, last_sign : datetime, optional
        When the last document and the last sign of life were received; None if never.
    gaps : tuple of Interval, optional
        When it was not connected, after the first connection that is known; only the
        parts in the last `GAP_WINDOW`.
    """

    source: str
    is_connected: bool = False
    since: datetime | None = None
    reason: str = ""
    is_listening: bool = False
    last_document: datetime | None = None
    last_sign: datetime | None = None
    gaps: tuple[Interval, ...] = ()

    def row(self) -> dict[str, Any]:
        """Return all as a row of a list."""
        total = sum((gap.last - gap.first for gap in self.gaps), timedelta())
        state = "connected" if self.is_connected else "lost"
        return {
            "source": self.source,
            "state": "not reported" if self.since is None else state,
            "since": self.since,
            "last_document": self.last_document,
            "last_sign": self.last_sign,
            "gaps": len(self.gaps),
            "gap_s": total.total_seconds(),
            "reason": self.reason or None,
        }

    def line(self) -> str:
        """Return one line to print."""
        if self.since is None:
            return f"source {self.source}: no listener has reported it"
        if self.is_connected:
            state = f"connected since {_text(self.since)}"
        else:
            state = f"not connected since {_text(self.since)} ({self.reason})"
        total = sum((gap.last - gap.first for gap in self.gaps), timedelta())
        return (
            f"source {self.source}: {state}; last document"
            f" {_text(self.last_document)}, last sign of life {_text(self.last_sign)};"
            f" gaps in 24 h: {len(self.gaps)}, together {total.total_seconds():.0f} s"
        )

    def problem(self, now: datetime) -> str:
        """Return what is wrong and what to do; empty if nothing is."""
        if self.is_connected or self.since is None or now - self.since < PROBLEM_AFTER:
            return ""
        if self.is_listening:
            advice = "see what fink_voevent doctor says of it"
        else:
            advice = "start fink_voevent listen, or run"
        return (
            f"the source {self.source} is not connected since {_text(self.since)}"
            f" ({self.reason}): {advice}"
        )


def read(
    tables: Tables, configured: Sequence[str] = (), now: datetime | None = None
) -> list[SourceStatus]:
    """Return the status of each source of a listener, sorted by address.

    Parameters
    ----------
    tables : Tables
    configured : sequence of str, optional
        Addresses that are returned even if no listener has reported them.
    now : datetime, optional
        By default, the time of the call.

    Raises
    ------
    StorageError
        If the table cannot be read.
    """
    rows = tables.arrow(TABLE, column_names(TABLE)).to_pylist()
    found = summarise(rows, now or datetime.now(timezone.utc))
    missing = set(configured) - {one.source for one in found}
    found += [SourceStatus(source) for source in missing]
    return sorted(found, key=lambda one: one.source)


def summarise(rows: Iterable[Mapping[str, Any]], now: datetime) -> list[SourceStatus]:
    """Return the status of each source, from all rows of the table.

    Sources that no listener has any more are left out.
    """
    by_source: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for row in sorted(rows, key=lambda row: (row["since"], row["until"] is None)):
        listeners = by_source.setdefault(row["source"], {})
        listeners.setdefault(row["listener"], []).append(row)
    return [
        _status(source, list(listeners.values()), now)
        for source, listeners in by_source.items()
        if any(periods[-1]["state"] != REMOVED for periods in listeners.values())
    ]


def _status(
    source: str, listeners: list[list[Mapping[str, Any]]], now: datetime
) -> SourceStatus:
    """Return the status of a source from its periods, in order, of each listener."""
    periods = [row for rows in listeners for row in rows]
    connected = merged(
        Interval(row["since"], row["until"] or _known_until(row, now))
        for row in periods
        if row["state"] == CONNECTED
    )
    latest = [rows[-1] for rows in listeners if rows[-1]["state"] != REMOVED]
    last = max(latest, key=lambda row: row["at"])
    is_connected = any(
        row["state"] == CONNECTED and not _is_silent(row, now) for row in latest
    )
    if not connected:
        since = min(row["since"] for row in periods)
    else:
        since = connected[-1].first if is_connected else connected[-1].last
    return SourceStatus(
        source,
        is_connected,
        since,
        "" if is_connected else _reason(last, now),
        any(row["state"] != STOPPED and not _is_silent(row, now) for row in latest),
        _latest(row["last_document"] for row in periods),
        _latest(row["last_sign"] for row in periods),
        gaps(connected, now - GAP_WINDOW, now),
    )


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the union of intervals, as intervals in order that are apart."""
    found: list[Interval] = []
    for one in sorted(intervals):
        if found and one.first <= found[-1].last:
            found[-1] = Interval(found[-1].first, max(found[-1].last, one.last))
        else:
            found.append(one)
    return found


def gaps(
    connected: Sequence[Interval], first: datetime, last: datetime
) -> tuple[Interval, ...]:
    """Return the gaps after the first of the intervals, in a range of times.

    Parameters
    ----------
    connected : sequence of Interval
        In order, and apart.
    first, last : datetime
        The range; longer gaps are cut.
    """
    ends = [one.last for one in connected]
    begins = [*(one.first for one in connected[1:]), last]
    between = zip(ends, begins, strict=True) if connected else ()
    cut = [Interval(max(a, first), min(b, last)) for a, b in between]
    return tuple(gap for gap in cut if gap.first < gap.last)


def _is_silent(row: Mapping[str, Any], now: datetime) -> bool:
    return bool(now - row["at"] > SILENT)


def _known_until(row: Mapping[str, Any], now: datetime) -> datetime:
    """Return until when a state that had not ended is known to have lasted."""
    return row["at"] if _is_silent(row, now) else max(row["at"], now)


def _reason(row: Mapping[str, Any], now: datetime) -> str:
    if row["state"] in (CONNECTED, LOST) and _is_silent(row, now):
        return (
            f"the listener on {row['host']} does not run, or cannot write the table"
            f" {TABLE}: its last report is of {_text(row['at'])}"
        )
    if row["state"] == STOPPED:
        return f"{row['reason']} on {row['host']}"
    return str(row["reason"])


def _latest(moments: Iterable[datetime | None]) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)


def _text(moment: datetime | None) -> str:
    return "none" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
