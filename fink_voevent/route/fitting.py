# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Make packets fit: what cannot be written, or makes one too large, is left out.

A packet without one of its parts is still of use, and one packet must not stop the
others of its batch. A part that is left out is null, and the field `left_out` of the
struct `coincidence` names it.
"""

from __future__ import annotations

import functools
import io
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import fastavro
import pyarrow as pa

from fink_voevent.errors import InputError
from fink_voevent.route import avro

Packet = dict[str, Any]
ROWS_AT_ONCE = 50  # rows that are Python values at a time; about 250 kB each

# Parts that are never left out: without them nobody knows what a packet is about.
KEPT = frozenset({"triggerId", "coincidence", "objectId", "candid", "diaSourceId"})

# What pyarrow raises for a value that Python does not have: text that is not UTF-8, a
# time after the year 9999.
_UNREADABLE = (ValueError, TypeError, OverflowError)


class Fitted(NamedTuple):
    """A packet that can be sent.

    Parameters
    ----------
    packet : dict
        The packet; parts that were left out are null.
    value : bytes
        The packet in Avro, without its schema.
    """

    packet: Packet
    value: bytes

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of the parts that were left out."""
        return tuple(self.packet["coincidence"].get("left_out") or ())


@dataclass(frozen=True)
class PacketFormat:
    """Avro format of packets.

    Parameters
    ----------
    schema : dict
        From `avro.avro_schema`.
    """

    schema: dict[str, Any]

    @functools.cached_property
    def key(self) -> bytes:
        """The schema as JSON, the key of each message."""
        return json.dumps(self.schema).encode()

    @functools.cached_property
    def _whole(self) -> Any:
        return fastavro.parse_schema(self.schema)

    @functools.cached_property
    def _parts(self) -> dict[str, Any]:
        """Schemas of packets with one part each, by its name."""
        return {
            field["name"]: fastavro.parse_schema(
                {"type": "record", "name": avro.TOP_RECORD, "fields": [field]}
            )
            for field in self.schema["fields"]
        }

    def fit(self, packet: Packet, most_bytes: float = math.inf) -> Fitted:
        """Encode a packet; leave out what cannot be encoded or makes it too large.

        The largest parts are left out first, until the rest fits: as a rule the images,
        then the history. The same packet and limit always give the same bytes.

        Parameters
        ----------
        packet : dict
            With ``coincidence`` and the other fields of the schema.
        most_bytes : float, optional
            Largest size of the result.

        Raises
        ------
        InputError
            If the parts in `KEPT` alone cannot be encoded or are too large.
        """
        value = _encoded(self._whole, packet)
        if value is not None and len(value) <= most_bytes:
            return Fitted(packet, value)
        sizes = {name: self._size(name, packet[name]) for name in self._parts}
        optional = [n for n in sizes if n not in KEPT and packet[n] is not None]
        for name in sorted(optional, key=lambda n: (-sizes[n], n)):
            packet = without(packet, [name])
            sizes[name] = self._size(name, None)
            if sum(sizes.values()) <= most_bytes:
                value = _encoded(self._whole, packet)
                if value is not None and len(value) <= most_bytes:
                    return Fitted(packet, value)
        faulty = [name for name, size in sizes.items() if size == math.inf]
        if faulty:
            raise InputError(f"{', '.join(faulty)} cannot be encoded")
        raise InputError(
            f"{sum(sizes.values())} bytes without all that can be left out;"
            f" {most_bytes} are possible"
        )

    def _size(self, name: str, value: Any) -> float:
        """Size of a part (bytes); infinite if it cannot be encoded."""
        part = _encoded(self._parts[name], {name: value})
        return math.inf if part is None else len(part)


def _encoded(schema: Any, packet: Mapping[str, Any]) -> bytes | None:
    """Encode a packet; None if one of its values cannot be encoded."""
    out = io.BytesIO()
    try:
        fastavro.schemaless_writer(out, schema, packet)
    except Exception:  # noqa: BLE001 - whatever it is, the caller leaves the part out
        return None
    return out.getvalue()


def without(packet: Packet, names: Iterable[str]) -> Packet:
    """Return a packet whose parts of these names are null and marked as left out."""
    pair = packet["coincidence"]
    marks = sorted({*(pair.get("left_out") or ()), *names})
    nulls = dict.fromkeys(names)
    return {**packet, **nulls, "coincidence": {**pair, "left_out": marks}}


def iter_packets(batch: pa.RecordBatch) -> Iterator[Packet]:
    """Yield the rows of a batch as packets, with `ROWS_AT_ONCE` in memory at a time.

    A part with a value that cannot be read is left out. If that is `coincidence`, it is
    null and the packet is of no use.
    """
    for start in range(0, batch.num_rows, ROWS_AT_ONCE):
        rows = batch.slice(start, ROWS_AT_ONCE)
        try:
            packets = avro.records(rows)
        except _UNREADABLE:
            packets = [_readable(rows.slice(row, 1)) for row in range(rows.num_rows)]
        yield from packets


def _readable(row: pa.RecordBatch) -> Packet:
    packet: Packet = {}
    unreadable = []
    for name in row.schema.names:
        try:
            packet |= avro.records(row.select([name]))[0]
        except _UNREADABLE:  # noqa: PERF203 - few iterations
            packet[name] = None
            unreadable.append(name)
    if unreadable and packet["coincidence"] is not None:
        return without(packet, unreadable)
    return packet
