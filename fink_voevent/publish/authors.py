# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Accept VOEvents of our publisher, to send them to subscribers.

The other end is a Unix socket that only our user can reach: see `author_socket`. What
arrives is checked all the same, because what is sent under our name is ours: it is a
valid VOEvent of our authority, which Comet can receive, with a new identifier.
"""

from __future__ import annotations

import logging
import socket
import sqlite3
from collections.abc import Callable
from typing import Any

from comet.protocol.messages import ack, nak
from comet.utility import parse_ivoid
from twisted.internet import reactor
from twisted.internet.abstract import FileDescriptor
from twisted.internet.protocol import ServerFactory
from twisted.protocols.basic import Int32StringReceiver
from twisted.protocols.policies import TimeoutMixin

from fink_voevent.errors import NoticeError
from fink_voevent.notices import streams, voevent
from fink_voevent.notices.document import Document
from fink_voevent.publish.compose import MOST_BYTES
from fink_voevent.publish.submit import SEEN

_LOG = logging.getLogger(__name__)
SUBMISSION_S = 5.0  # from the connection to the complete message
SHOWN_CHARS = 300  # of a reason
# Why a document is refused, for the counts.
INVALID, FOREIGN, REUSED = "not a valid VOEvent", "not of our authority", "reused ivorn"
DUPLICATE, TOO_LONG = "sent before", "too long"


class RefusedError(Exception):
    """A document is not sent.

    Parameters
    ----------
    kind : str
        Why, for the counts.
    reason : str
        For the author.
    """

    def __init__(self, kind: str, reason: str) -> None:
        self.kind, self.reason = kind, reason[:SHOWN_CHARS]
        super().__init__(self.reason)


def checked(raw: bytes, authority: str) -> Document:
    """Read a VOEvent that is to be sent.

    Parameters
    ----------
    raw : bytes
        The message.
    authority : str
        Our authority: see `streams.authority`.

    Raises
    ------
    RefusedError
        If it is not a VOEvent, is not valid, or is not of our authority.
    """
    try:
        document = voevent.read(raw)
        if streams.authority(document.ivorn) != authority:
            text = f"{document.ivorn} is not of our authority, {authority}"
            raise RefusedError(FOREIGN, text)
        voevent.check(raw)
    except NoticeError as error:
        raise RefusedError(INVALID, f"it is not a valid VOEvent: {error}") from None
    if document.role is None:  # Comet's subscribers discard it
        raise RefusedError(INVALID, "it has no role")
    if not _is_ivoid(document.ivorn):
        raise RefusedError(INVALID, f"{document.ivorn} is not an IVOA identifier")
    return document


def _is_ivoid(ivorn: str) -> bool:
    """Return whether Comet's subscribers accept an identifier."""
    try:
        return bool(parse_ivoid(ivorn)[2])
    except Exception:  # noqa: BLE001 - Comet raises nothing more special
        return False


class AuthorReceiver(Int32StringReceiver, TimeoutMixin):
    """One submission: a message, its answer, and the end of the connection."""

    MAX_LENGTH = MOST_BYTES
    factory: AuthorFactory
    transport: Any  # its type is that of any transport

    def connectionMade(self) -> None:  # noqa: N802 - Twisted's name
        """Wait for the message, for a limited time."""
        self._is_answered = False
        self.setTimeout(SUBMISSION_S)

    def connectionLost(self, *_: Any) -> None:  # noqa: N802 - Twisted's name
        """Stop waiting."""
        self.setTimeout(None)

    def stringReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
        """Answer the first message, and close the connection."""
        if self._is_answered:
            return
        self._is_answered = True
        ivo = self.factory.local_ivo
        try:
            ivorn = self.factory.accept(data)
        except RefusedError as refused:
            answer = nak(ivo, ivo, f"Event rejected: {_for_xml(refused.reason)}")
        except sqlite3.Error as error:  # no answer: the author sends it again
            _LOG.error("a VOEvent was not accepted: %s", error)
            self.transport.loseConnection()
            return
        else:
            answer = ack(ivo, ivorn)
        self.sendString(answer.raw_bytes)
        self.transport.loseConnection()

    def lengthLimitExceeded(self, length: int) -> None:  # noqa: N802 - Twisted's name
        """Count a message that is too long, and close the connection."""
        self.factory.count_refused(TOO_LONG, f"a message of {length} bytes is too long")
        self.transport.loseConnection()


class AuthorFactory(ServerFactory):
    """Makes the receivers of submissions.

    Parameters
    ----------
    local_ivo : str
        Our identifier, sent in the answers.
    accept : callable
        Takes a message, sends it and returns its ivorn; raises `RefusedError`.
    count_refused : callable
        Takes kind and reason of a refusal that `accept` does not see.
    """

    protocol: Any = AuthorReceiver
    noisy = False

    def __init__(
        self,
        local_ivo: str,
        accept: Callable[[bytes], str],
        count_refused: Callable[[str, str], None],
    ) -> None:
        self.local_ivo, self.accept = local_ivo, accept
        self.count_refused = count_refused


class Acceptor(FileDescriptor):
    """Accepts the connections of a Unix socket.

    Twisted's own class for this needs the path of the socket, which can be too long,
    and lets all users of the machine connect.

    Parameters
    ----------
    listener : socket
        It listens; it is closed by its owner.
    factory : AuthorFactory
    """

    def __init__(self, listener: socket.socket, factory: AuthorFactory) -> None:
        super().__init__()
        listener.setblocking(False)
        self._listener, self._factory = listener, factory
        self.connected = 1

    def fileno(self) -> int:
        """Return the descriptor that becomes readable at a connection."""
        return self._listener.fileno()

    def doRead(self) -> None:  # noqa: N802 - Twisted's name
        """Accept a connection, if there still is one."""
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            if not isinstance(error, BlockingIOError):
                _LOG.warning("a connection was not accepted: %s", error)
            return
        with connection:  # Twisted makes a copy of the descriptor
            connection.setblocking(False)
            reactor.adoptStreamConnection(  # type: ignore[attr-defined]
                connection.fileno(), socket.AF_UNIX, self._factory
            )

    def logPrefix(self) -> str:  # noqa: N802 - Twisted's name
        """Return what Twisted calls this in its log."""
        return "authors"


def already_sent(is_same: bool, ivorn: str) -> RefusedError:
    """Return why a VOEvent is not sent again.

    Parameters
    ----------
    is_same : bool
        Whether the same content was sent: the author then knows that it was.
    ivorn : str
    """
    if is_same:
        return RefusedError(DUPLICATE, SEEN)
    return RefusedError(REUSED, f"{ivorn} was sent with another content")


def _for_xml(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)
