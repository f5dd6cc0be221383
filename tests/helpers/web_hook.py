# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A web hook on loopback that keeps the JSON messages that it receives."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class WebHook(ThreadingHTTPServer):
    """The web hook.

    Attributes
    ----------
    url : str
        Its address, as apprise takes it.
    messages : list of dict
        What it has received.
    failures : int
        Number of requests to come that it refuses.
    delay_s : float
        Time before it answers (s).
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.url = f"json://127.0.0.1:{self.server_address[1]}"
        self.messages: list[dict] = []
        self.failures = 0
        self.delay_s = 0.0


class _Request(BaseHTTPRequestHandler):
    server: WebHook

    def do_POST(self):  # noqa: N802 - name in the base class
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.failures:
            self.server.failures -= 1
            self.send_response(503)
        else:
            self.server.messages.append(json.loads(content))
            time.sleep(self.server.delay_s)
            self.send_response(200)
        with contextlib.suppress(OSError):  # the sender was killed
            self.end_headers()

    def log_message(self, *_):
        """Log nothing."""


@contextlib.contextmanager
def hook() -> Iterator[WebHook]:
    """Return a running web hook."""
    with WebHook() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()
