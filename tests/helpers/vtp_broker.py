# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A VTP broker that answers as it is told to."""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
import time


class Answering(socketserver.BaseRequestHandler):
    """A VTP broker that answers as its server says, and notes what it took."""

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
            return  # taken, and the answer never came
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
    allow_reuse_address = daemon_threads = True

    def handle_error(self, *_):
        """Say nothing: a publisher that is killed closes in the middle."""


@contextlib.contextmanager
def broker(*modes: str):
    with Server(("127.0.0.1", 0), Answering) as server:
        server.modes, server.taken = list(modes), []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
