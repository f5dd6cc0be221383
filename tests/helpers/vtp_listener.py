# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Our subscriber with a slow disk: ``python vtp_listener.py PORT QUIET_S WRITE_S``.

Subscribes to the broker on a port of loopback. Prints its log, with the most
documents that waited for the disk at once whenever that grows.
Messages have at most 100 kB.
"""

from __future__ import annotations

import logging
import sys
import time

from twisted.internet import reactor
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from fink_voevent.listen.vtp import SubscriberFactory

waiting = most = 0
disk = ThreadPool(1, 1)


def keep(_):
    """Keep a document, as slowly as the disk is."""
    global waiting, most
    waiting += 1
    if waiting > most:
        most = waiting
        logging.info("waiting %d", most)
    return deferToThreadPool(reactor, disk, time.sleep, write_s).addCallback(kept)


def kept(_):
    """Count a document that is on the disk."""
    global waiting
    waiting -= 1


port, quiet_s, write_s = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
disk.start()
reactor.addSystemEventTrigger("during", "shutdown", disk.stop)
factory = SubscriberFactory(
    f"127.0.0.1:{port}", keep, "ivo://org.example/test", 100_000, 1.0, quiet_s
)
reactor.connectTCP("127.0.0.1", port, factory)
reactor.run()
