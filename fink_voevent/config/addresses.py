# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Addresses of sources: VTP brokers, topics of Kafka brokers, topics of GCN.

A list of sources is separated by commas. ``ADDRESS=ivo://...`` names the publishers for
which a source may speak; several are joined by ``+``. ``NAME=ADDRESS,ADDRESS,...`` says
that addresses are one source; a semicolon, or the next NAME, ends them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from fink_voevent.config.address_forms import (
    address_text,
    is_of_kafka,
    kafka_address,
    vtp_address,
)

DEFAULT_PORT = 8099  # of a VTP broker for its subscribers, by convention
KAFKA, GCN, IVO = "kafka://", "gcn://", "ivo://"
# Sources that are not subscribed to: `fink_voevent land` from standard input, and files
# of other programs in landing.
LAND, PARQUET = "land", "parquet"
_NAMED = re.compile(rf"(?P<name>[A-Za-z][\w-]*)=(?!{IVO})(?P<rest>.+)")


class SourceEntry(NamedTuple):
    """One source of a list of sources.

    Parameters
    ----------
    name : str
        Name of the source, if several addresses are one; else empty.
    addresses : tuple of str
        ``host:port``, ``kafka://host:port/TOPIC+TOPIC``, ``gcn://TOPIC+TOPIC``,
        ``land`` or ``parquet``.
    publishers : tuple of str
        Patterns of the ivorns of the publishers for which it may speak: the part before
        ``#``, in lower case, or the beginning of it and ``/*``.
    """

    name: str
    addresses: tuple[str, ...]
    publishers: tuple[str, ...]

    def __str__(self) -> str:
        """Return the source as it is written in a setting."""
        publishers = f"={'+'.join(self.publishers)}" if self.publishers else ""
        name = f"{self.name}=" if self.name else ""
        return name + ",".join(self.addresses) + publishers


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
        ``host[:port],...``, or any other form of `address_forms`: see the head of this
        module.
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


def parse_entries(text: str, default: int = DEFAULT_PORT) -> list[SourceEntry]:
    """Parse a list of sources, with their names and publishers.

    Parameters
    ----------
    text : str
        See the head of this module.
    default : int, optional
        Port of a VTP address without one.

    Returns
    -------
    list of SourceEntry
        Addresses without a name are an entry each.

    Raises
    ------
    ValueError
        If one is wrong; the message names it.
    """
    found: list[SourceEntry] = []
    for name, item in _items(text):
        address, given, publishers = item.partition(f"={IVO}")
        patterns = _patterns(IVO + publishers) if given else ()
        entry = SourceEntry(name, (_address(address, default),), patterns)
        if name and found and found[-1].name == name:
            last = found.pop()
            merged = dict.fromkeys(last.publishers + patterns)
            addresses = last.addresses + entry.addresses
            entry = SourceEntry(name, addresses, tuple(merged))
        found.append(entry)
    return found


def pattern_of(text: str) -> str:
    """Return a pattern of ivorns in lower case.

    Raises
    ------
    ValueError
        If it is none: ``ivo://AUTHORITY/STREAM``, ``ivo://AUTHORITY/*`` or ``ivo://*``.
    """
    pattern = text.strip().lower().rstrip("/")
    base = pattern.removesuffix("/*")
    if not pattern.startswith(IVO) or set(base) & set("*#? ") or pattern == IVO:
        raise ValueError(
            f"{text!r} is not ivo://AUTHORITY/STREAM, ivo://AUTHORITY/* or ivo://*"
        )
    return pattern


def _patterns(text: str) -> tuple[str, ...]:
    return tuple(pattern_of(part) for part in text.split("+"))


def _address(text: str, default: int) -> str:
    """Return an address as the listener writes it."""
    if text in (LAND, PARQUET):
        return text
    if is_of_kafka(text):
        return str(_kafka(text))
    return address_text(*vtp_address(text, default))


def _items(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name (or an empty text) and the rest of each item of a list."""
    for part in text.split(";"):
        name = ""
        for item in filter(None, (piece.strip() for piece in part.split(","))):
            named = _NAMED.fullmatch(item)
            if named and not is_of_kafka(item):
                name, item = named["name"], named["rest"]  # noqa: PLW2901
            yield name, item


def _parts(text: str) -> Iterator[str]:
    """Yield the addresses to which one subscribes, as they are written."""
    for _, item in _items(text):
        address = item.partition(f"={IVO}")[0]
        if address not in (LAND, PARQUET):
            yield address


def _kafka(part: str) -> KafkaSource:
    return KafkaSource(*kafka_address(part))
