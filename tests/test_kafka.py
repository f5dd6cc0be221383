# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Packets to a real Kafka, read back with fink-client."""

from __future__ import annotations

import json
import math
from collections import Counter
from datetime import datetime
from pathlib import Path

import fastavro
import pytest
from confluent_kafka import Consumer, Producer
from fink_client.consumer import AlertConsumer
from kafka_broker import Broker
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StructType
from test_followup import PAIR

from fink_voevent import attach, kafka, surveys, topics
from fink_voevent import brokers as brokers_module
from fink_voevent.brokers import Brokers
from fink_voevent.config import load
from fink_voevent.errors import ConfigError, StorageError
from fink_voevent.heartbeat import Heart, topic_of
from fink_voevent.publish.sources import Topics
from fink_voevent.schema import spark_schema


@pytest.fixture
def prefix(request) -> str:
    """Topics of this test alone."""
    return f"{request.node.name.split('[')[0][:40]}_"


def brokers(broker: Broker) -> Brokers:
    return Brokers({"bootstrap.servers": broker.plain})


def packets(spark, count: int, start: int = 0):
    """Packets for two topics: all to the first, even ones to the second too."""
    pair = F.struct(
        F.concat(F.lit("e"), F.col("id") % 5).alias("event_id"),
        F.col("id").alias("alert_id"),
        F.lit(0.25).alias("p_chance"),
        F.lit(7).cast("bigint").alias("batch"),
    )
    even = F.when(F.col("id") % 2 == 0, F.lit("two"))
    return spark.range(start, start + count, 1, 3).select(
        F.concat(F.lit("ZTF"), F.col("id")).alias("objectId"),
        F.col("id").alias("candid"),
        F.concat_ws("_", F.lit("e"), F.col("id")).alias("triggerId"),
        pair.alias("coincidence"),
        F.array_compact(F.array(F.lit("one"), even)).alias("_topics"),
    )


def named(df, prefix: str):
    topics = F.transform("_topics", lambda t: F.concat(F.lit(prefix), t))
    return df.withColumn("_topics", topics)


