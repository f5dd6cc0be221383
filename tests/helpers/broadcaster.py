# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A VTP broker with Comet's broadcaster: ``python broadcaster.py FOLDER [FOLDER ...]``.

Prints its port, sends each file of the folders, in order of name, to the first
subscriber, and prints how many were acknowledged. It has no receiver and no database of
events, so it refuses no document, not even one that was sent before. The variable
BROADCASTER_PORT chooses the port.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from comet.protocol.broadcaster import VOEventBroadcaster, VOEventBroadcasterFactory
from twisted.internet import reactor, task

UNACKNOWLEDGED = 8  # Comet drops a subscriber that owes 10 acknowledgements


class Broadcaster(VOEventBroadcaster):
    """Sends the documents, a few ahead of the acknowledgements."""

    def connectionMade(self):  # noqa: N802 - Twisted's name
        VOEventBroadcaster.connectionMade(self)
        self.total = len(DOCUMENTS)
        self.left = iter(DOCUMENTS)
        self.sent = 0
        task.LoopingCall(self.send_some).start(0.002)

    def send_some(self):
        while self.outstanding_ack < UNACKNOWLEDGED and (raw := next(self.left, None)):
            self.sendString(raw)
            self.outstanding_ack += 1
            self.sent += 1
        if self.sent == self.total and self.outstanding_ack <= 0:
            print("acknowledged", self.sent, flush=True)
            self.total = -1


DOCUMENTS = [
    path.read_bytes() for arg in sys.argv[1:] for path in sorted(Path(arg).iterdir())
]
factory = VOEventBroadcasterFactory("ivo://org.example/broadcaster", 0)
factory.protocol = Broadcaster
number = int(os.environ.get("BROADCASTER_PORT", "0"))
port = reactor.listenTCP(number, factory, interface="127.0.0.1")
print("port", port.getHost().port, flush=True)
reactor.run()
