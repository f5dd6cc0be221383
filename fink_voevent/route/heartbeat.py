# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A message now and then that tells the subscribers of a topic that we live."""

from __future__ import annotations

import json
import logging
import time
from datetime import datetime, timezone
from typing import Any

from confluent_kafka import KafkaError, Producer

from fink_voevent.config.settings import Settings
from fink_voevent.store.kafka_brokers import Brokers

_LOG = logging.getLogger(__name__)
LIMIT_S = 10.0


def topic_of(settings: Settings) -> str:
    """Name of the heartbeat topic of a survey."""
    return f"{settings.topic_prefix}voevent_heartbeat_{settings.survey}"


class Heartbeat:
    """Tells the heartbeat topic that the stage lives; a failure is logged once."""

    def __init__(self, brokers: Brokers, topic: str, settings: Settings) -> None:
        self._producer = Producer(
            {**brokers.options, "socket.timeout.ms": round(LIMIT_S * 1000)}
        )
        self._topic, self._settings = topic, settings
        self._next = 0.0

    @classmethod
    def of(cls, settings: Settings) -> Heartbeat | None:
        """Heart of the settings; None where it is not to beat."""
        if not (settings.kafka_servers and settings.heartbeat_s):
            return None
        return cls(Brokers.of(settings), topic_of(settings), settings)

    def beat(self) -> None:
        """Send a heartbeat, if one is due."""
        self._producer.poll(0)
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._settings.heartbeat_s
        told = {
            "stage": "route",
            "survey": self._settings.survey,
            "night": self._settings.night,
            "sent_at": datetime.now(timezone.utc).isoformat(),
        }
        try:
            self._producer.produce(
                self._topic, json.dumps(told).encode(), on_delivery=_tell
            )
        except BufferError:
            _LOG.warning("no heartbeat: Kafka does not take what is queued")

    def flush(self) -> None:
        """Wait until what was sent is taken, or the brokers do not answer."""
        self._producer.flush(LIMIT_S)


def _tell(error: KafkaError | None, _message: Any) -> None:
    if error is not None:
        _LOG.warning("no heartbeat: %s", error.str())
