# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What was sent and what was left out, from the Spark task that sends to the stage."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa

_LOG = logging.getLogger(__name__)
MOST_LISTED = 50  # packets of a batch from which something was left out
MOST_CHARACTERS = 200  # of a name or a reason
SCHEMA = "topic string, n bigint, packet string, parts array<string>, reason string"
_ARROW = pa.schema(
    [
        ("topic", pa.string()),
        ("n", pa.int64()),
        ("packet", pa.string()),
        ("parts", pa.list_(pa.string())),
        ("reason", pa.string()),
    ]
)


class LeftOut(NamedTuple):
    """Parts of a packet that were left out, or a packet that was left out.

    Parameters
    ----------
    topic : str
        Topic of the packet.
    packet : str
        `triggerId` of the packet.
    parts : tuple of str
        Names of the parts; empty if the whole packet was left out.
    reason : str
    """

    topic: str
    packet: str
    parts: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class Sent:
    """What was sent of a batch.

    Parameters
    ----------
    counts : dict of str to int
        Number of packets that were sent to each topic.
    left_out : tuple of LeftOut
        The first `MOST_LISTED`.
    """

    counts: dict[str, int]
    left_out: tuple[LeftOut, ...] = ()

    @classmethod
    def of_rows(cls, rows: Iterable[Any]) -> Sent:
        """Return what was sent from rows of `SCHEMA`."""
        counts: Counter[str] = Counter()
        left_out = []
        for row in rows:
            if row.packet is None:
                counts[row.topic] += row.n
            else:
                parts = tuple(row.parts)
                left_out.append(LeftOut(row.topic, row.packet, parts, row.reason))
        return cls(dict(sorted(counts.items())), tuple(sorted(left_out)[:MOST_LISTED]))

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Sent:
        """Return what was sent from the record of a batch: see `record`."""
        left_out = [
            LeftOut(topic, packet, tuple(parts), reason)
            for topic, packet, parts, reason in record.get("left_out", ())
        ]
        return cls(dict(record["sent"]), tuple(left_out))

    def record(self) -> dict[str, Any]:
        """Return what was sent as values for JSON."""
        record: dict[str, Any] = {"sent": self.counts}
        if self.left_out:
            record["left_out"] = [list(one) for one in self.left_out]
        return record

    def rows(self) -> pa.RecordBatch:
        """Return what was sent as rows of `SCHEMA`."""
        rows: list[dict[str, Any]] = [
            {"topic": topic, "n": n} for topic, n in sorted(self.counts.items())
        ]
        rows += [one._asdict() for one in self.left_out]
        return pa.RecordBatch.from_pylist(rows, schema=_ARROW)

    def log(self, level: int) -> None:
        """Log the number of packets of each topic, and what was left out.

        Parameters
        ----------
        level : int
            Level of the numbers. What was left out is an error, unless the level is
            DEBUG.
        """
        for topic, count in self.counts.items():
            _LOG.log(level, "route: %d packets to %s", count, topic)
        topics: dict[tuple[Any, ...], list[str]] = defaultdict(list)
        for one in self.left_out:
            topics[one.packet, one.parts, one.reason].append(one.topic)
        problem = level if level <= logging.DEBUG else logging.ERROR
        for (packet, parts, reason), names in topics.items():
            _LOG.log(
                problem,
                "route: packet %s %s %s: %s",
                packet,
                "is sent to" if parts else "is not sent to",
                ", ".join(names),
                f"without {', '.join(parts)}: {reason}" if parts else reason,
            )
        if len(self.left_out) == MOST_LISTED:
            _LOG.log(problem, "route: only the first %d are listed", MOST_LISTED)


@dataclass
class Tally:
    """Counts packets while they are sent."""

    _counts: Counter[str] = field(default_factory=Counter)
    _left_out: list[LeftOut] = field(default_factory=list)

    def add(self, topic: str, packet: Mapping[str, Any], parts: Iterable[str]) -> None:
        """Count a packet that is sent without these parts."""
        self._counts[topic] += 1
        parts = tuple(parts)
        if parts:
            self._list(topic, packet, parts, "too large, or cannot be encoded")

    def leave_out(
        self, topic: str, packet: Mapping[str, Any], error: Exception
    ) -> None:
        """Record a packet that is not sent."""
        self._list(topic, packet, (), f"{type(error).__name__}: {error}")

    def _list(
        self, topic: str, packet: Mapping[str, Any], parts: tuple[str, ...], why: str
    ) -> None:
        if len(self._left_out) < MOST_LISTED:
            name = str(packet.get("triggerId"))[:MOST_CHARACTERS]
            reason = " ".join(why.split())[:MOST_CHARACTERS]
            reason = reason.encode(errors="replace").decode()
            self._left_out.append(LeftOut(topic, name, parts, reason))

    def sent(self) -> Sent:
        """Return what was counted and recorded."""
        return Sent(dict(sorted(self._counts.items())), tuple(self._left_out))
