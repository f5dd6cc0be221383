# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Receive VOEvents over VTP: Comet's subscriber, made durable.

Comet acknowledges a document before its handlers run, even if a validator refuses it.
It drops documents without a role and those over 99,999 bytes, and waits up to an hour
before it reconnects. The subscriber of this module writes every document to the disk,
whatever its content, before it sends the acknowledgement. A document that cannot be
written is not acknowledged.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

from comet.protocol.messages import ack, authenticateresponse, iamaliveresponse
from comet.protocol.subscriber import VOEventSubscriber, VOEventSubscriberFactory
from lxml import etree
from twisted.internet import defer
from twisted.python.failure import Failure

from fink_voevent.listen.connections import Connection
from fink_voevent.listen.spool import Received
from fink_voevent.notices.document import without_blanks

_LOG = logging.getLogger(__name__)
_IVORN = re.compile(rb"""\bivorn\s*=\s*["']([^"']{0,2000})["']""")
PREFIX_BYTES = 4  # the length of a message, before it
OVERHEAD_BYTES = 4096  # about what a document takes in memory beside its own bytes
PART_BYTES = 2**16
TRANSPORT_BYTES = 2**20  # what is parsed of a message of VTP itself; they are small
QUIET_S = 120.0  # longest silence of a broker; it sends an iamalive every minute
Keep = Callable[[Received], "defer.Deferred[Any]"]


