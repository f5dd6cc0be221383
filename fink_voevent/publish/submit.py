# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Submit one packet to a VTP broker, as an author, and read its answer.

A broker accepts one packet in each connection, and closes the connection after its
answer. The author that Comet provides is not used: it keeps neither the reason of a
refusal nor a time limit.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from lxml import etree

MOST_BYTES = 99_999  # of an answer
SEEN = "Previously seen by this broker"  # Comet refuses a packet that it has with this


@dataclass(frozen=True)
class Answer:
    """The result of a submission.

    Parameters
    ----------
    state : {"acknowledged", "duplicate", "refused", "unanswered"}
        A duplicate is a packet that the broker already has. An unanswered packet can be
        submitted again: the broker was not reached, or gave no usable answer.
    text : str, optional
        The message of the broker, or the error that prevented an answer.
    is_reached : bool, optional
        Whether the broker was reached. If it was not, the packet is not to blame.
    """

    state: str
    text: str = ""
    is_reached: bool = True


# Connects to a broker, within a time limit (s); raises OSError if it is not reached.
Connect = Callable[[float], socket.socket]


def port_of(address: tuple[str, int]) -> Connect:
    """Return how to connect to a host and port at which a broker receives VOEvents."""
    return lambda limit_s: socket.create_connection(address, limit_s)


def submit(connect: Connect, packet: bytes, limit_s: float) -> Answer:
    """Send a packet and wait for the answer.

    Parameters
    ----------
    connect : callable
        Connects to the broker: see `port_of` and `author_socket.connect`.
    packet : bytes
        A valid VOEvent. Validate it before: a broker that refuses an invalid packet
        may answer "previously seen" the second time, which counts as a duplicate.
    limit_s : float
        Time limit of the whole submission, in seconds.
    """
    end = time.monotonic() + limit_s
    try:
        connection = connect(limit_s)
    except OSError as error:
        return Answer("unanswered", str(error), is_reached=False)
    try:
        with connection:
            _send(connection, struct.pack("!I", len(packet)) + packet, end)
            return _read_answer(connection, end)
    except TimeoutError:
        return Answer("unanswered", f"no answer within {limit_s:g} s")
    except (OSError, etree.XMLSyntaxError) as error:
        return Answer("unanswered", str(error))


def _send(connection: socket.socket, data: bytes, end: float) -> None:
    connection.settimeout(_remaining(end))
    try:
        connection.sendall(data)
    except ConnectionError:
        return  # closed by the broker while we sent; its answer may still be readable


def _read_answer(connection: socket.socket, end: float) -> Answer:
    while True:
        (length,) = struct.unpack("!I", _read(connection, 4, end))
        if length > MOST_BYTES:
            return Answer("unanswered", f"answer of {length} bytes: not a VTP broker")
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
        connection.settimeout(_remaining(end))
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("connection closed without an answer")
        data += part
    return bytes(data)


def _remaining(end: float) -> float:
    """Seconds until `end`; raise TimeoutError if there are none."""
    remaining = end - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining
