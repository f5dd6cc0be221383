# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Addresses of sources: a VTP broker, topics of a Kafka, topics of GCN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

DEFAULT_PORT = 8099  # VTP, broker to subscriber: convention
KAFKA, GCN = "kafka://", "gcn://"


class KafkaSource(NamedTuple):
    """Topics of some brokers; those of GCN where `servers` is empty."""

    servers: str
    topics: tuple[str, ...]

    def __str__(self) -> str:
        """Address as it was given."""
        scheme = f"{KAFKA}{self.servers}/" if self.servers else GCN
        return scheme + "+".join(self.topics)


def parse_sources(text: str, default: int = DEFAULT_PORT) -> list[tuple[str, int]]:
    """VTP addresses of ``host[:port],...``; those of Kafka are left out.

    Raises
    ------
    ValueError
        With the faulty one.
    """
    return [
        _vtp(part, default)
        for part in _parts(text)
        if not part.startswith((KAFKA, GCN))
    ]


def parse_kafka(text: str) -> list[KafkaSource]:
    """Topics of ``kafka://host:port/TOPIC+TOPIC,gcn://TOPIC+TOPIC,...``.

    Raises
    ------
    ValueError
        With the faulty one.
    """
    return [_kafka(part) for part in _parts(text) if part.startswith((KAFKA, GCN))]


def _parts(text: str) -> Iterator[str]:
    return filter(None, (part.strip() for part in text.split(",")))


def _vtp(part: str, default: int) -> tuple[str, int]:
    host, colon, port = part.partition(":")
    if not host or (colon and not _is_port(port)):
        raise ValueError(
            f"{part!r} is not host, host:port, kafka://host:port/TOPIC or gcn://TOPIC"
        )
    return host, int(port) if colon else default


def _kafka(part: str) -> KafkaSource:
    if part.startswith(GCN):
        servers, topics = "", part.removeprefix(GCN)
    else:
        servers, _, topics = part.removeprefix(KAFKA).partition("/")
        host, _, port = servers.partition(":")
        if not host or not _is_port(port):
            raise ValueError(f"{part!r} is not kafka://host:port/TOPIC+TOPIC")
    named = tuple(filter(None, topics.split("+")))
    if not named:
        raise ValueError(f"{part!r} names no topic")
    return KafkaSource(servers, named)


def _is_port(text: str) -> bool:
    return text.isdigit() and 0 < int(text) < 65536
