# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Addresses of sources: VTP brokers, topics of Kafka brokers, topics of GCN."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from fink_voevent.config.address_forms import (
    address_text,
    is_of_kafka,
    kafka_address,
    vtp_address,
)

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
        ``host[:port],...``, or any other form of `address_forms`.
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
        vtp_address(part, default) for part in _parts(text) if not is_of_kafka(part)
    ]


def parse_kafka(text: str) -> list[KafkaSource]:
    """Parse the Kafka addresses of a list of sources; those of VTP are left out.

    Parameters
    ----------
    text : str
        ``kafka://host:port/TOPIC+TOPIC,gcn://TOPIC+TOPIC,...``, or any other form of
        `address_forms`.

    Raises
    ------
    ValueError
        If one is wrong; the message names it.
    """
    return [_kafka(part) for part in _parts(text) if is_of_kafka(part)]


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
    vtp = [address_text(*address) for address in parse_sources(text)]
    return list(dict.fromkeys(vtp + [str(source) for source in parse_kafka(text)]))


def _parts(text: str) -> Iterator[str]:
    return filter(None, (part.strip() for part in text.split(",")))


def _kafka(part: str) -> KafkaSource:
    return KafkaSource(*kafka_address(part))
