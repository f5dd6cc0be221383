# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Kafka brokers: how to log in to them, and their topics."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource, NewTopic

from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError, StorageError

_LOG = logging.getLogger(__name__)
LIMIT_S = 60.0  # time for the brokers to answer
MOST_BYTES = 8 * 2**20  # enough for a Rubin packet with its history
TOPIC = {"max.message.bytes": str(MOST_BYTES)}
KEPT = {"retention.ms": "-1"}  # for a topic that must keep all its messages


def login(settings: Settings, kind: str, servers: str) -> dict[str, Any]:
    """Return the options of librdkafka to connect to brokers.

    Parameters
    ----------
    settings : Settings
    kind : {"kafka", "source"}
        First part of the names of the settings: those for sending or for receiving.
    servers : str
        host:port,...

    Raises
    ------
    ConfigError
        If SASL is set without a user and a password.
    """
    security, mechanism, user, secret, authorities = (
        getattr(settings, f"{kind}_{name}")
        for name in ("security", "mechanism", "username", "password", "ca")
    )
    options = {"bootstrap.servers": servers, "security.protocol": security}
    if authorities:
        options["ssl.ca.location"] = authorities
    if not security.startswith("SASL"):
        return options
    password, name = secret.get_secret_value(), f"VOEVENT_{kind.upper()}"
    if not (user and password):
        raise ConfigError(
            f"{name}_SECURITY={security} needs {name}_USERNAME and {name}_PASSWORD"
        )
    return options | {
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": password,
    }


@dataclass(frozen=True)
class Brokers:
    """Brokers of Kafka and how to log in, as librdkafka names it."""

    options: Mapping[str, Any]

    @classmethod
    def from_settings(cls, settings: Settings) -> Brokers:
        """Return the brokers of the settings.

        Raises
        ------
        ConfigError
            If SASL is set without a user and a password.
        """
        return cls(login(settings, "kafka", settings.kafka_servers))

    def create(
        self,
        topics: Iterable[str],
        partitions: int = -1,
        config: Mapping[str, str] = TOPIC,
    ) -> None:
        """Create the topics that do not exist.

        Parameters
        ----------
        topics : iterable of str
        partitions : int, optional
            Number of partitions; -1 is the default of the brokers.
        config : mapping, optional
            Configuration of each topic, as Kafka names it.

        Raises
        ------
        StorageError
            If the brokers do not answer, or refuse.
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

    def message_limits(self, topics: Iterable[str]) -> dict[str, int]:
        """Return the size (bytes) of the largest message that each topic accepts.

        It is `MOST_BYTES` at most, since our producers send no larger message, and if
        the brokers do not say it: a user may be allowed to write to a topic, and not
        to read its configuration.

        Parameters
        ----------
        topics : iterable of str
            Topics that exist.
        """
        resources = [ConfigResource("topic", topic) for topic in sorted(set(topics))]
        limits, reasons = {}, {}
        admin = AdminClient(dict(self.options))
        answers = admin.describe_configs(resources) if resources else {}
        for resource, future in answers.items():
            limits[resource.name] = MOST_BYTES
            try:
                accepted = future.result(LIMIT_S)["max.message.bytes"].value
                limits[resource.name] = min(MOST_BYTES, int(accepted))
            except (KafkaException, KeyError, TypeError, ValueError) as error:
                reasons[resource.name] = error
        if reasons:
            topic, reason = next(iter(reasons.items()))
            _LOG.warning(
                "max.message.bytes of %d topics cannot be read; %d is assumed: %s: %s",
                *(len(reasons), MOST_BYTES, topic, reason),
            )
        return limits

    def topics(self, limit_s: float | None = None) -> set[str]:
        """Return the names of the topics.

        Raises
        ------
        StorageError
            If the brokers do not answer in time.
        """
        admin = self._quiet_admin()
        try:
            return set(admin.list_topics(timeout=limit_s or LIMIT_S).topics)
        except KafkaException as error:
            raise self.failure(error.args[0]) from None

    def rights(self, topics: Iterable[str], limit_s: float) -> dict[str, bool]:
        """Return, of those topics that exist, whether this user may write to them.

        Parameters
        ----------
        topics : iterable of str
        limit_s : float
            Longest wait for an answer.

        Raises
        ------
        StorageError
            If the brokers do not answer in time.
        """
        admin, found = self._quiet_admin(), {}
        wanted = sorted(set(topics) & self.topics(limit_s))
        if not wanted:
            return {}
        answers = admin.describe_topics(
            TopicCollection(wanted),
            include_authorized_operations=True,
            request_timeout=limit_s,
        )
        for name, answer in answers.items():
            try:
                operations = answer.result().authorized_operations
            except KafkaException as error:
                raise self.failure(error.args[0]) from None
            # brokers that know of no rights do not say any
            found[name] = operations is None or AclOperation.WRITE in operations
        return found

    def may_create(self, limit_s: float) -> bool:
        """Whether this user may create topics.

        Raises
        ------
        StorageError
            If the brokers do not answer in time.
        """
        admin = self._quiet_admin()  # kept until the answer is there
        answer = admin.describe_cluster(
            include_authorized_operations=True, request_timeout=limit_s
        )
        try:
            operations = answer.result().authorized_operations
        except KafkaException as error:
            raise self.failure(error.args[0]) from None
        return operations is None or AclOperation.CREATE in operations

    def _quiet_admin(self) -> AdminClient:
        """Return a client that writes no lines of its own: our errors say why."""
        return AdminClient({**self.options, "log_level": 0})

    def failure(self, error: KafkaError) -> StorageError:
        """Return the error in one line, without the password."""
        servers = self.options["bootstrap.servers"]
        return StorageError(
            f"Kafka at {servers}: {error.str()}: is it reachable, and are"
            " VOEVENT_KAFKA_SERVERS, _SECURITY, _CA, _USERNAME and _PASSWORD right?"
        )
