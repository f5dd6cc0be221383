# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Replay documents of the past, as they were received: into landing, or over VTP."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError
from fink_voevent.listen.landing import PREFIX, landing_table
from fink_voevent.publish.submit import port_of, submit
from fink_voevent.store.batches import BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import column_names

_LOG = logging.getLogger(__name__)
TABLE, INGEST = "documents", "ingest"
MOST_AT_ONCE = 500  # documents in one file of landing
STEP_S = 1.0  # documents that are due within this time go together
ANSWER_S = 30.0  # time limit of a submission over VTP
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Period:
    """A period in which documents were received.

    Parameters
    ----------
    since, until : datetime
        UTC; `until` is excluded.
    """

    since: datetime
    until: datetime


def received(settings: Settings, period: Period) -> list[Row]:
    """Return the documents that were received in a period, in order.

    Parameters
    ----------
    settings : Settings
    period : Period

    Returns
    -------
    list of mapping
        Rows of the table documents, by time; those of one time by their digest.

    Raises
    ------
    InputError
        If there are none.
    """
    tables = Tables(settings.root)
    last = BatchLog(tables, INGEST).last_done()
    time = pc.field("received_at")
    where = (pc.field("batch") <= last) & (time >= period.since) & (time < period.until)
    rows = tables.arrow(TABLE, column_names(TABLE), where).to_pylist()
    if not rows:
        raise InputError(
            f"no document was received from {period.since:%Y-%m-%d %H:%M:%S} to"
            f" {period.until:%Y-%m-%d %H:%M:%S} UTC, according to"
            f" {settings.root}/{TABLE}"
        )
    return sorted(rows, key=lambda row: (row["received_at"], row["sha256"]))


def groups(rows: list[Row], speed: float) -> Iterator[tuple[float, list[Row]]]:
    """Divide documents into groups that are replayed together.

    Parameters
    ----------
    rows : list of mapping
        Rows of `received`.
    speed : float
        How many times as quickly as they were received; 0 is as quickly as possible.

    Yields
    ------
    float
        When the group is due, seconds from the start.
    list of mapping
        `MOST_AT_ONCE` documents at most, all due within `STEP_S`.
    """
    start = rows[0]["received_at"]
    group: list[Row] = []
    first_s = 0.0
    for row in rows:
        elapsed_s = (row["received_at"] - start).total_seconds()
        due_s = elapsed_s / speed if speed > 0 else 0.0
        if group and (len(group) == MOST_AT_ONCE or due_s >= first_s + STEP_S):
            yield first_s, group
            group = []
        if not group:
            first_s = due_s
        group.append(row)
    yield first_s, group


def replay(
    rows: list[Row],
    speed: float,
    send: Callable[[list[Row]], int],
    stop: threading.Event,
    now_s: Callable[[], float],
) -> int:
    """Replay documents.

    Parameters
    ----------
    rows, speed
        As of `groups`.
    send : callable
        Takes a group of documents, and returns how many of them it has sent.
    stop : Event
        Ends the replay earlier.
    now_s : callable
        Returns a time that never goes back, in seconds.

    Returns
    -------
    int
        Number of documents that were sent.
    """
    start_s, sent, seen = now_s(), 0, 0
    for due_s, group in groups(rows, speed):
        if stop.wait(max(0.0, start_s + due_s - now_s())):
            break
        sent += send(group)
        seen += len(group)
        _LOG.info("replay: %d of %d documents", seen, len(rows))
    return sent


def to_landing(root: str) -> Callable[[list[Row]], int]:
    """Return what writes documents to landing, with the times and sources they had.

    Parameters
    ----------
    root : str
        Folder of the tables into which they are replayed.
    """
    landing = open_store(root).subfolder("landing")

    def send(rows: list[Row]) -> int:
        names = column_names("landing")
        values = [
            (_microseconds(row["received_at"]), *(row[name] for name in names[1:]))
            for row in rows
        ]
        name = f"{PREFIX}replay-{rows[0]['sha256'][:16]}-{len(rows)}.parquet"
        content = landing_table(values)
        landing.write(name, lambda stream: pq.write_table(content, stream))
        return len(rows)

    return send


def to_broker(address: tuple[str, int]) -> Callable[[list[Row]], int]:
    """Return what sends VOEvents to a VTP broker; other documents are left out.

    Parameters
    ----------
    address : (str, int)
        Host and port at which the broker receives VOEvents.
    """

    def send(rows: list[Row]) -> int:
        events = [row for row in rows if row["format"] == "voevent"]
        if left_out := len(rows) - len(events):
            _LOG.warning("replay: %d documents are no VOEvents: left out", left_out)
        count = 0
        for row in events:
            answer = submit(port_of(address), row["raw"], ANSWER_S)
            if answer.state == "acknowledged":
                count += 1
            else:
                _LOG.warning(
                    "replay: %s: %s %s", row["sha256"][:16], answer.state, answer.text
                )
        return count

    return send


def _microseconds(time: datetime) -> int:
    """Microseconds from 1970."""
    return round(time.timestamp() * 1e6)
