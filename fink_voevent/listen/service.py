# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The listener: subscriptions to all sources, and the spool emptied into landing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet import defer, reactor, task
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from fink_voevent.config.addresses import parse_kafka, parse_sources
from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError, StorageError
from fink_voevent.listen import kafka
from fink_voevent.listen.landing import drain
from fink_voevent.listen.spool import Received, Spool
from fink_voevent.listen.vtp import SubscriberFactory
from fink_voevent.store.filesystem import open_store

_LOG = logging.getLogger(__name__)


class Listener:
    """Subscribes to all sources; one thread writes the spool, another landing.

    Parameters
    ----------
    settings : Settings
    is_orphaned : callable, optional
        Asked every second whether to stop, as the process that started us is gone.
    """

    def __init__(
        self, settings: Settings, is_orphaned: Callable[[], bool] = lambda: False
    ) -> None:
        if not settings.sources:
            raise ConfigError(
                "no source to listen to: set VOEVENT_SOURCES=host[:port],... or give"
                " --source"
            )
        topics = parse_kafka(settings.sources)
        followed = [(source, kafka.options(source, settings)) for source in topics]
        self._settings = settings
        self._landing = open_store(settings.root).subfolder("landing")
        self._spool = Spool(settings.spool, self._landing.path)
        self._drain_spool = Spool(settings.spool, self._landing.path)
        self._failed = False
        self._is_orphaned = is_orphaned
        self._writer = ThreadPool(1, 1, "spool")
        self._lander = ThreadPool(1, 1, "landing")
        self._store_away = ""
        self._landed = 0
        self._stop = threading.Event()
        self._kafka_spools = [
            Spool(settings.spool, self._landing.path) for _ in followed
        ]
        self._subscriptions = [
            kafka.Subscription(source, told, spool.append, self._stop)
            for (source, told), spool in zip(followed, self._kafka_spools, strict=True)
        ]

    def run(self) -> int:
        """Listen until a signal stops the reactor; return the documents landed.

        Raises
        ------
        StorageError
            Where landing failed in a way that trying again does not mend.
        """
        for pool in (self._writer, self._lander):
            pool.start()
        for host, port in parse_sources(self._settings.sources):
            factory = SubscriberFactory(
                f"{host}:{port}",
                self._keep,
                self._settings.local_ivo,
                self._settings.max_message_bytes,
                self._settings.max_reconnect_s,
            )
            reactor.connectTCP(host, port, factory)
            reactor.addSystemEventTrigger("before", "shutdown", factory.stopTrying)
        for subscription in self._subscriptions:
            subscription.start()
        loop = task.LoopingCall(self._land)
        loop.start(self._settings.landing_s).addErrback(self._fatal)
        task.LoopingCall(self._check_parent).start(1.0)
        reactor.addSystemEventTrigger("during", "shutdown", self._finish)
        reactor.run()
        if self._failed:
            raise StorageError("the listener stopped: see the error above")
        return self._landed

    def _keep(self, document: Received) -> defer.Deferred[Any]:
        return deferToThreadPool(reactor, self._writer, self._spool.append, [document])

    def _land(self) -> defer.Deferred[Any]:
        return deferToThreadPool(reactor, self._lander, self._drain)

    def _drain(self) -> None:
        """Land; say once that the store is away, while the spool keeps all."""
        try:
            count = drain(self._drain_spool, self._landing)
        except StorageError as error:
            if str(error) != self._store_away:
                _LOG.error("%s; documents stay in the spool meanwhile", error)
                self._store_away = str(error)
            return
        if self._store_away:
            _LOG.info("landing can be written again")
            self._store_away = ""
        if count:
            self._landed += count
            _LOG.info("%d documents landed, %d in all", count, self._landed)

    def _check_parent(self) -> None:
        if self._is_orphaned() and reactor.running:
            reactor.stop()

    def _fatal(self, failure: Any) -> None:
        self._failed = True
        _LOG.critical("the listener stops: %s", failure.getErrorMessage())
        reactor.stop()

    def _finish(self) -> None:
        self._stop.set()
        for subscription in self._subscriptions:
            subscription.join()
        self._writer.stop()  # waits for the append under way
        self._lander.stop()
        self._drain()
        for spool in (self._spool, self._drain_spool, *self._kafka_spools):
            spool.close()