def messages(broker: Broker, topic: str) -> list:
    """All committed messages of a topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": broker.plain,
            "group.id": f"reader-{topic}",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    partitions = len(consumer.list_topics(topic, 20).topics[topic].partitions)
    consumer.subscribe([topic])
    found, ends = [], set()
    while len(ends) < partitions:
        message = consumer.poll(30)
        assert message is not None
        if message.error() is not None:
            ends.add(message.partition())
        else:
            found.append(message)
    consumer.close()
    return found


@pytest.fixture
def delivery(broker, prefix):
    made = kafka.Delivery(brokers(broker), f"{prefix}batches", f"run-{prefix}", 0)
    made.brokers.create([f"{prefix}one", f"{prefix}two"])
    made.brokers.create([f"{prefix}batches"], 1)
    return made


def test_each_packet_is_on_its_topics_with_its_schema(spark, broker, prefix, delivery):
    sent = delivery.send(named(packets(spark, 40), prefix))
    assert sent == {f"{prefix}one": 40, f"{prefix}two": 20}
    for topic, count in sent.items():
        found = messages(broker, topic)
        assert len(found) == count
        assert len({m.partition() for m in found}) > 1  # not all by the one key
        schema = json.loads(found[0].key())
        assert schema["name"] == "topLevelRecord"
        ids = [dict(m.headers())["id"] for m in found]
        assert len(set(ids)) == count


def test_a_batch_that_was_sent_is_not_sent_again(spark, broker, prefix, delivery):
    first = delivery.send(named(packets(spark, 10), prefix))
    assert delivery.send(named(packets(spark, 10), prefix)) == first
    assert len(messages(broker, f"{prefix}one")) == 10


def test_what_a_killed_process_left_open_is_not_read_and_sent_once(
    spark, broker, prefix, delivery
):
    dead = Producer(
        {
            **delivery.brokers.options,
            "transactional.id": f"fink_voevent-{delivery.run}",
        }
    )
    dead.init_transactions(30)
    dead.begin_transaction()
    dead.produce(f"{prefix}one", b"half of a batch", partition=0)
    dead.flush(30)
    delivery.send(named(packets(spark, 10), prefix))
    assert len(messages(broker, f"{prefix}one")) == 10


def test_coincidences_go_as_json_notices_too(spark, broker, prefix):
    names = (f"{prefix}notices", f"{prefix}notices{topics.TEST}")
    sender = brokers(broker)
    sender.create([f"{prefix}one", f"{prefix}two", *names])
    sender.create([f"{prefix}batches"], 1)
    made = kafka.Delivery(sender, f"{prefix}batches", f"run-{prefix}", 0, notices=names)
    pair = {name: F.lit(value) for name, value in PAIR.items() if value is not None}
    tense = F.when(F.col("id") == 3, F.lit("test")).otherwise(F.lit("observation"))
    pair |= {"alert_id": F.col("id"), "tense": tense, "batch": F.lit(1)}
    for name in ("background_rate", "background_id"):
        pair[name] = F.lit(None).cast("string")
    pair["related_event_ids"] = F.array(F.lit("e"))
    pair["packet_missing"] = F.lit(True)
    whole = F.struct(*[column.alias(name) for name, column in pair.items()])
    df = named(packets(spark, 4).withColumn("id", F.col("candid")), prefix)
    df = df.withColumn("coincidence", whole).drop("id")
    sent = made.send(topics.with_notices(df, names[0]))
    assert sent == {f"{prefix}one": 4, f"{prefix}two": 2, names[0]: 3, names[1]: 1}
    told = [json.loads(message.value()) for message in messages(broker, names[0])]
    assert sorted(one["id"] for one in told) == ["0", "1", "2"]
    assert {one["ref_ID"] for one in told} == {PAIR["event_id"]}


def test_packets_of_one_pair_go_to_one_partition_in_order():
    rows = [{"coincidence": {"event_id": "e", "alert_id": n}} for n in range(1000)]
    chosen = [kafka.partition_of(row, 4) for row in rows]
    assert chosen == [kafka.partition_of(row, 4) for row in rows]
    assert min(Counter(chosen).values()) > 150


@pytest.mark.parametrize("login", [False, True])
def test_fink_client_reads_every_field(spark, broker, prefix, login, tmp_path):
    prefix = f"{prefix}{login}_"
    options = broker.login() if login else {"bootstrap.servers": broker.plain}
    sender = Brokers(options)
    sender.create([f"{prefix}one", f"{prefix}two"])
    sender.create([f"{prefix}batches"], 1)
    made = kafka.Delivery(sender, f"{prefix}batches", f"run-{prefix}", 0)
    made.send(named(packets(spark, 6), prefix))
    config = {"bootstrap.servers": options["bootstrap.servers"], "group.id": prefix}
    if login:
        config |= {"username": broker.user, "password": broker.password}
    consumer = AlertConsumer([f"{prefix}one"], config, survey="ztf")
    found = [consumer.poll(30) for _ in range(6)]
    consumer.close()
    alerts = sorted((alert for _, alert, _ in found), key=lambda a: a["candid"])
    assert [a["objectId"] for a in alerts] == [f"ZTF{n}" for n in range(6)]
    assert alerts[3] == {
        "objectId": "ZTF3",
        "candid": 3,
        "triggerId": "e_3",
        "coincidence": {
            "event_id": "e3",
            "alert_id": 3,
            "p_chance": 0.25,
            "batch": 7,
        },
    }


def test_fink_client_writes_them_and_reads_the_files(spark, broker, prefix, tmp_path):
    sender = brokers(broker)
    sender.create(["fink_grb_bronze"])
    sender.create([f"{prefix}batches"], 1)
    legacy = F.array(F.lit("fink_grb_bronze"))
    df = packets(spark, 4).withColumn("_topics", legacy)
    kafka.Delivery(sender, f"{prefix}batches", f"run-{prefix}", 0).send(df)
    config = {"bootstrap.servers": broker.plain, "group.id": prefix}
    consumer = AlertConsumer(["fink_grb_bronze"], config, survey="ztf")
    for _ in range(4):
        consumer.poll_and_write(str(tmp_path), timeout=30)
    consumer.close()
    names = sorted(p.name for p in Path(tmp_path).iterdir())
    assert names == [f"ZTF{n}_e_{n}.avro" for n in range(4)]
    with (tmp_path / names[2]).open("rb") as file:
        assert next(iter(fastavro.reader(file)))["coincidence"]["event_id"] == "e2"


def test_a_heartbeat_tells_survey_and_stage(broker, prefix):
    values = {"kafka_servers": broker.plain, "topic_prefix": prefix}
    settings = load({}, values).settings
    topic = topic_of(settings)
    Brokers.of(settings).create([topic])
    heart = Heart.of(settings)
    heart.beat()
    heart.beat()  # not due
    heart.flush()
    (message,) = messages(broker, topic)
    told = json.loads(message.value())
    assert (told["stage"], told["survey"]) == ("route", "ztf")


def test_brokers_that_do_not_answer_are_told_in_one_line(monkeypatch):
    monkeypatch.setattr(brokers_module, "LIMIT_S", 1.0)
    away = Brokers({"bootstrap.servers": "127.0.0.1:9", "log_level": 0})
    with pytest.raises(StorageError, match="Kafka at 127.0.0.1:9: .*reachable"):
        away.create(["x"])


def over_tls(broker, authorities: str) -> Brokers:
    values = {
        "kafka_servers": broker.tls,
        "kafka_security": "SASL_SSL",
        "kafka_username": broker.user,
        "kafka_password": broker.password,
        "kafka_ca": authorities,
    }
    return Brokers.of(load({}, values).settings)


def test_packets_go_over_tls(spark, broker, prefix):
    sender = over_tls(broker, str(broker.certificate))
    sender.create([f"{prefix}one", f"{prefix}two"])
    sender.create([f"{prefix}batches"], 1)
    made = kafka.Delivery(sender, f"{prefix}batches", f"run-{prefix}", 0)
    assert made.send(named(packets(spark, 6), prefix))[f"{prefix}one"] == 6
    assert len(messages(broker, f"{prefix}one")) == 6


def test_brokers_that_no_authority_vouches_for_are_not_trusted(broker, monkeypatch):
    monkeypatch.setattr(brokers_module, "LIMIT_S", 3.0)
    with pytest.raises(StorageError, match="_CA"):
        over_tls(broker, authorities="").create(["x"])


def test_sasl_without_a_password_is_told():
    values = {"kafka_servers": "k:9092", "kafka_security": "SASL_SSL"}
    with pytest.raises(ConfigError, match="VOEVENT_KAFKA_PASSWORD"):
        Brokers.of(load({}, values).settings)


def test_alerts_of_a_fink_topic_are_read_to_be_published(
    spark, broker, prefix, datatest
):
    science = spark.read.parquet(str(datatest / "alerts" / "early.parquet")).limit(5)
    pair = F.struct(
        F.lit("e").alias("event_id"),
        F.col("candid").alias("alert_id"),
        F.lit(1).cast("bigint").alias("batch"),
    )
    sender = brokers(broker)
    sender.create([f"{prefix}kn"])
    sender.create([f"{prefix}batches"], 1)
    df = science.select(
        *("candid", "objectId", "candidate"),
        F.col("candid").cast("string").alias("triggerId"),
        pair.alias("coincidence"),
        F.array(F.lit(f"{prefix}kn")).alias("_topics"),
    )
    kafka.Delivery(sender, f"{prefix}batches", f"run-{prefix}", 0).send(df)
    values = {"publish_topics": f"{prefix}kn", "publish_servers": broker.plain}
    topics = Topics.of(load({}, values).settings)
    found = {}
    for _ in range(100):
        found |= {t.alert_id: (topic, t) for topic, t in topics.poll()}
        if len(found) == 5:
            break
    topics.close()
    rows = {row.candid: row for row in science.collect()}
    assert set(found) == set(rows)
    for candid, (topic, transient) in found.items():
        assert topic == f"{prefix}kn"
        assert transient.ra == rows[candid].candidate.ra
        assert transient.object_id == rows[candid].objectId


FOLDERS = {
    "ztf/science_20240115": ("ztf", 849),
    "ztf/regular": ("ztf", 133),
    "rubin/rubin_test_data_10_0.parquet": ("rubin", 27),
}


def plain(value):
    """Value as a packet has it: times as text, maps as dicts, bytes as bytes."""
    if isinstance(value, datetime):
        text = value.isoformat(" ")
        return text.rstrip("0").rstrip(".") if value.microsecond else text
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, bytearray):
        return bytes(value)
    return None if isinstance(value, float) and math.isnan(value) else value


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_field_of_all_real_alerts_comes_back_over_kafka(
    spark, broker, prefix, real, folder, tmp_path
):
    """Read by fink-client, and from the files that it writes."""
    survey, count = FOLDERS[folder]
    topic = f"{prefix}{folder.replace('/', '.')}"
    science = spark.read.parquet(str(real / folder))
    told = {"event_id": "e", "event_version": 1, "status": "new", "batch": 0}
    absent = [c for c in spark_schema("coincidences") if c.name not in told]
    alerts = surveys.thin(science, survey)
    pairs = alerts.select(
        "*",
        *[F.lit(value).alias(name) for name, value in told.items()],
        *[
            F.lit(None).cast(c.dataType).alias(c.name)
            for c in absent
            if c.name not in alerts.columns
        ],
    )
    key = surveys.packet_key(survey)
    named = science.withColumn(attach.FILE, F.col("_metadata.file_path"))
    sender = brokers(broker)
    sender.create([topic])
    sender.create([f"{prefix}batches"], 1)
    packets = attach.packets(pairs, named, survey).drop(attach.PAIR)
    packets = packets.withColumn("_topics", F.array(F.lit(topic)))
    sent = kafka.Delivery(sender, f"{prefix}batches", topic, 0).send(packets)
    assert sent == {topic: count}
    # as Fink distributes them: of a struct that is null each leaf is null
    nothing = {
        f.name: dict.fromkeys(f.dataType.names)
        for f in science.schema
        if isinstance(f.dataType, StructType)
    }
    rows = [row.asDict(recursive=True) for row in science.collect()]
    expected = {
        row[key]: plain(
            row | {n: leaves for n, leaves in nothing.items() if row[n] is None}
        )
        for row in rows
    }
    kind = {"ztf": "ztf", "rubin": "lsst"}[survey]
    servers = {"bootstrap.servers": broker.plain}
    reader = AlertConsumer([topic], servers | {"group.id": "r"}, survey=kind)
    found = [plain(reader.poll(30)[1]) for _ in range(count)]
    reader.close()
    writer = AlertConsumer([topic], servers | {"group.id": "w"}, survey=kind)
    for _ in range(count):
        writer.poll_and_write(str(tmp_path), timeout=30)
    writer.close()
    files = sorted(tmp_path.glob("*.avro"))
    written = [plain(next(iter(fastavro.reader(f.open("rb"))))) for f in files]
    for one in (found, written):
        assert len(one) == count
        assert {p[key] for p in one} == set(expected)
        for packet in one:
            pair = packet.pop("coincidence")
            assert pair["alert_id"] == packet[key]
            assert packet.pop("triggerId") == f"e_1_{packet[key]}_new_0"
            assert packet == expected[packet[key]]
