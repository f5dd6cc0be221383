# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""VTP brokers that are slow, silent, or faster than our disk."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest
from comet.protocol.messages import iamalive
from helpers.programs import HERE, program
from helpers.vtp_broker import frame
from lxml import etree

from fink_voevent.listen.vtp import claimed_ivorn, first_element, is_transport


class Broker:
    """A broker on a raw socket, and the log of our subscriber."""

    def __init__(self, server: socket.socket, process) -> None:
        self.server, self.process = server, process
        self.accept()

    def accept(self) -> None:
        self.socket, _ = self.server.accept()
        self.socket.settimeout(30)

    def line(self, *words: str) -> str:
        """Return the next line of the log with one of these words."""
        for text in self.process.stdout:
            if any(word in text for word in words):
                return text
        raise AssertionError(f"no line with {words}")

    def answers(self, count: int) -> list[etree._Element]:
        with self.socket.makefile("rb") as stream:
            return [
                etree.fromstring(stream.read(*struct.unpack(">I", stream.read(4))))
                for _ in range(count)
            ]


@contextlib.contextmanager
def subscribed(quiet_s: float, write_s: float = 0.0) -> Iterator[Broker]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        server.settimeout(30)
        arguments = [str(server.getsockname()[1]), str(quiet_s), str(write_s)]
        with program(str(HERE / "vtp_listener.py"), *arguments) as process:
            broker = Broker(server, process)
            yield broker
            broker.socket.close()


def test_a_document_that_arrives_slowly_is_complete_after_the_timeout():
    raw = b'<VOEvent ivorn="ivo://a/b#slow">' + b" " * 5000 + b"</VOEvent>"
    message = frame(raw)
    with subscribed(quiet_s=0.6) as broker:
        start_s = time.monotonic()
        for place in range(0, len(message), 700):
            broker.socket.sendall(message[place : place + 700])
            time.sleep(0.15)  # the rate of a slow broker, not a wait
        assert time.monotonic() - start_s > 2 * 0.6
        (answer,) = broker.answers(1)
    assert answer.findtext("Origin") == "ivo://a/b#slow"


def test_half_a_message_and_then_nothing_closes_the_connection_with_one_line():
    with subscribed(quiet_s=0.3) as broker:
        broker.socket.sendall(frame(b"<VOEvent/>" * 100)[:200])
        line = broker.line("bytes", "lost")
        assert "sent 200 bytes of a message, and then nothing for 0.3 s" in line
        broker.accept()  # it connects again
        assert "sent nothing for 0.3 s" in broker.line("nothing")


def test_a_broker_that_is_faster_than_the_disk_waits_and_loses_nothing():
    """What waits for the disk is limited, and the wait is no silence of the broker."""
    raw = b'<VOEvent ivorn="ivo://a/b#fast">' + b" " * 40_000 + b"</VOEvent>"
    with subscribed(quiet_s=0.3, write_s=0.5 / 10) as broker:
        sender = threading.Thread(
            target=broker.socket.sendall, args=(frame(raw) * 30,), daemon=True
        )
        sender.start()
        assert len(broker.answers(30)) == 30
        broker.process.terminate()
        log = broker.process.stdout.read()
    assert "waiting 3" in log
    assert "waiting 4" not in log
    assert "closed" not in log.partition("waiting 3")[0]


def test_a_broker_that_does_not_read_our_answers_is_left():
    """It can send only until the buffers of the kernel are full, not our memory."""
    message = frame(iamalive("ivo://org.example/" + "x" * 1000).raw_bytes)
    sent = [0]

    def flood(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for _ in range(200_000):
                connection.sendall(message)
                sent[0] += len(message)

    with subscribed(quiet_s=0.5) as broker:
        threading.Thread(target=flood, args=(broker.socket,), daemon=True).start()
        assert "did not read our answers for 0.5 s" in broker.line("answers", "lost")
    assert sent[0] < 50 * 2**20


@pytest.mark.parametrize("role", ["iamalive", "authenticate"])
def test_a_large_transport_message_is_read_to_its_end(role):
    padding = b"<!--" + b" " * 200_000 + b"-->"
    raw = b'<Transport role="%b">%b<Origin>o</Origin></Transport>'
    root = first_element(raw % (role.encode(), padding))
    assert (root.get("role"), root.findtext("Origin")) == (role, "o")


@pytest.mark.parametrize("tag", [b"T:ransport", b"VOEvent:", b":a", b"a:1"])
def test_a_root_with_a_strange_name_is_no_transport_message(tag):
    """It is kept like any other document, and does not end the connection."""
    root = first_element(b"<%b ivorn='x'><a/></%b>" % (tag, tag))
    assert root is None or not is_transport(root)


def test_a_very_large_transport_message_is_not_parsed_to_its_end():
    root = first_element(b"<Transport role='iamalive'>" + b"<Origin/>" * 500_000)
    assert len(root) < 200_000


def test_an_identifier_without_an_end_is_left_out_quickly():
    start_s = time.process_time()
    assert claimed_ivorn(b'<VOEvent ivorn="' + b"x" * 2**24) == ""
    assert claimed_ivorn(b'<VOEvent ivorn="' + b"x" * 2**24 + b'"/>') == ""
    assert claimed_ivorn(b'ivorn = "' * 2**20)
    assert time.process_time() - start_s < 10
