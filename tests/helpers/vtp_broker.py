# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A VTP broker on loopback whose answers a test chooses."""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
import time


def frame(raw: bytes) -> bytes:
    """Return a message of VTP: its length, and the bytes."""
    return struct.pack("!I", len(raw)) + raw


class Answering(socketserver.BaseRequestHandler):
    """Reads one VOEvent and answers in the next mode of the server."""

    def handle(self):
        mode = self.server.modes.pop(0) if self.server.modes else "ack"
        if mode == "close":
            return
        if mode == "stall":
            time.sleep(3)
            return
        (length,) = struct.unpack("!I", self._read(4))
        raw = self._read(length)
        if raw in self.server.taken:
            mode = "nak Event rejected: Previously seen by this broker"
        if mode.startswith("ack"):
            self.server.taken.append(raw)
        role, _, text = mode.partition(" ")
        if text == "lost":
            return  # the VOEvent is accepted, but the answer is lost
        answer = (
            '<trn:Transport xmlns:trn="http://telescope-networks.org/schema/Transport/'
            f'v1.1" role="{role}" version="1.0"><Meta><Result>{text}</Result></Meta>'
            "</trn:Transport>"
        ).encode()
        self.request.sendall(struct.pack("!I", len(answer)) + answer)

    def _read(self, count):
        data = b""
        while len(data) < count:
            part = self.request.recv(count - len(data))
            if not part:
                raise ConnectionError
            data += part
        return data


class Server(socketserver.ThreadingTCPServer):
    """The server of `broker`."""

    allow_reuse_address = daemon_threads = True

    def handle_error(self, *_):
        """Log nothing: a publisher that is killed closes its connection early."""


@contextlib.contextmanager
def broker(*modes: str):
    """Run a VTP broker.

    Parameters
    ----------
    *modes : str
        How to answer each connection, in order; ``ack`` after the last one.
        ``ack`` or ``nak``, with an optional text after a space; ``ack lost`` accepts
        the VOEvent and does not answer; ``close`` closes at once; ``stall`` waits
        3 s and closes. A VOEvent that was accepted before is refused.

    Yields
    ------
    Server
        With `taken`: the VOEvents that were accepted (list of bytes), in order.
    """
    with Server(("127.0.0.1", 0), Answering) as server:
        server.modes, server.taken = list(modes), []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