class DurableSubscriber(VOEventSubscriber):
    """One connection to a broker; `factory.keep` writes a document to the disk.

    Nothing more is read from the broker while too many of its documents wait for the
    disk, or while it does not read our answers, so that a broker cannot fill the
    memory.
    """

    factory: SubscriberFactory

    def connectionMade(self, *args: Any) -> None:  # noqa: N802 - Twisted's name
        """Log the connection, set the largest message, and start Comet's timeout."""
        self.MAX_LENGTH = self.factory.max_message_bytes
        self.ALIVE_INTERVAL = self.factory.quiet_s
        self._waiting_bytes = 0
        self._obstacles: set[str] = set()
        self._partial_bytes = 0
        self._new = bytearray()  # not yet given to Twisted
        self._wanted_bytes = PREFIX_BYTES  # of the message, before it can be read on
        VOEventSubscriber.connectionMade(self, *args)
        # The transport then reports, by `pauseProducing`, that answers are not read.
        self.transport.registerProducer(self, True)
        self.factory.note(f"connected to {self.factory.source}", logging.INFO)
        self.factory.connection.connected()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Receive any part of a message: a slow broker is alive while data arrives.

        Twisted copies all that it has of a message with each part, so that a large one
        in small parts, which any broker can send, would take a processor for minutes.
        It gets a message once it is complete.
        """
        if data:
            self.resetTimeout()
            self.factory.connection.heard()
        self._partial_bytes += len(data)
        self._new += data
        if data and self._partial_bytes < self._wanted_bytes:
            return
        new, self._new = bytes(self._new), bytearray()
        VOEventSubscriber.dataReceived(self, new)
        prefix = self._unprocessed[:PREFIX_BYTES]  # of the message that has begun
        length = int.from_bytes(prefix, "big") if len(prefix) == PREFIX_BYTES else 0
        self._wanted_bytes = PREFIX_BYTES + length

    def timeoutConnection(self) -> None:  # noqa: N802 - Twisted's name
        """Log that nothing arrives any more, and close the connection."""
        if "answers" in self._obstacles:
            what = "did not read our answers"
        elif self._partial_bytes:
            what = f"sent {self._partial_bytes} bytes of a message, and then nothing"
        else:
            what = "sent nothing"
        _LOG.warning(
            "%s %s for %g s: the connection is closed",
            *(self.factory.source, what, self.ALIVE_INTERVAL),
        )
        self.factory.connection.lost(f"it {what} for {self.ALIVE_INTERVAL:g} s")
        # `loseConnection` would first wait until our answers are read.
        self.transport.abortConnection()

    def pauseProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Read nothing more until our answers are read; the timeout goes on."""
        self._obstruct("answers")

    def resumeProducing(self) -> None:  # noqa: N802 - Twisted's name
        """Read again, now that our answers were read."""
        self._clear("answers")

    def _obstruct(self, obstacle: str) -> None:
        """Read nothing more because of an obstacle."""
        self._obstacles.add(obstacle)
        VOEventSubscriber.pauseProducing(self)

    def _clear(self, obstacle: str) -> None:
        """Read again if this was the only obstacle."""
        self._obstacles.discard(obstacle)
        if self.paused and not self._obstacles:
            VOEventSubscriber.resumeProducing(self)

    def stringReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Answer a transport message; keep anything else, then acknowledge it."""
        self._partial_bytes -= PREFIX_BYTES + len(data)
        root = first_element(data)
        if root is not None and is_transport(root):
            self._answer(root)
            return
        document = Received(data, "vtp", self.factory.source)
        self._waiting_bytes += OVERHEAD_BYTES + len(data)
        if self._waiting_bytes > self.MAX_LENGTH:
            self._obstruct("disk")
            self.setTimeout(None)  # the broker is not to blame
        kept = self.factory.keep(document)
        kept.addCallbacks(self._acknowledge, self._log_failure, callbackArgs=(data,))
        kept.addBoth(self._note_written, len(data))

    def _note_written(self, result: Any, length: int) -> Any:
        """Read on if the disk was the obstacle, and enough is written."""
        self._waiting_bytes -= OVERHEAD_BYTES + length
        line = self.transport
        is_open = line is not None and line.connected and not line.disconnecting
        is_enough = self._waiting_bytes <= self.MAX_LENGTH
        if is_open and is_enough and "disk" in self._obstacles:
            self.setTimeout(self.ALIVE_INTERVAL)
            self._clear("disk")
        return result

    def _answer(self, root: etree._Element) -> None:
        """Answer a transport message that needs an answer."""
        role, origin = root.get("role"), _origin(root)
        if role == "iamalive":
            self.send_xml(iamaliveresponse(self.factory.local_ivo, origin))
        elif role == "authenticate":
            self.send_xml(
                authenticateresponse(self.factory.local_ivo, origin, self.filters)
            )
        else:
            _LOG.debug("%s: transport message with role %s", self.factory.source, role)

    def _acknowledge(self, _: Any, data: bytes) -> None:
        self.factory.received += 1
        self.factory.connection.received()
        if self.transport is not None and self.transport.connected:
            self.send_xml(ack(self.factory.local_ivo, claimed_ivorn(data)))

    def _log_failure(self, failure: Failure) -> None:
        """Log that a document was not written; no acknowledgement is sent for it."""
        _LOG.error(
            "a document of %s was not written, and is not acknowledged: %s",
            self.factory.source,
            failure.getErrorMessage(),
        )

    def lengthLimitExceeded(self, length: int) -> None:  # noqa: N802 - Twisted's name
        """Log a message that is too long; Comet then closes the connection."""
        _LOG.error(
            "%s sent a message of %d bytes, over VOEVENT_MAX_MESSAGE_BYTES=%d: the"
            " connection is closed",
            self.factory.source,
            length,
            self.MAX_LENGTH,
        )
        self.factory.connection.lost(f"it sent a message of {length} bytes")
        self.transport.unregisterProducer()  # Twisted would wait for it
        VOEventSubscriber.lengthLimitExceeded(self, length)


class SubscriberFactory(VOEventSubscriberFactory):
    """Connects to one broker, and again whenever the connection is lost.

    Parameters
    ----------
    source : str
        ``host:port`` of the broker, kept with each document.
    keep : callable
        Takes a `Received` and returns a Deferred, which fires when the document is on
        the disk.
    local_ivo : str
        Identifier of this installation (ivo://...), sent in each answer.
    max_message_bytes : int
        Largest message (bytes); a longer one closes the connection.
    max_delay_s : float
        Longest wait before a reconnection (s).
    quiet_s : float, optional
        Longest time without a byte from the broker (s); the connection is then closed.
    connection : Connection, optional
        Where it is recorded when the broker is connected, and heard of.
    """

    protocol = DurableSubscriber

    def __init__(
        self,
        source: str,
        keep: Keep,
        local_ivo: str,
        max_message_bytes: int,
        max_delay_s: float,
        quiet_s: float = QUIET_S,
        connection: Connection | None = None,
    ) -> None:
        VOEventSubscriberFactory.__init__(self, local_ivo)
        self.source = source
        self.keep = keep
        self.max_message_bytes = max_message_bytes
        self.maxDelay = max_delay_s
        self.quiet_s = quiet_s
        self.connection = connection or Connection()
        self.received = 0
        self._last_note = ""

    def note(self, message: str, level: int) -> None:
        """Log the state of the connection, if it has changed."""
        if message != self._last_note:
            self._last_note = message
            _LOG.log(level, message)

    def clientConnectionFailed(  # noqa: N802 - Twisted's name
        self, connector: Any, reason: Failure
    ) -> None:
        """Log once that the broker cannot be reached, and try again."""
        self.note(
            f"{self.source} cannot be reached ({reason.getErrorMessage().rstrip('.')});"
            f" trying again, at least every {self.maxDelay:.0f} s",
            logging.WARNING,
        )
        self.connection.failed(f"it cannot be reached: {reason.getErrorMessage()}")
        VOEventSubscriberFactory.clientConnectionFailed(self, connector, reason)

    def clientConnectionLost(  # noqa: N802 - Twisted's name
        self, connector: Any, reason: Failure
    ) -> None:
        """Log once that the connection was lost, and connect again."""
        if self.continueTrying:
            self.note(
                f"connection to {self.source} lost; reconnecting", logging.WARNING
            )
            self.connection.lost(reason.getErrorMessage())
        VOEventSubscriberFactory.clientConnectionLost(self, connector, reason)


def first_element(data: bytes) -> etree._Element | None:
    """Return the root element of a message; None if it is not XML.

    The message may be incomplete, or not well-formed after the start of the root. Only
    the root of a transport message is sure to have its children.
    """
    parser = etree.XMLPullParser(
        events=("start",), resolve_entities=False, no_network=True, load_dtd=False
    )
    data = without_blanks(data)
    root = None
    for start in range(0, min(len(data), TRANSPORT_BYTES), PART_BYTES):
        try:
            parser.feed(data[start : start + PART_BYTES])
        except etree.XMLSyntaxError:
            # the start of the root may come before the error
            return _first_event(parser) if root is None else root
        root = _first_event(parser) if root is None else root
        if root is not None and not is_transport(root):
            return root  # a large document is not parsed here any further
    return root


def _first_event(parser: etree.XMLPullParser) -> etree._Element | None:
    try:
        return next((element for _, element in parser.read_events()), None)
    except etree.XMLSyntaxError:
        return None


def is_transport(root: etree._Element) -> bool:
    """Return whether the root of a message is that of VTP itself, in any namespace."""
    return _local_name(root) == "Transport"


def _local_name(element: etree._Element) -> str:
    """Return the name without its namespace; `etree.QName` refuses some names."""
    return str(element.tag).rpartition("}")[2]


def _origin(root: etree._Element) -> str:
    for child in root:
        if isinstance(child.tag, str) and _local_name(child) == "Origin":
            return (child.text or "").strip()
    return ""


def claimed_ivorn(data: bytes) -> str:
    """Return the ivorn in a document, for the acknowledgement.

    It is found by a regular expression, because the document may not be well-formed;
    characters that XML does not allow are left out. Empty if there is no ivorn, or if
    it is longer than 2000 bytes.
    """
    found = _IVORN.search(data)
    text = found[1].decode("utf-8", "replace") if found else ""
    return "".join(c for c in text if c.isprintable() and c not in "\ufffe\uffff")
