# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Server-sent events: those who look at pages hear at once that they have changed.

The protocol is that of the HTML standard (html.spec.whatwg.org, Server-sent events).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.web.http import Request
from zope.interface import implementer

MOST_CLIENTS = 100  # connected at the same time
RETRY_MS = 3000  # after which a browser connects again


@implementer(IPushProducer)
class _Client:
    """A connection; it is closed if it does not read, and is then made again."""

    def __init__(self, request: Request) -> None:
        self.request = request

    def pauseProducing(self) -> None:  # noqa: N802 - names of Twisted
        self.request.loseConnection()

    def resumeProducing(self) -> None:  # noqa: N802
        pass

    def stopProducing(self) -> None:  # noqa: N802
        pass


class Changes:
    """Sends changes to all who are connected.

    Each change has a number after a random text that is that of this process. A browser
    that connects again says which one it had last: if it has missed any, the answer is
    that every page may have changed.
    """

    def __init__(self) -> None:
        self._run, self._number = secrets.token_hex(4), 0
        self._clients: set[_Client] = set()
        self._verdict: str | None = None

    @property
    def is_full(self) -> bool:
        """Whether no more can connect."""
        return len(self._clients) >= MOST_CLIENTS

    def add(self, request: Request, last_id: str) -> None:
        """Send changes to a request until it ends.

        Parameters
        ----------
        request : Request
            Its headers are set.
        last_id : str
            The identifier of the last change that it had; empty if it is new.
        """
        client = _Client(request)
        self._clients.add(client)
        request.notifyFinish().addBoth(lambda _: self._clients.discard(client))
        request.registerProducer(client, True)  # noqa: FBT003 - Twisted's own flag
        hello = self._message("hello", {"verdict": self._verdict})
        request.write(f"retry: {RETRY_MS}\n".encode() + hello)
        if last_id and last_id != self._id:
            request.write(self._message("pages", {"folders": None}))

    def pages_changed(self, folders: Sequence[str]) -> None:
        """Send the names of the folders of the pages that were made."""
        self._send("pages", {"folders": list(folders)})

    def verdict_changed(self, verdict: str) -> None:
        """Send the verdict of the status, if it is another one."""
        if verdict != self._verdict:
            self._verdict = verdict
            self._send("verdict", {"verdict": verdict})

    def keep_alive(self) -> None:
        """Send a comment, so that proxies and dead connections are noticed."""
        for client in list(self._clients):
            client.request.write(b":\n\n")

    def _send(self, kind: str, document: dict[str, Any]) -> None:
        self._number += 1
        message = self._message(kind, document)
        for client in list(self._clients):
            client.request.write(message)

    def _message(self, kind: str, document: dict[str, Any]) -> bytes:
        text = json.dumps(document)
        return f"event: {kind}\nid: {self._id}\ndata: {text}\n\n".encode()

    @property
    def _id(self) -> str:
        return f"{self._run}-{self._number}"
