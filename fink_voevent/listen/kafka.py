# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Notices over Kafka: GCN's brokers, or any other.

A document is on the disk before its place in the topic is committed: after a crash it
may come again, and is one event all the same.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message
from gcn_kafka.core import get_config

from fink_voevent.config.addresses import KafkaSource
from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError, StorageError
from fink_voevent.listen.spool import Received
from fink_voevent.store import kafka_brokers

_LOG = logging.getLogger(__name__)
POLL_S = 0.5
AT_ONCE = 100  # documents kept together; a notice with its map has a megabyte
RETRY_S = 5.0


def options(source: KafkaSource, settings: Settings) -> dict[str, Any]:
    """Options of librdkafka to read a source.

    Raises
    ------
    ConfigError
        See `login`.
    """
    who = f"{settings.local_ivo} {settings.root}"
    return {
        **login(source, settings),
        # the same at every start, another for another installation
        "group.id": f"fink_voevent-{hashlib.sha256(who.encode()).hexdigest()[:12]}",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",  # what came before we were there is told too
        "allow.auto.create.topics": False,
    }


def login(source: KafkaSource, settings: Settings) -> dict[str, Any]:
    """Options of librdkafka to reach the brokers of a source.

    Raises
    ------
    ConfigError
        Where GCN or SASL is asked for and the settings give no way to log in.
    """
    if source.servers:
        return kafka_brokers.login(settings, "source", source.servers)
    secret = settings.gcn_client_secret.get_secret_value()
    if not (settings.gcn_client_id and secret):
        raise ConfigError(
            f"{source} needs VOEVENT_GCN_CLIENT_ID and VOEVENT_GCN_CLIENT_SECRET:"
            " make them in your account at GCN"
        )
    told: dict[str, Any] = get_config(
        "admin", {}, client_id=settings.gcn_client_id, client_secret=secret
    )
    return told


class Subscription:
    """Topics of one source, followed by a thread until `stop` is set.

    Parameters
    ----------
    source : KafkaSource
    told : dict
        Of `options`.
    keep : callable
        Puts documents on the disk; StorageError where it cannot.
    stop : Event
    """

    def __init__(
        self,
        source: KafkaSource,
        told: dict[str, Any],
        keep: Callable[[list[Received]], object],
        stop: threading.Event,
    ) -> None:
        self._source, self._keep, self._stop = source, keep, stop
        self._said: set[str] = set()
        self._consumer = Consumer({**told, "error_cb": self._say, "log_level": 0})
        self._thread = threading.Thread(target=self._follow, name=str(source))

    def start(self) -> None:
        """Subscribe."""
        self._consumer.subscribe(list(self._source.topics))
        self._thread.start()
        _LOG.info("subscribed to %s", self._source)

    def join(self) -> None:
        """Wait until the thread has ended: `stop` is set."""
        self._thread.join()

    def _follow(self) -> None:
        try:
            while not self._stop.is_set():
                messages = self._messages()
                documents = [d for d in map(self._received, messages) if d is not None]
                if documents and self._is_kept(documents):
                    self._commit()
        finally:
            self._consumer.close()

    def _messages(self) -> list[Message]:
        try:
            messages = self._consumer.consume(AT_ONCE, POLL_S)
        except KafkaException as error:
            self._say(error.args[0])
            self._stop.wait(RETRY_S)
            return []
        for message in messages:
            if message.error() is not None:
                self._say(message.error())
        return messages

    def _received(self, message: Message) -> Received | None:
        """Document of a message; None where it is none."""
        raw = message.value()
        if message.error() is not None or raw is None:
            return None
        source = f"{self._source.servers or 'gcn'}/{message.topic()}"
        return Received(raw, "kafka", source)

    def _is_kept(self, documents: list[Received]) -> bool:
        """Keep documents, trying again while the disk refuses; False where stopped."""
        while True:
            try:
                self._keep(documents)
            except StorageError as error:
                self._say(error)
                if self._stop.wait(RETRY_S):
                    return False
                continue
            self._said.clear()
            return True

    def _commit(self) -> None:
        try:
            self._consumer.commit(asynchronous=False)
        except KafkaException as error:  # then they come again
            self._say(error.args[0])

    def _say(self, trouble: Any) -> None:
        """Log a trouble once, until documents come again."""
        text = str(trouble.str() if hasattr(trouble, "str") else trouble)
        if text not in self._said:
            self._said.add(text)
            _LOG.warning("%s: %s; trying again", self._source, text)
