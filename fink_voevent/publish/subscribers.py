# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Serve VOEvents to subscribers over VTP; none of them can exhaust or delay the others.

A subscriber that does not read, does not answer, or sends what nobody needs, is
disconnected. It can connect again, and gets what is sent from then on: VTP repeats
nothing.
"""

from __future__ import annotations

import logging
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any, NamedTuple

from comet.protocol.messages import authenticate, iamalive
from comet.utility import broker_test_message
from lxml import etree
from twisted.internet import reactor
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.threadpool import ThreadPool

from fink_voevent.listen.vtp import first_element, is_transport
from fink_voevent.publish import subscriber_filters
from fink_voevent.publish.broadcast_report import Report

_LOG = logging.getLogger(__name__)
Network = IPv4Network | IPv6Network
PER_ADDRESS = 20  # connections of one address
# What may wait for one subscriber, beside 64 KiB of Twisted and the kernel's buffer.
WAITING_MESSAGES, WAITING_BYTES = 500, 2 * 2**20
KERNEL_BYTES = 2**17
ALIVE_S = 60.0  # between two iamalive
UNACKNOWLEDGED = 10  # VOEvents, if none was acknowledged between two iamalive
ANSWER_BYTES = 20_000  # of a message of a subscriber: acknowledgements, filters
UNREQUESTED = 100  # messages of a subscriber that answer nothing
FILTER_S = 0.5  # longest time that the filters of a subscriber may take
FILTER_THREADS = 2


class Message(NamedTuple):
    """A VOEvent to send: its bytes with their length, and the document for filters."""

    framed: bytes
    root: etree._Element


class Subscriber(Int32StringReceiver):
    """One connection."""

    MAX_LENGTH = ANSWER_BYTES
    factory: SubscriberFactory
    transport: Any  # its type is that of any transport

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Limit what the kernel keeps, and say who we are."""
        self.address = self.transport.getPeer().host
        self._waiting: deque[bytes] = deque()
        self._unfiltered: deque[Message] = deque()
        self._filters: Sequence[etree.XPath] = ()
        self._waiting_bytes = 0
        self._is_full = self._is_filtering = self._is_closed = False
        self._sent = self._received = 0  # messages
        self._unacknowledged = 0
        self._is_alive = self._acknowledges = True  # since the last iamalive
        handle = self.transport.getHandle()
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        self.transport.setTcpKeepAlive(True)
        self.transport.registerProducer(_Writer(self), True)
        self.factory.connected(self)
        self._send(_framed(authenticate(self.factory.local_ivo).raw_bytes))

    def connectionLost(self, *_: Any) -> None:  # noqa: N802 - Twisted's name
        """Forget what waits."""
        self._is_closed = True
        self._waiting.clear()
        self._unfiltered.clear()
        self.factory.disconnected(self)

    @property
    def waiting(self) -> tuple[int, int]:
        """Messages that wait to be written, and their bytes."""
        unfiltered = sum(len(message.framed) for message in self._unfiltered)
        count = len(self._waiting) + len(self._unfiltered)
        return count, self._waiting_bytes + unfiltered

    def drop(self, kind: str, text: str) -> None:
        """Disconnect, once, and say why."""
        if not self._is_closed:
            self._is_closed = True
            self.factory.report.dropped(kind, f"{self.address} {text}: disconnected")
            self.transport.abortConnection()

    def send_event(self, message: Message) -> None:
        """Send a VOEvent, after those before it, if it passes the filters."""
        if self._is_closed:
            return
        if self._filters or self._is_filtering:
            self._unfiltered.append(message)
            self._check_waiting()
            self._filter_next()
        else:
            self._unacknowledged += 1
            self._send(message.framed)

    def send_alive(self) -> None:
        """Send an iamalive, unless nothing was answered since the last one."""
        if not self._is_alive:
            self.drop("silent", f"answered nothing for {ALIVE_S:.0f} s")
        elif self._unacknowledged >= UNACKNOWLEDGED and not self._acknowledges:
            text = f"does not acknowledge: {self._unacknowledged} VOEvents"
            self.drop("does not acknowledge", text)
        else:
            self._is_alive = self._acknowledges = False
            self._send(_framed(iamalive(self.factory.local_ivo).raw_bytes))

    def stringReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Take an answer of the subscriber."""
        self._received += 1
        self._is_alive = True
        if self._received > self._sent + UNREQUESTED:
            self.drop("sends too much", "sends what nobody requested")
        root = None if self._is_closed else first_element(data)
        if root is None or not is_transport(root):
            return
        role = root.get("role")
        if role == "ack":
            self._unacknowledged = max(0, self._unacknowledged - 1)
            self._acknowledges = True
        elif role == "nak":  # as VTP says
            self.drop("nak", "refused a VOEvent")
        elif role == "authenticate":
            self._set_filters(root)

    def lengthLimitExceeded(self, length: int) -> None:  # noqa: N802 - Twisted's name
        """Disconnect: no answer is as long."""
        self.drop("sends too much", f"sent a message of {length} bytes")

    def _set_filters(self, root: etree._Element) -> None:
        try:
            self._filters = subscriber_filters.requested(root)
        except subscriber_filters.FilterError as error:
            self.drop("filter", f"has a filter that is not accepted ({error})")

    def _filter_next(self) -> None:
        """Filter the next VOEvent in a thread; one after the other, in order."""
        if self._is_filtering or not self._unfiltered or self._is_closed:
            return
        self._is_filtering = True
        message = self._unfiltered.popleft()
        done = self.factory.in_thread(_timed_filter, self._filters, message.root)
        done.addCallback(self._filtered, message)
        done.addErrback(lambda failure: self.drop("filter", failure.getErrorMessage()))

    def _filtered(self, result: tuple[bool, float], message: Message) -> None:
        passes, used_s = result
        self._is_filtering = False
        if used_s > FILTER_S:
            self.drop("filter", f"has filters that take {used_s:.1f} s")
        if passes and not self._is_closed:
            self._unacknowledged += 1
            self._send(message.framed)
        self._filter_next()

    def _send(self, framed: bytes) -> None:
        """Write a message, or keep it until the subscriber has read what is before."""
        if self._is_closed:
            return
        self._sent += 1
        if self._is_full or self._waiting:
            self._waiting.append(framed)
            self._waiting_bytes += len(framed)
            self._check_waiting()
        else:
            self.transport.write(framed)

    def _check_waiting(self) -> None:
        count, size = self.waiting
        if count > WAITING_MESSAGES or size > WAITING_BYTES:
            self.drop("does not read", f"does not read ({count} messages wait)")

    def written_all(self) -> None:
        """Write what waits: the subscriber has read what was before."""
        self._is_full = False
        while self._waiting and not self._is_full and not self._is_closed:
            framed = self._waiting.popleft()
            self._waiting_bytes -= len(framed)
            self.transport.write(framed)

    def written_enough(self) -> None:
        """Write nothing more: the subscriber has not read what was written."""
        self._is_full = True


class _Writer:
    """What Twisted calls a producer: it says when more can be written."""

    def __init__(self, subscriber: Subscriber) -> None:
        self.pauseProducing = subscriber.written_enough
        self.resumeProducing = subscriber.written_all

    def stopProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Nothing: `connectionLost` follows."""


