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

from fink_voevent.listen.spool import Received

_LOG = logging.getLogger(__name__)
_IVORN = re.compile(rb"""\bivorn\s*=\s*["']([^"']*)["']""")
Keep = Callable[[Received], "defer.Deferred[Any]"]


class DurableSubscriber(VOEventSubscriber):
    """One connection to a broker; `factory.keep` writes a document to the disk."""

    factory: SubscriberFactory

    def connectionMade(self, *args: Any) -> None:  # noqa: N802 - Twisted's name
        """Log the connection, set the largest message, and start Comet's timeout."""
        self.MAX_LENGTH = self.factory.max_message_bytes
        VOEventSubscriber.connectionMade(self, *args)
        self.factory.note(f"connected to {self.factory.source}", logging.INFO)

    def stringReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Answer a transport message; keep anything else, then acknowledge it."""
        self.resetTimeout()
        root = first_element(data)
        if root is not None and etree.QName(root).localname == "Transport":
            self._answer(root)
            return
        document = Received(data, "vtp", self.factory.source)
        kept = self.factory.keep(document)
        kept.addCallbacks(self._acknowledge, self._log_failure, callbackArgs=(data,))

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
    """

    protocol = DurableSubscriber

    def __init__(
        self,
        source: str,
        keep: Keep,
        local_ivo: str,
        max_message_bytes: int,
        max_delay_s: float,
    ) -> None:
        VOEventSubscriberFactory.__init__(self, local_ivo)
        self.source = source
        self.keep = keep
        self.max_message_bytes = max_message_bytes
        self.maxDelay = max_delay_s
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
        VOEventSubscriberFactory.clientConnectionFailed(self, connector, reason)

    def clientConnectionLost(  # noqa: N802 - Twisted's name
        self, connector: Any, reason: Failure
    ) -> None:
        """Log once that the connection was lost, and connect again."""
        if self.continueTrying:
            self.note(
                f"connection to {self.source} lost; reconnecting", logging.WARNING
            )
        VOEventSubscriberFactory.clientConnectionLost(self, connector, reason)


def first_element(data: bytes) -> etree._Element | None:
    """Return the root element of a message; None if it is not XML.

    The message may be incomplete, or not well-formed after the start of the root.
    """
    parser = etree.XMLPullParser(
        events=("start",), resolve_entities=False, no_network=True, load_dtd=False
    )
    try:
        parser.feed(data)
    except etree.XMLSyntaxError:
        pass  # the start of the root may come before the error
    return next((element for _, element in _events(parser)), None)


def _events(parser: etree.XMLPullParser) -> Any:
    try:
        yield from parser.read_events()
    except etree.XMLSyntaxError:
        return


def _origin(root: etree._Element) -> str:
    for child in root:
        if isinstance(child.tag, str) and etree.QName(child).localname == "Origin":
            return (child.text or "").strip()
    return ""


def claimed_ivorn(data: bytes) -> str:
    """Return the ivorn in a document, for the acknowledgement.

    It is found by a regular expression, because the document may not be well-formed;
    characters that XML does not allow are left out. Empty if there is no ivorn.
    """
    found = _IVORN.search(data)
    text = found[1].decode("utf-8", "replace") if found else ""
    return "".join(c for c in text if c.isprintable() and c not in "\ufffe\uffff")
