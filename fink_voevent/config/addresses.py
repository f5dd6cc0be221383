# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Addresses of sources: VTP brokers, topics of Kafka brokers, topics of GCN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

DEFAULT_PORT = 8099  # of a VTP broker for its subscribers, by convention
KAFKA, GCN = "kafka://", "gcn://"


class KafkaSource(NamedTuple):
    """Topics to subscribe to.

    Parameters
    ----------
    servers : str
        Kafka brokers, ``host:port,...``; empty is GCN.
    topics : tuple of str
    """

    servers: str
    topics: tuple[str, ...]

    def __str__(self) -> str:
        """Return the address as it is written in a setting."""
        scheme = f"{KAFKA}{self.servers}/" if self.servers else GCN
        return scheme + "+".join(self.topics)


def parse_sources(text: str, default: int = DEFAULT_PORT) -> list[tuple[str, int]]:
    """Parse the VTP addresses of a list of sources; those of Kafka are left out.

    Parameters
    ----------
    text : str
        ``host[:port],...``
    default : int, optional
        Port if none is given.

    Returns
    -------
    list of (str, int)
        Host and port of each.

    Raises
    ------
    ValueError
        If one is wrong; the message names it.
    """
    return [
        _vtp(part, default)
        for part in _parts(text)
        if not part.startswith((KAFKA, GCN))
    ]


def parse_kafka(text: str) -> list[KafkaSource]:
    """Parse the Kafka addresses of a list of sources; those of VTP are left out.

    Parameters
    ----------
    text : str
        ``kafka://host:port/TOPIC+TOPIC,gcn://TOPIC+TOPIC,...``

    Raises
    ------
    ValueError
        If one is wrong; the message names it.
    """
    return [_kafka(part) for part in _parts(text) if part.startswith((KAFKA, GCN))]


def source_addresses(text: str) -> list[str]:
    """Return the address of each of a list of sources, with its port, in order.

    Parameters
    ----------
    text : str
        As `parse_sources` and `parse_kafka` read it.

    Raises
    ------
    ValueError
        If one is wrong; the message names it.
    """
    vtp = [f"{host}:{port}" for host, port in parse_sources(text)]
    return list(dict.fromkeys(vtp + [str(source) for source in parse_kafka(text)]))


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
