# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""One address, in any of the forms in which publishers give theirs.

=======================================  ============================================
VTP                                      ``host``, ``host:port``, ``[::1]:8099``,
                                         ``vtp://host:port/``, ``tcp:host:port``
Kafka                                    ``kafka://host[:port]/TOPIC+TOPIC``,
                                         ``x-kafka://host[:port]?topic=TOPIC``
GCN                                      ``gcn://TOPIC+TOPIC``
=======================================  ============================================
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import unquote

KAFKA_PORT = 9092
FORMS = "host, host:port, vtp://host:port, kafka://host:port/TOPIC or gcn://TOPIC"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)")
_TCP = re.compile(r"tcp:(?!//)", re.IGNORECASE)  # an endpoint of Twisted, as Comet's
_LABEL = re.compile(r"\w([\w-]{0,61}\w)?", re.ASCII)
_TOPIC = re.compile(r"(?!\.{1,2}$)[\w.-]{1,249}", re.ASCII)  # what Kafka allows
_VTP_SCHEMES, _KAFKA_SCHEMES, _GCN = ("vtp", "tcp"), ("kafka", "x-kafka"), "gcn"


def is_of_kafka(text: str) -> bool:
    """Whether an address has the form of topics of Kafka or GCN."""
    return _split_scheme(text)[0] in (*_KAFKA_SCHEMES, _GCN)


def vtp_address(text: str, default: int) -> tuple[str, int]:
    """Parse the address of a VTP broker.

    Parameters
    ----------
    text : str
    default : int
        Port if none is given.

    Returns
    -------
    str
        Host; an IPv6 address without brackets.
    int
        Port.

    Raises
    ------
    ValueError
        If it is wrong; the message says how.
    """
    scheme, rest = _split_scheme(text)
    if scheme and scheme not in _VTP_SCHEMES:
        raise ValueError(f"{text!r} is not {FORMS}")
    if not scheme:
        rest = _TCP.sub("", rest, count=1)
    return _host_and_port(text, rest.removesuffix("/") if scheme else rest, default)


def kafka_address(text: str) -> tuple[str, tuple[str, ...]]:
    """Parse the address of topics of Kafka or GCN.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        Kafka broker, ``host:port``; empty for GCN.
    tuple of str
        Topics.

    Raises
    ------
    ValueError
        If it is wrong; the message says how.
    """
    scheme, rest = _split_scheme(text)
    if scheme == _GCN:
        return "", _topics(text, rest)
    server, _, path = rest.partition("/")
    if not path.startswith("^"):  # in a regular expression, "?" has another meaning
        place, _, query = rest.partition("?")
        server, _, path = place.partition("/")
        if query and path:
            raise ValueError(f"{text!r} names topics twice: once suffices")
        path = path or _topics_of_query(text, query)
    host, port = _host_and_port(text, server, KAFKA_PORT)
    return address_text(host, port), _topics(text, path)


def address_text(host: str, port: int) -> str:
    """Return host and port as they are written in an address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _split_scheme(text: str) -> tuple[str, str]:
    """Return the scheme in lower case, empty if there is none, and the rest."""
    found = _SCHEME.fullmatch(text)
    return (found[1].lower(), found[2]) if found else ("", text)


def _host_and_port(whole: str, text: str, default: int) -> tuple[str, int]:
    if "@" in text:
        raise ValueError(
            f"{whole.rpartition('@')[2]!r} is given with a login: use"
            " VOEVENT_SOURCE_USERNAME and VOEVENT_SOURCE_PASSWORD"
        )
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        is_valid = bool(bracket) and _is_ipv6(host) and rest[:1] in ("", ":")
        colon, port = rest[:1], rest[1:]
    elif _is_ipv6(text):
        raise ValueError(f"{whole!r} needs brackets: [{text}]")
    else:
        host, colon, port = text.partition(":")
        is_valid = _is_host(host)
    if not is_valid or (colon and not _is_port(port)):
        raise ValueError(f"{whole!r} is not {FORMS}")
    return host, int(port) if colon else default


def _topics_of_query(whole: str, query: str) -> str:
    """Return the topics of ``topic=T&topic=U``, as a path has them."""
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    if any(name != "topic" for name, _, _ in pairs):
        raise ValueError(f"{whole!r} has other parameters than topic")
    return "+".join(unquote(value) for _, _, value in pairs)


def _topics(whole: str, text: str) -> tuple[str, ...]:
    named = tuple(filter(None, text.removesuffix("/").split("+")))
    if not named:
        raise ValueError(f"{whole!r} names no topic")
    for topic in named:
        is_expression = topic.startswith("^")  # subscribes to all topics that match
        if not is_expression and not _TOPIC.fullmatch(topic):
            raise ValueError(f"{whole!r}: {topic!r} cannot be a topic of Kafka")
    return named


def _is_host(text: str) -> bool:
    """Whether a text can be a name in DNS, or an IPv4 address."""
    labels = text.removesuffix(".").split(".")
    if len(text) > 253 or not all(map(_LABEL.fullmatch, labels)):
        return False
    return not labels[-1].isdecimal() or _is_ipv4(text)


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text) < 65536