class SubscriberFactory(ServerFactory):
    """All subscribers.

    Parameters
    ----------
    local_ivo : str
        Our identifier.
    networks : sequence of network
        Those of which subscribers are served.
    most : int
        Largest number of connections.
    test_s : float
        Interval between two test events (s); 0 sends none.
    report : Report
        Where connections are counted.
    """

    protocol: Any = Subscriber
    noisy = False

    def __init__(
        self,
        local_ivo: str,
        networks: Sequence[Network],
        most: int,
        test_s: float,
        report: Report,
    ) -> None:
        self.local_ivo, self.report = local_ivo, report
        self._networks, self._most, self._test_s = networks, most, test_s
        self._subscribers: dict[Subscriber, None] = {}
        self._addresses: Counter[str] = Counter()
        self._alive = LoopingCall(self._send_alive)
        self._test = LoopingCall(self._send_test)
        self._threads = ThreadPool(0, FILTER_THREADS, "filters")

    def startFactory(self) -> None:  # noqa: N802 - Twisted's name
        """Start what is sent at intervals."""
        self._threads.start()
        self._alive.start(ALIVE_S, now=False)
        if self._test_s:
            self._test.start(self._test_s)

    def stopFactory(self) -> None:  # noqa: N802 - Twisted's name
        """Stop what is sent at intervals."""
        self._alive.stop()
        if self._test.running:
            self._test.stop()
        self._threads.stop()

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802 - Twisted's name
        """Admit a connection, or close it at once."""
        address = ip_address(addr.host)
        if not any(address in network for network in self._networks):
            text = f"{address} is not in VOEVENT_BROADCAST_ALLOW"
            self.report.turned_away("not allowed", text)
            return None
        if len(self._subscribers) >= self._most:
            text = f"{address} is one too many: VOEVENT_BROADCAST_SUBSCRIBERS"
            self.report.turned_away("too many", text)
            return None
        if self._addresses[addr.host] >= PER_ADDRESS:
            text = f"{address} has {PER_ADDRESS} connections already"
            self.report.turned_away("too many of one address", text)
            return None
        # Counted here: many connections may be accepted before one is made.
        self._addresses[addr.host] += 1
        subscriber = Subscriber()
        subscriber.factory = self
        self._subscribers[subscriber] = None
        return subscriber

    def connected(self, subscriber: Subscriber) -> None:
        """Report a new subscriber."""
        self.report.connected(subscriber.address, len(self._subscribers))

    def disconnected(self, subscriber: Subscriber) -> None:
        """Forget a subscriber."""
        self._subscribers.pop(subscriber, None)
        self._addresses[subscriber.address] -= 1
        self._addresses += Counter()  # without those that are 0
        self.report.disconnected(subscriber.address, len(self._subscribers))

    def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function in a thread; return a Deferred of its result."""
        return deferToThreadPool(reactor, self._threads, function, *arguments)

    def send(self, raw: bytes, root: etree._Element) -> int:
        """Send a VOEvent to all subscribers; return how many there are."""
        message = Message(_framed(raw), root)
        for subscriber in list(self._subscribers):
            subscriber.send_event(message)
        return len(self._subscribers)

    def waiting(self) -> tuple[int, int]:
        """Return how many messages wait for all subscribers, and their bytes."""
        counts = [subscriber.waiting for subscriber in self._subscribers]
        return sum(n for n, _ in counts), sum(size for _, size in counts)

    def addresses(self) -> dict[str, int]:
        """Return the number of connections of each address."""
        return dict(self._addresses)

    def _send_alive(self) -> None:
        for subscriber in list(self._subscribers):
            subscriber.send_alive()

    def _send_test(self) -> None:
        event = broker_test_message(self.local_ivo)
        self.send(event.raw_bytes, event.element)


def _framed(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "big") + raw


def _timed_filter(
    filters: Sequence[etree.XPath], root: etree._Element
) -> tuple[bool, float]:
    """Return whether a VOEvent passes, and how long that took (s)."""
    start_s = time.thread_time()
    return subscriber_filters.passes(filters, root), time.thread_time() - start_s
