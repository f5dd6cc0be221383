# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Find out whether a VTP broker is at an address: read what it says first.

A broker sends a message of VTP to each new subscriber, at once (Comet:
``authenticate``) or within a minute or two (``iamalive``). Each message is its length,
four bytes, and XML. To a program that waits for us to speak first we send such a
message too: a web server answers it with an error, or closes the connection.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from dataclasses import dataclass
from datetime import datetime, timezone

from lxml import etree

from fink_voevent.errors import VOEventPluginError
from fink_voevent.listen.vtp import first_element

PREFIX = struct.Struct("!I")
CONNECT_S = 5.0  # longest wait for the connection
GREETING_S = 3.0  # longest wait for the first message, and again for an answer to ours
LONGEST = 2**24  # bytes of a message


@dataclass(frozen=True)
class Greeting:
    """What a broker said first.

    Parameters
    ----------
    role : str
        Of the message: ``authenticate``, ``iamalive``, or the name of the root of a
        document; empty if it said nothing, which a broker may do for a minute.
    origin : str
        Identifier of the broker; empty if it did not say.
    ahead_s : float or None
        Its clock less ours (s); None if it did not say.
    """

    role: str = ""
    origin: str = ""
    ahead_s: float | None = None


class NotABrokerError(VOEventPluginError):
    """What answers at an address does not speak VTP."""


def greet(host: str, port: int, local_ivo: str) -> Greeting:
    """Connect to an address, and read what it says first.

    Parameters
    ----------
    host : str
    port : int
    local_ivo : str
        Our identifier, for the message that we send if nothing comes.

    Raises
    ------
    OSError
        If nothing accepts a connection there.
    NotABrokerError
        If what answers is no VTP broker.
    """
    with socket.create_connection((host, port), CONNECT_S) as connection:
        connection.settimeout(GREETING_S)
        first = _received(connection)
        if first is None:
            message = _iamalive(local_ivo)
            with contextlib.suppress(OSError):
                connection.sendall(PREFIX.pack(len(message)) + message)
            first = _received(connection)
            if first is None:
                return Greeting()
        return _parse(first, connection)


def _received(connection: socket.socket) -> bytes | None:
    """Return the first bytes that come; None if none do.

    Raises
    ------
    NotABrokerError
        If the connection is closed.
    """
    try:
        first = connection.recv(4096)
    except TimeoutError:
        return None
    except ConnectionError as error:
        raise NotABrokerError(f"it broke the connection: {error.strerror}") from None
    if not first:
        raise NotABrokerError("it closed the connection before it sent anything")
    return first


def _parse(first: bytes, connection: socket.socket) -> Greeting:
    """Read the message that begins with these bytes."""
    received = first
    while len(received) < PREFIX.size or (
        PREFIX.unpack(received[: PREFIX.size])[0] <= LONGEST
        and len(received) < PREFIX.size + PREFIX.unpack(received[: PREFIX.size])[0]
        and len(received) < LONGEST
    ):
        more = _received(connection)
        if more is None:
            break
        received += more
    moment = datetime.now(timezone.utc)
    root = None
    if len(received) > PREFIX.size and PREFIX.unpack(received[:4])[0] <= LONGEST:
        root = first_element(received[PREFIX.size :])
    if root is None:
        shown = ascii(first[:40].decode("latin-1"))
        raise NotABrokerError(f"what answers does not speak VTP, it sent {shown}")
    return Greeting(_role(root), _text(root, "Origin"), _ahead_s(root, moment))


def _role(root: etree._Element) -> str:
    return str(root.get("role") or str(root.tag).rpartition("}")[2])


def _text(root: etree._Element, name: str) -> str:
    for child in root:
        if isinstance(child.tag, str) and child.tag.rpartition("}")[2] == name:
            return (child.text or "").strip()
    return ""


def _ahead_s(root: etree._Element, moment: datetime) -> float | None:
    text = _text(root, "TimeStamp").replace("Z", "+00:00")
    try:
        sent = datetime.fromisoformat(text)
    except ValueError:
        return None
    if sent.tzinfo is None:
        sent = sent.replace(tzinfo=timezone.utc)
    return (sent - moment).total_seconds()


def _iamalive(local_ivo: str) -> bytes:
    from comet.protocol.messages import iamalive

    return bytes(iamalive(local_ivo).raw_bytes)
