# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Notices are received from a real Kafka broker and reach landing."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from helpers.programs import program, wait_for

from fink_voevent.config.addresses import KafkaSource
from fink_voevent.config.load import load
from fink_voevent.errors import ConfigError
from fink_voevent.listen.connections import Connection
from fink_voevent.listen.kafka import Subscription, options
from fink_voevent.ops import doctor
from fink_voevent.store.kafka_brokers import Brokers


@pytest.fixture
def topics(broker, request) -> tuple[str, str]:
    names = tuple(f"{request.node.name}.{n}" for n in ("voevent", "json"))
    Brokers(broker.login()).create(names)
    return names


def send(broker, topic: str, documents: list[bytes]) -> None:
    producer = Producer(broker.login())
    for raw in documents:
        producer.produce(topic, raw)
    assert producer.flush(30) == 0


def listener(broker, topics: tuple[str, str], folder: Path):
    return listener_at(broker.sasl, broker, topics, folder, "SASL_PLAINTEXT")


def listener_at(address, broker, topics: tuple[str, str], folder: Path, security: str):
    return program(
        *("-m", "fink_voevent", "listen"),
        *("--source", f"kafka://{address}/{'+'.join(topics)}"),
        VOEVENT_SOURCE_SECURITY=security,
        VOEVENT_SOURCE_CA=str(broker.certificate),
        VOEVENT_SOURCE_USERNAME=broker.user,
        VOEVENT_SOURCE_PASSWORD=broker.password,
        VOEVENT_DATA_PREFIX=str(folder / "data"),
        VOEVENT_SPOOL=str(folder / "spool"),
        VOEVENT_LANDING_S="0.2",
    )


def landed(folder: Path) -> list[dict]:
    files = sorted((folder / "data" / "voevent" / "landing").rglob("[!.]*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_notices_of_topics_reach_landing_unchanged_and_once(
    broker, topics, datatest, tmp_path
):
    xml = [p.read_bytes() for p in sorted((datatest / "voevents").iterdir())]
    notices = [p.read_bytes() for p in sorted((datatest / "json").iterdir())]
    send(broker, topics[0], xml[:5])  # before the first listener starts
    with listener(broker, topics, tmp_path) as first:
        wait_for(lambda: len(landed(tmp_path)) == 5)
        send(broker, topics[1], notices)
        wait_for(lambda: len(landed(tmp_path)) == 5 + len(notices))
        first.send_signal(signal.SIGTERM)
        assert first.wait(30) == 0
        assert "Traceback" not in first.stdout.read()
    send(broker, topics[0], xml[5:])  # while no listener runs
    with listener(broker, topics, tmp_path):
        wait_for(lambda: len(landed(tmp_path)) == len(xml) + len(notices))
    rows = landed(tmp_path)
    assert Counter(r["raw"] for r in rows) == Counter(xml + notices)
    assert {(r["transport"], r["source"], r["format"]) for r in rows} == {
        ("kafka", f"{broker.sasl}/{topics[0]}", "voevent"),
        ("kafka", f"{broker.sasl}/{topics[1]}", "gcn.notices"),
        ("kafka", f"{broker.sasl}/{topics[1]}", "igwn.gwalert"),
    }


def test_a_killed_listener_loses_no_document(broker, topics, tmp_path):
    documents = [b"<a>%d</a>" % n for n in range(300)]
    with listener(broker, topics, tmp_path) as killed:
        send(broker, topics[0], documents[:200])
        wait_for(lambda: len(landed(tmp_path)) > 0)
        killed.kill()
        killed.wait()
    send(broker, topics[0], documents[200:])
    with listener(broker, topics, tmp_path):
        wait_for(lambda: len({r["raw"] for r in landed(tmp_path)}) == len(documents))
    assert {r["raw"] for r in landed(tmp_path)} == set(documents)


def test_notices_are_received_over_tls(broker, topics, tmp_path):
    send(broker, topics[0], [b"<a/>"])
    with listener_at(broker.tls, broker, topics, tmp_path, "SASL_SSL"):
        wait_for(lambda: landed(tmp_path))
    (row,) = landed(tmp_path)
    assert (row["source"], row["raw"]) == (f"{broker.tls}/{topics[0]}", b"<a/>")


class Alive(Connection):
    """A connection that counts its signs of life."""

    def __init__(self) -> None:
        super().__init__()
        self.signs = 0

    def heard(self) -> None:
        self.signs += 1


class WithoutStatistics(Subscription):
    """A subscription whose statistics are no signs of life."""

    def _note_state(self, statistics: str) -> None:
        pass


def test_heartbeats_are_signs_of_life_and_no_documents(broker, topics):
    Brokers(broker.login()).create(["gcn.heartbeat"])
    source = KafkaSource(broker.plain, (topics[0], "gcn.heartbeat"))
    stop, kept, alive = threading.Event(), [], Alive()
    login = {"bootstrap.servers": broker.plain, "group.id": topics[0]}
    start = {"auto.offset.reset": "earliest", "enable.auto.commit": False}
    subscription = WithoutStatistics(source, login | start, kept.extend, stop, alive)
    consumer = Consumer(login)
    partitions = (
        consumer.list_topics("gcn.heartbeat").topics["gcn.heartbeat"].partitions
    )
    there = [TopicPartition("gcn.heartbeat", number) for number in partitions]

    def committed() -> int:
        return sum(max(one.offset, 0) for one in consumer.committed(there, 10))

    send(broker, "gcn.heartbeat", [b'{"alert_datetime": "2024-01-15T00:00:00Z"}'] * 3)
    send(broker, topics[0], [b"<a/>"])
    subscription.start()
    try:
        wait_for(lambda: bool(kept and alive.signs))
        wait_for(lambda: committed() == 3)
    finally:
        stop.set()
        subscription.join()
    assert [(d.raw, d.source) for d in kept] == [
        (b"<a/>", f"{broker.plain}/{topics[0]}")
    ]
    consumer.close()


def test_gcn_needs_credentials_and_sets_its_own_options():
    source = KafkaSource("", ("igwn.gwalert",))
    with pytest.raises(ConfigError, match="VOEVENT_GCN_CLIENT_ID"):
        options(source, load({}, {}).settings)
    values = {"gcn_client_id": "me", "gcn_client_secret": "secret"}
    gcn = options(source, load({}, values).settings)
    assert gcn["bootstrap.servers"] == "kafka.gcn.nasa.gov"
    assert gcn["sasl.oauthbearer.client.id"] == "me"
    assert gcn["enable.auto.commit"] is False


def test_a_missing_password_is_an_error_that_names_the_setting():
    settings = load({}, {"source_security": "SASL_SSL"}).settings
    with pytest.raises(ConfigError, match="VOEVENT_SOURCE_PASSWORD"):
        options(KafkaSource("k.org:9092", ("one",)), settings)


def test_doctor_names_a_topic_that_does_not_exist(broker, topics, tmp_path):
    values = {
        "sources": f"kafka://{broker.plain}/{topics[0]}+nothing",
        "data_prefix": str(tmp_path),
        "spool": str(tmp_path / "spool"),
    }
    found = {c.name: c for c in doctor.checks(load({}, values).settings, {})}
    check = found[f"source {values['sources']}"]
    assert check.level == doctor.FAIL
    assert check.text == "the brokers have no topic nothing"
