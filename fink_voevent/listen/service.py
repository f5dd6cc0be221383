# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Run the listener: subscribe to all sources, and move documents to landing."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet import defer, reactor, task
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from fink_voevent.config.address_forms import address_text
from fink_voevent.config.addresses import parse_kafka, parse_sources, source_addresses
from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError, StorageError
from fink_voevent.listen import kafka
from fink_voevent.listen.landing import drain
from fink_voevent.listen.source_report import SourceReport
from fink_voevent.listen.spool import Received, Spool
from fink_voevent.listen.vtp import SubscriberFactory
from fink_voevent.store.filesystem import open_store

_LOG = logging.getLogger(__name__)


class Listener:
    """Subscribes to all sources; writes to the spool, and from the spool to landing.

    Documents received over VTP are written to the spool by one thread, those of each
    Kafka source by the thread of its subscription, and landing by another thread. Each
    thread has its own connection to the spool. One more thread reports the sources.

    Parameters
    ----------
    settings : Settings
    is_orphaned : callable, optional
        Called every second. Returns True if the process that started this one has
        ended, and the listener must stop.

    Raises
    ------
    ConfigError
        If there is no source, or a source is not valid.
    """

    def __init__(
        self, settings: Settings, is_orphaned: Callable[[], bool] = lambda: False
    ) -> None:
        if not settings.sources:
            raise ConfigError(
                "no source to listen to: set VOEVENT_SOURCES=host[:port],... or give"
                " --source"
            )
        kafka_sources = [
            (source, kafka.options(source, settings))
            for source in parse_kafka(settings.sources)
        ]
        self._settings = settings
        self._landing = open_store(settings.root).subfolder("landing")
        self._spool = Spool(settings.spool, self._landing.path)
        self._drain_spool = Spool(settings.spool, self._landing.path)
        self._is_orphaned = is_orphaned
        self._writer = ThreadPool(1, 1, "spool")
        self._lander = ThreadPool(1, 1, "landing")
        self._reporter = ThreadPool(1, 1, "sources")
        self._report = SourceReport(
            settings.root, settings.spool, source_addresses(settings.sources)
        )
        self._store_error = ""
        self._landed = 0
        self._stop = threading.Event()
        self._kafka_spools = [
            Spool(settings.spool, self._landing.path) for _ in kafka_sources
        ]
        self._subscriptions = [
            kafka.Subscription(
                *(source, options, spool.append, self._stop),
                self._report.connection(str(source)),
            )
            for (source, options), spool in zip(
                kafka_sources, self._kafka_spools, strict=True
            )
        ]

    def run(self) -> int:
        """Listen until a signal stops the reactor.

        Returns
        -------
        int
            Number of documents that were moved to landing.
        """
        for pool in (self._writer, self._lander, self._reporter):
            pool.start()
        for host, port in parse_sources(self._settings.sources):
            address = address_text(host, port)
            factory = SubscriberFactory(
                address,
                self._keep,
                self._settings.local_ivo,
                self._settings.max_message_bytes,
                self._settings.max_reconnect_s,
                connection=self._report.connection(address),
            )
            reactor.connectTCP(host, port, factory)
            reactor.addSystemEventTrigger("before", "shutdown", factory.stopTrying)
        for subscription in self._subscriptions:
            subscription.start()
        task.LoopingCall(self._land).start(self._settings.landing_s)
        task.LoopingCall(self._report_if_due).start(1.0)
        task.LoopingCall(self._check_parent).start(1.0)
        reactor.addSystemEventTrigger("during", "shutdown", self._finish)
        reactor.run()
        return self._landed

    def _keep(self, document: Received) -> defer.Deferred[Any]:
        return deferToThreadPool(reactor, self._writer, self._spool.append, [document])

    def _land(self) -> defer.Deferred[Any]:
        return deferToThreadPool(reactor, self._lander, self._drain)

    def _report_if_due(self) -> defer.Deferred[Any] | None:
        if not self._report.is_due():
            return None
        return deferToThreadPool(reactor, self._reporter, self._report.report)

    def _drain(self) -> None:
        """Move documents to landing; log once if that is not possible."""
        try:
            count = drain(self._drain_spool, self._landing)
        except StorageError as error:
            self._log_store_error(str(error))
            return
        except Exception as error:  # noqa: BLE001 - logged; notices are still received
            self._log_store_error(f"landing failed: {type(error).__name__}: {error}")
            return
        if self._store_error:
            _LOG.info("landing can be written again")
            self._store_error = ""
        if count:
            self._landed += count
            _LOG.info("%d documents moved to landing, %d in all", count, self._landed)

    def _log_store_error(self, error: str) -> None:
        if error != self._store_error:
            self._store_error = error
            _LOG.error(
                "%s; documents stay in the spool until landing can be written", error
            )

    def _check_parent(self) -> None:
        if self._is_orphaned() and reactor.running:
            reactor.stop()

    def _finish(self) -> None:
        """Stop the threads, move the remaining documents to landing, and report."""
        self._stop.set()
        for subscription in self._subscriptions:
            subscription.join()
        self._writer.stop()  # waits until the documents received so far are kept
        self._lander.stop()
        self._drain()
        self._reporter.stop()
        self._report.stop()
        for spool in (self._spool, self._drain_spool, *self._kafka_spools):
            spool.close()
