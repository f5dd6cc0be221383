# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""One packet to one VTP broker, as an author: sent, and its answer.

A broker takes one packet a connection: it closes after its answer. Comet's own author
keeps neither the reason of a refusal nor a time limit.
"""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass

from lxml import etree

MOST_BYTES = 99_999  # of an answer
SEEN = "Previously seen by this broker"  # Comet's refusal of what it has


@dataclass(frozen=True)
class Answer:
    """What came of a submission.

    Parameters
    ----------
    state : {"acknowledged", "duplicate", "refused", "unanswered"}
        The last is worth another try: nobody there, nothing said, or closed.
    text : str
        What the broker said, or why it did not.
    """

    state: str
    text: str = ""


def submit(address: tuple[str, int], packet: bytes, limit_s: float) -> Answer:
    """Send a packet and wait for the answer, so long in all.

    Parameters
    ----------
    address : (str, int)
        Host and port of the broker's receiver.
    packet : bytes
        VOEvent; checked already, since a duplicate counts as success.
    limit_s : float
    """
    end = time.monotonic() + limit_s
    try:
        with socket.create_connection(address, limit_s) as connection:
            _send(connection, struct.pack("!I", len(packet)) + packet, end)
            return _answer(connection, end)
    except TimeoutError:
        return Answer("unanswered", f"no answer within {limit_s:g} s")
    except (OSError, etree.XMLSyntaxError) as error:
        return Answer("unanswered", str(error))


def _send(connection: socket.socket, data: bytes, end: float) -> None:
    connection.settimeout(_left(end))
    try:
        connection.sendall(data)
    except ConnectionError:
        return  # closed while we sent: its answer may still be there to read


def _answer(connection: socket.socket, end: float) -> Answer:
    while True:
        (length,) = struct.unpack("!I", _read(connection, 4, end))
        if length > MOST_BYTES:
            return Answer("unanswered", f"an answer of {length} bytes: not VTP")
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        root = etree.fromstring(_read(connection, length, end), parser)
        text = " ".join((root.findtext("Meta/Result") or "").split())
        if root.get("role") == "ack":
            return Answer("acknowledged", text)
        if root.get("role") == "nak":
            return Answer("duplicate" if SEEN in text else "refused", text)


def _read(connection: socket.socket, count: int, end: float) -> bytes:
    data = bytearray()
    while len(data) < count:
        connection.settimeout(_left(end))
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("closed without an answer")
        data += part
    return bytes(data)


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
