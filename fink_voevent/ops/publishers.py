# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Publishers by source: who may speak for whom, what was sent, and silent owners."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa

from fink_voevent.config.settings import Settings
from fink_voevent.notices import streams
from fink_voevent.notices.trust import (
    Carrier,
    Decision,
    Trust,
    broker_of,
    latest,
)
from fink_voevent.store.batches import FIRST, BatchLog
from fink_voevent.store.delta import Tables

INGEST, TRUST = "ingest", "trust"  # stage, table
DEGRADED = "degraded: "  # how the lines of `problems` begin
SILENT_AFTER = timedelta(minutes=10)  # a slower source may still send the same notices
CARRIED_WITHIN = timedelta(hours=24)


@dataclass(frozen=True)
class CarrierStatus:
    """What a source has sent of a publisher.

    Parameters
    ----------
    decision : Decision
    notices : int
        Number of notices, each once.
    last : datetime
        When the last one was received.
    """

    decision: Decision
    notices: int
    last: datetime

    def row(self) -> dict[str, Any]:
        """Return all as values for JSON."""
        return {
            **self.decision._asdict(),
            "notices": self.notices,
            "last": self.last,
        }

    def line(self, topics: int = 1) -> str:
        """Return one line to print, of a source or of several topics of a broker."""
        one = self.decision
        trust = "trusted" if one.trusted else "NOT trusted, and changes nothing"
        source = one.source
        if topics > 1:
            source = f"{broker_of(source)} ({topics} topics)"
        return (
            f"  {source}: {trust} ({one.how}); {self.notices} notices, the last at"
            f" {_text(self.last)}"
        )


def carriers(tables: Tables) -> list[CarrierStatus]:
    """Return all publishers and sources, sorted.

    Parameters
    ----------
    tables : Tables

    Raises
    ------
    StorageError
        If the tables cannot be read.
    """
    last = BatchLog(tables, INGEST).last_done()
    counts = _counts(tables, last)
    return [
        CarrierStatus(decision, *counts[carrier])
        for carrier, decision in sorted(_decisions(tables, last).items())
        if carrier in counts
    ]


def _decisions(tables: Tables, last: int) -> dict[Carrier, Decision]:
    columns = [*Decision._fields, "batch"]
    return latest(tables.rows_of(TRUST, columns, FIRST, last).to_pylist())


def _counts(tables: Tables, last: int) -> dict[Carrier, tuple[int, datetime]]:
    """Return the number of notices, and when the last was received, by carrier."""
    columns = ["publisher", "source", "received_at"]
    rows = pa.concat_tables(
        [tables.rows_of(table, columns, FIRST, last) for table in ("events", "copies")]
    )
    grouped = rows.group_by(["publisher", "source"])
    found = grouped.aggregate([("received_at", "count"), ("received_at", "max")])
    return {
        (row["publisher"], row["source"]): (
            row["received_at_count"],
            row["received_at_max"],
        )
        for row in found.to_pylist()
    }


def lines(tables: Tables, settings: Settings) -> Iterator[str]:
    """Yield the lines of ``fink_voevent sources``.

    Of each source that is not trusted, one line says what to set if it may be.
    """
    found = carriers(tables)
    publishers = streams.load(settings.streams).publishers
    known = (one.decision for one in found)
    trust = Trust(publishers, settings.sources, known)
    publisher = ""
    for one, topics in by_broker(found):
        if one.decision.publisher != publisher:
            publisher = one.decision.publisher
            yield publisher
        yield one.line(topics)
        if not one.decision.trusted:
            line = trust.line_to_add(publisher, one.decision.source)
            yield (
                f"    if it may speak for it, set {line}"
                if line
                else ("    its name cannot be written in a setting")
            )


def by_broker(found: Iterable[CarrierStatus]) -> Iterator[tuple[CarrierStatus, int]]:
    """Yield what the topics of a broker have sent of a publisher, as one, and how many.

    Topics on which something else was decided, by a setting, are not among them.

    Parameters
    ----------
    found : iterable of CarrierStatus
        As `carriers` returns them.
    """
    groups: dict[tuple[str | bool, ...], list[CarrierStatus]] = {}
    for one in found:
        what = one.decision
        key = (what.publisher, broker_of(what.source), what.trusted, what.how)
        groups.setdefault(key, []).append(one)
    for group in groups.values():
        notices, last = sum(one.notices for one in group), max(o.last for o in group)
        yield CarrierStatus(group[0].decision, notices, last), len(group)


def problems(tables: Tables, now: datetime | None = None) -> list[str]:
    """Return a line for each publisher whose own sources are silent.

    That is: another source has sent a notice of it in the last day, and in the ten
    minutes since no source that may speak for it has sent any. No table of notices is
    read if all sources are trusted.

    Parameters
    ----------
    tables : Tables
    now : datetime, optional
        By default, the time of the call.
    """
    last = BatchLog(tables, INGEST).last_done()
    if all(one.trusted for one in _decisions(tables, last).values()):
        return []
    return silent_owners(carriers(tables), now or datetime.now(timezone.utc))


def silent_owners(found: Sequence[CarrierStatus], now: datetime) -> list[str]:
    """Return the lines of `problems`."""
    heard: dict[str, tuple[datetime, str]] = {}  # last notice of a trusted source
    for one in found:
        publisher = one.decision.publisher
        if one.decision.trusted and one.last > heard.get(publisher, _NEVER)[0]:
            heard[publisher] = one.last, one.decision.source
    return [
        _silent(one, heard.get(one.decision.publisher, _NEVER))
        for one in found
        if not one.decision.trusted
        and SILENT_AFTER <= now - one.last <= CARRIED_WITHIN
        and one.last > heard.get(one.decision.publisher, _NEVER)[0]
    ]


_NEVER = (datetime(1970, 1, 1, tzinfo=timezone.utc), "")


def _silent(one: CarrierStatus, heard: tuple[datetime, str]) -> str:
    moment, owner = heard
    since = (
        f"its own source {owner} is silent since {_text(moment)}"
        if owner
        else "no source that may speak for it has sent any"
    )
    return (
        f"{DEGRADED}{one.decision.source} has sent notices of"
        f" {one.decision.publisher}, the last at {_text(one.last)}, and {since}: they"
        " change nothing; see fink_voevent sources"
    )


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
