# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Receive notices over Kafka, from the brokers of GCN or any others.

A document is on the disk before its offset in the topic is committed. After a crash it
may be received again; ingest keeps the first of two equal documents.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message
from gcn_kafka.core import get_config

from fink_voevent.config.addresses import KafkaSource
from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError
from fink_voevent.listen.connections import Connection
from fink_voevent.listen.spool import Received
from fink_voevent.store import kafka_brokers

_LOG = logging.getLogger(__name__)
POLL_S = 0.5
MESSAGES = 100  # written to the spool together; one with a sky map is about 1 MB
RETRY_S = 5.0
HEARTBEATS = ("gcn.heartbeat",)  # topics whose messages are signs of life, not notices
STATISTICS_MS = (
    5000  # between two statistics of librdkafka, from which we see its state
)


def options(source: KafkaSource, settings: Settings) -> dict[str, Any]:
    """Return the options of librdkafka to consume the topics of a source.

    Raises
    ------
    ConfigError
        See `login`.
    """
    # The consumer group stays the same at every start, and differs from that of any
    # other installation.
    installation = f"{settings.local_ivo} {settings.root}"
    digest = hashlib.sha256(installation.encode()).hexdigest()[:12]
    return {
        **login(source, settings),
        "group.id": f"fink_voevent-{digest}",
        "enable.auto.commit": False,
        # at the first start, read the messages that the topics still contain
        "auto.offset.reset": "earliest",
        "allow.auto.create.topics": False,
        # The brokers keep the partitions of a killed listener for this time, in which
        # its successor receives nothing; the default is 45 s.
        "session.timeout.ms": 10_000,
    }


def login(source: KafkaSource, settings: Settings) -> dict[str, Any]:
    """Return the options of librdkafka to connect to the brokers of a source.

    Raises
    ------
    ConfigError
        If the source is GCN or needs SASL, and the settings lack the credentials.
    """
    if source.servers:
        return kafka_brokers.login(settings, "source", source.servers)
    secret = settings.gcn_client_secret.get_secret_value()
    if not (settings.gcn_client_id and secret):
        raise ConfigError(
            f"{source} needs VOEVENT_GCN_CLIENT_ID and VOEVENT_GCN_CLIENT_SECRET:"
            " create them in your GCN account"
        )
    credentials: dict[str, Any] = get_config(
        "admin", {}, client_id=settings.gcn_client_id, client_secret=secret
    )
    return credentials


class Subscription:
    """Consumes the topics of one source in a thread, until `stop` is set.

    Parameters
    ----------
    source : KafkaSource
    consumer_options : dict
        What `options` returns.
    keep : callable
        Writes a list of documents to the disk; raises StorageError if it cannot.
    stop : threading.Event
    connection : Connection, optional
        Where it is recorded when the brokers are connected, and heard of.
    """

    def __init__(
        self,
        source: KafkaSource,
        consumer_options: dict[str, Any],
        keep: Callable[[list[Received]], object],
        stop: threading.Event,
        connection: Connection | None = None,
    ) -> None:
        self._source, self._keep, self._stop = source, keep, stop
        self._connection = connection or Connection()
        self._logged: set[str] = set()
        self._last_error, self._answers = "", 0
        self._consumer = Consumer(
            {
                **consumer_options,
                "error_cb": self._log_once,
                "stats_cb": self._note_state,
                "statistics.interval.ms": STATISTICS_MS,
                "log_level": 0,
            }
        )
        self._thread = threading.Thread(target=self._consume, name=str(source))

    def start(self) -> None:
        """Subscribe to the topics and start the thread."""
        self._consumer.subscribe(list(self._source.topics))
        self._thread.start()
        _LOG.info("subscribed to %s", self._source)

    def join(self) -> None:
        """Wait until the thread has ended; set `stop` first."""
        self._thread.join()

    def _consume(self) -> None:
        """Consume until `stop` is set; no error ends this."""
        try:
            while not self._stop.is_set():
                self._consume_once_or_log()
        finally:
            self._consumer.close()

    def _consume_once_or_log(self) -> None:
        try:
            self._consume_once()
        except Exception as error:  # noqa: BLE001 - logged, and tried again
            self._log_once(error)
            self._stop.wait(RETRY_S)

    def _consume_once(self) -> None:
        """Receive some messages, keep their documents, then commit their offsets."""
        messages = [m for m in self._messages() if m.error() is None]
        received = [self._document(m) for m in messages if m.topic() not in HEARTBEATS]
        documents = [d for d in received if d is not None]
        if any(m.topic() in HEARTBEATS for m in messages):
            self._connection.heard()
            if not documents:
                self._commit()
        if documents and self._keep_or_retry(documents):
            self._commit()

    def _messages(self) -> list[Message]:
        try:
            messages = self._consumer.consume(MESSAGES, POLL_S)
        except KafkaException as error:
            self._log_once(error.args[0])
            self._stop.wait(RETRY_S)
            return []
        for message in messages:
            if message.error() is not None:
                self._log_once(message.error())
        return messages

    def _document(self, message: Message) -> Received | None:
        """Return the document of a message; None if it has no value."""
        raw = message.value()
        if raw is None:
            return None
        source = f"{self._source.servers or 'gcn'}/{message.topic()}"
        return Received(raw, "kafka", source)

    def _keep_or_retry(self, documents: list[Received]) -> bool:
        """Keep documents, and retry if that fails; return False if stopped before."""
        while True:
            try:
                self._keep(documents)
            except Exception as error:  # noqa: BLE001 - a document is never skipped
                self._log_once(error)
                if self._stop.wait(RETRY_S):
                    return False
                continue
            self._logged.clear()
            self._connection.received(len(documents))
            return True

    def _commit(self) -> None:
        try:
            self._consumer.commit(asynchronous=False)
        except KafkaException as error:  # the documents are received again
            self._log_once(error.args[0])

    def _note_state(self, statistics: str) -> None:
        """Record whether brokers are connected, and whether they have answered.

        A source becomes connected once its topics are assigned, which needs that they
        exist. It stays so while they are assigned again, as for a second listener.
        """
        found = json.loads(statistics)
        is_up = any(one["state"] == "UP" for one in found["brokers"].values())
        group = found.get("cgrp", {})
        if not is_up:
            self._connection.lost(self._last_error or "the brokers are not connected")
        elif group.get("join_state") == "steady":
            self._connection.connected()
            self._last_error = ""
        elif self._last_error:
            self._connection.failed(self._last_error)
        if is_up and found["rx"] != self._answers:
            self._connection.heard()
        self._answers = found["rx"]

    def _log_once(self, error: Any) -> None:
        """Log an error, once until documents are received again."""
        text = str(error.str() if hasattr(error, "str") else error)
        self._last_error = text
        if text not in self._logged:
            self._logged.add(text)
            _LOG.warning("%s: %s; trying again", self._source, text)
