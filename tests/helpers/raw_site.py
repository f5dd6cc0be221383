# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A TCP server on loopback whose behaviour is a function of each test."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator


class RawSite(socketserver.ThreadingTCPServer):
    """Runs a function for each connection.

    Attributes
    ----------
    received : list of bytes
        First bytes of each connection, in order; empty if nothing came within 0.2 s.
    stopped : threading.Event
        Set when the test ends; a function that waits, waits for this.
    """

    allow_reuse_address = daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        behave: Callable[[RawSite, socket.socket], None],
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.behave = behave
        self.received: list[bytes] = []
        self.stopped = threading.Event()
        super().__init__((host, port), socketserver.BaseRequestHandler)
        self.port = self.server_address[1]

    def finish_request(self, request: socket.socket, _: object) -> None:
        """Receive the request, and run the function."""
        request.settimeout(0.2)
        first = b""
        with contextlib.suppress(TimeoutError):
            first = request.recv(65536)
        self.received.append(first)
        request.settimeout(30)
        with contextlib.suppress(OSError):  # the client closed the connection
            self.behave(self, request)

    def drip(self, connection: socket.socket, start: bytes, byte: bytes) -> None:
        """Send some bytes at once, and then one at a time until the test ends."""
        connection.sendall(start)
        while not self.stopped.wait(0.02):
            connection.sendall(byte)


@contextlib.contextmanager
def raw_site(
    behave: Callable[[RawSite, socket.socket], None],
    host: str = "127.0.0.1",
    port: int = 0,
) -> Iterator[RawSite]:
    """Run a server."""
    with RawSite(behave, host, port) as server:
        thread = threading.Thread(
            target=server.serve_forever, args=(0.02,), daemon=True
        )
        thread.start()
        yield server
        server.stopped.set()
        server.shutdown()


def answer(content: bytes, *headers: str) -> Callable[[RawSite, socket.socket], None]:
    """Return a function that answers each request with this content."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(content)}", *headers, "", ""]
    response = "\r\n".join(lines).encode() + content
    return lambda _, connection: connection.sendall(response)
