# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Messages of VTP that arrive in parts of any size."""

from __future__ import annotations

import pytest
from comet.protocol.subscriber import VOEventSubscriber
from helpers.vtp_broker import frame
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import defer
from twisted.internet.testing import StringTransport

from fink_voevent.listen.vtp import SubscriberFactory


def connected(kept: list[bytes]):
    """Return a subscriber with a connection, and what it keeps in a list."""

    def keep(received):
        kept.append(received.raw)
        return defer.succeed(None)

    factory = SubscriberFactory("host:8099", keep, "ivo://org.example/us", 2**24, 60.0)
    subscriber = factory.buildProtocol(None)
    subscriber.makeConnection(StringTransport())
    subscriber.setTimeout(None)
    return subscriber


@given(
    st.lists(st.binary(max_size=30), max_size=8),
    st.lists(st.integers(1, 40), min_size=1, max_size=20),
)
def test_messages_are_the_same_however_they_are_divided(messages, sizes):
    kept: list[bytes] = []
    subscriber = connected(kept)
    stream = b"".join(map(frame, messages))
    place = turn = 0
    while place < len(stream):
        size = sizes[turn % len(sizes)]
        subscriber.dataReceived(stream[place : place + size])
        place, turn = place + size, turn + 1
    assert kept == messages
    subscriber.setTimeout(None)


def test_a_message_in_thousands_of_parts_is_copied_a_few_times(monkeypatch):
    copied: list[int] = []
    receive = VOEventSubscriber.dataReceived

    def counted(self, data: bytes) -> None:
        copied.append(len(self._unprocessed) + len(data))
        receive(self, data)

    monkeypatch.setattr(VOEventSubscriber, "dataReceived", counted)
    kept: list[bytes] = []
    subscriber = connected(kept)
    stream = frame(b"<VOEvent>" + b" " * 50_000 + b"</VOEvent>") * 2
    for place in range(0, len(stream), 7):
        subscriber.dataReceived(stream[place : place + 7])
    assert len(kept) == 2
    assert sum(copied) < 2 * len(stream)
    subscriber.setTimeout(None)


@pytest.mark.parametrize("length", [2**24 + 1, 2**32 - 1])
def test_a_message_that_is_too_long_is_refused_at_its_first_bytes(length):
    subscriber = connected([])
    subscriber.dataReceived(length.to_bytes(4, "big")[:3])
    assert not subscriber.transport.disconnecting
    subscriber.dataReceived(length.to_bytes(4, "big")[3:])
    assert subscriber.transport.disconnecting
    subscriber.setTimeout(None)
