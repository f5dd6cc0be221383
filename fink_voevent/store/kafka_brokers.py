# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Brokers of Kafka: how to log in to them, and their topics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError, StorageError

LIMIT_S = 60.0  # for the brokers to answer
MOST_BYTES = 8 * 2**20  # a Rubin packet with its history
TOPIC = {"max.message.bytes": str(MOST_BYTES)}
KEPT = {"retention.ms": "-1"}  # of a topic of which nothing is to be forgotten


def login(settings: Settings, kind: str, servers: str) -> dict[str, Any]:
    """Options of librdkafka to reach brokers.

    Parameters
    ----------
    settings : Settings
    kind : {"kafka", "source"}
        First part of the settings that say how: those for what is sent or received.
    servers : str
        host:port,...

    Raises
    ------
    ConfigError
        Where SASL is asked for without a user and a password.
    """
    security, mechanism, user, secret, authorities = (
        getattr(settings, f"{kind}_{name}")
        for name in ("security", "mechanism", "username", "password", "ca")
    )
    told = {"bootstrap.servers": servers, "security.protocol": security}
    if authorities:
        told["ssl.ca.location"] = authorities
    if not security.startswith("SASL"):
        return told
    password, name = secret.get_secret_value(), f"VOEVENT_{kind.upper()}"
    if not (user and password):
        raise ConfigError(
            f"{name}_SECURITY={security} needs {name}_USERNAME and {name}_PASSWORD"
        )
    return told | {
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": password,
    }


@dataclass(frozen=True)
class Brokers:
    """Brokers of Kafka and how to log in, as librdkafka names it."""

    options: Mapping[str, Any]

    @classmethod
    def of(cls, settings: Settings) -> Brokers:
        """Brokers of the settings.

        Raises
        ------
        ConfigError
            Where SASL is asked for without a user and a password.
        """
        return cls(login(settings, "kafka", settings.kafka_servers))

    def create(
        self,
        topics: Iterable[str],
        partitions: int = -1,
        config: Mapping[str, str] = TOPIC,
    ) -> None:
        """Create the topics that are not there.

        Parameters
        ----------
        topics : iterable of str
        partitions : int, optional
            -1 leaves it to the brokers.
        config : mapping, optional
            Of each topic, as Kafka names it.

        Raises
        ------
        StorageError
            Where the brokers do not answer or refuse.
        """
        missing = [
            NewTopic(topic, partitions, -1, config=dict(config))
            for topic in sorted(set(topics) - self.topics())
        ]
        admin = AdminClient(dict(self.options))
        try:
            for future in (admin.create_topics(missing) if missing else {}).values():
                future.result(LIMIT_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise self.failure(error.args[0]) from None

    def topics(self, limit_s: float | None = None) -> set[str]:
        """Names of the topics that are there.

        Raises
        ------
        StorageError
            Where the brokers do not answer within a limit.
        """
        admin = AdminClient(dict(self.options))
        try:
            return set(admin.list_topics(timeout=limit_s or LIMIT_S).topics)
        except KafkaException as error:
            raise self.failure(error.args[0]) from None

    def failure(self, error: KafkaError) -> StorageError:
        """Error in one line; the password is not part of it."""
        servers = self.options["bootstrap.servers"]
        return StorageError(
            f"Kafka at {servers}: {error.str()}: is it reachable, and are"
            " VOEVENT_KAFKA_SERVERS, _SECURITY, _CA, _USERNAME and _PASSWORD right?"
        )
