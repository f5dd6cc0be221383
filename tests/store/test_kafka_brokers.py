# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Connections to Kafka brokers: TLS, SASL, and brokers that do not answer."""

from __future__ import annotations

import pytest
from helpers.kafka_packets import messages, named, packets

from fink_voevent.config.load import load
from fink_voevent.errors import ConfigError, StorageError
from fink_voevent.route import kafka_sink
from fink_voevent.store import kafka_brokers as brokers_module
from fink_voevent.store.kafka_brokers import MOST_BYTES, Brokers


def test_brokers_that_do_not_answer_are_reported_in_one_line(monkeypatch):
    monkeypatch.setattr(brokers_module, "LIMIT_S", 1.0)
    unreachable = Brokers({"bootstrap.servers": "127.0.0.1:9", "log_level": 0})
    with pytest.raises(StorageError, match="Kafka at 127.0.0.1:9: .*reachable"):
        unreachable.create(["x"])


def over_tls(broker, authorities: str) -> Brokers:
    values = {
        "kafka_servers": broker.tls,
        "kafka_security": "SASL_SSL",
        "kafka_username": broker.user,
        "kafka_password": broker.password,
        "kafka_ca": authorities,
    }
    return Brokers.from_settings(load({}, values).settings)


def test_packets_go_over_tls(spark, broker, prefix):
    sender = over_tls(broker, str(broker.certificate))
    sender.create([f"{prefix}one", f"{prefix}two"])
    sender.create([f"{prefix}batches"], 1)
    delivery = kafka_sink.Delivery(sender, f"{prefix}batches", f"s-{prefix}", 0, 0)
    sent = delivery.send(named(packets(spark, 6), prefix))
    assert sent.counts[f"{prefix}one"] == 6
    assert len(messages(broker, f"{prefix}one")) == 6


def test_brokers_without_a_trusted_certificate_are_refused(broker, monkeypatch):
    monkeypatch.setattr(brokers_module, "LIMIT_S", 3.0)
    with pytest.raises(StorageError, match="_CA"):
        over_tls(broker, authorities="").create(["x"])


def test_sasl_without_a_password_is_refused():
    values = {"kafka_servers": "k:9092", "kafka_security": "SASL_SSL"}
    with pytest.raises(ConfigError, match="VOEVENT_KAFKA_PASSWORD"):
        Brokers.from_settings(load({}, values).settings)


def test_the_limit_of_a_topic_is_that_of_its_brokers(broker, prefix, caplog):
    own = Brokers({"bootstrap.servers": broker.plain})
    own.create([f"{prefix}small"], 1, {"max.message.bytes": "100000"})
    own.create([f"{prefix}usual"], 1)
    own.create([f"{prefix}large"], 1, {"max.message.bytes": "99999999"})
    names = ("small", "usual", "large", "nowhere")
    limits = own.message_limits(f"{prefix}{name}" for name in names)
    assert [limits[f"{prefix}{name}"] for name in names] == [
        *(100_000, MOST_BYTES, MOST_BYTES, MOST_BYTES)
    ]
    assert f"{prefix}nowhere" in caplog.text
    assert own.message_limits([]) == {}
