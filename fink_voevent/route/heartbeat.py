# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Heartbeats: regular messages that show subscribers that the stage is running."""

from __future__ import annotations

import json
import logging
import time
from datetime import datetime, timezone
from typing import Any

from confluent_kafka import KafkaError, Producer

from fink_voevent.alerts.surveys import topic_suffix
from fink_voevent.config.settings import Settings
from fink_voevent.store.kafka_brokers import Brokers

_LOG = logging.getLogger(__name__)
LIMIT_S = 10.0  # for the brokers to accept a heartbeat


def heartbeat_topic(settings: Settings) -> str:
    """Name of the heartbeat topic of a survey, with the suffix of its other topics."""
    return f"{settings.topic_prefix}voevent_heartbeat{topic_suffix(settings.survey)}"


class Heartbeat:
    """Sends heartbeats to a topic; a failure is logged and otherwise ignored.

    Parameters
    ----------
    brokers : Brokers
    topic : str
    settings : Settings
        `heartbeat_s` is the interval; `survey` and `night` are in the message.
    """

    def __init__(self, brokers: Brokers, topic: str, settings: Settings) -> None:
        self._producer = Producer(
            {**brokers.options, "socket.timeout.ms": round(LIMIT_S * 1000)}
        )
        self._topic, self._settings = topic, settings
        self._next = 0.0  # when the next heartbeat is due, by time.monotonic

    @classmethod
    def from_settings(cls, settings: Settings) -> Heartbeat | None:
        """Return the heartbeat of the settings; None if they want none or no Kafka."""
        if not (settings.kafka_servers and settings.heartbeat_s):
            return None
        return cls(Brokers.from_settings(settings), heartbeat_topic(settings), settings)

    def beat(self) -> None:
        """Send a heartbeat, if one is due."""
        self._producer.poll(0)
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._settings.heartbeat_s
        message = {
            "stage": "route",
            "survey": self._settings.survey,
            "night": self._settings.night,
            "sent_at": datetime.now(timezone.utc).isoformat(),
        }
        try:
            self._producer.produce(
                self._topic, json.dumps(message).encode(), on_delivery=_log_failure
            )
        except BufferError:
            _LOG.warning("heartbeat not sent: earlier ones still wait for Kafka")

    def flush(self) -> None:
        """Wait until Kafka has accepted all heartbeats, `LIMIT_S` at most."""
        self._producer.flush(LIMIT_S)


def _log_failure(error: KafkaError | None, _message: Any) -> None:
    if error is not None:
        _LOG.warning("heartbeat not sent: %s", error.str())
