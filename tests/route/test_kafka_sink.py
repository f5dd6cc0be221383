# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Packets are sent to a real Kafka broker and read by fink-client."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import fastavro
import pytest
from confluent_kafka import Producer
from fink_client.consumer import AlertConsumer
from helpers.kafka_packets import brokers, messages, named, packets
from helpers.packets import PAIR
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.config.load import load
from fink_voevent.publish.sources import TopicReader
from fink_voevent.route import kafka_sink, topics
from fink_voevent.route.heartbeat import Heartbeat, heartbeat_topic
from fink_voevent.store.kafka_brokers import Brokers


@pytest.fixture
def delivery(broker, prefix):
    made = kafka_sink.Delivery(brokers(broker), f"{prefix}batches", f"run-{prefix}", 0)
    made.brokers.create([f"{prefix}one", f"{prefix}two"])
    made.brokers.create([f"{prefix}batches"], 1)
    return made


def test_each_packet_is_on_its_topics_with_its_schema(spark, broker, prefix, delivery):
    sent = delivery.send(named(packets(spark, 40), prefix))
    assert sent == {f"{prefix}one": 40, f"{prefix}two": 20}
    for topic, count in sent.items():
        found = messages(broker, topic)
        assert len(found) == count
        assert len({m.partition() for m in found}) > 1  # although all have the same key
        schema = json.loads(found[0].key())
        assert schema["name"] == "topLevelRecord"
        ids = [dict(m.headers())["id"] for m in found]
        assert len(set(ids)) == count


def test_a_batch_that_was_sent_is_not_sent_again(spark, broker, prefix, delivery):
    first = delivery.send(named(packets(spark, 10), prefix))
    assert delivery.send(named(packets(spark, 10), prefix)) == first
    assert len(messages(broker, f"{prefix}one")) == 10


def test_an_open_transaction_of_a_killed_process_is_aborted(
    spark, broker, prefix, delivery
):
    killed = Producer(
        {
            **delivery.brokers.options,
            "transactional.id": f"fink_voevent-{delivery.run}",
        }
    )
    killed.init_transactions(30)
    killed.begin_transaction()
    killed.produce(f"{prefix}one", b"half of a batch", partition=0)
    killed.flush(30)
    delivery.send(named(packets(spark, 10), prefix))
    assert len(messages(broker, f"{prefix}one")) == 10


def test_coincidences_are_sent_as_json_notices_too(spark, broker, prefix):
    names = (f"{prefix}notices", f"{prefix}notices{topics.TEST_SUFFIX}")
    sender = brokers(broker)
    sender.create([f"{prefix}one", f"{prefix}two", *names])
    sender.create([f"{prefix}batches"], 1)
    made = kafka_sink.Delivery(
        sender, f"{prefix}batches", f"run-{prefix}", 0, notice_topics=names
    )
    pair = {name: F.lit(value) for name, value in PAIR.items() if value is not None}
    tense = F.when(F.col("id") == 3, F.lit("test")).otherwise(F.lit("observation"))
    pair |= {"alert_id": F.col("id"), "tense": tense, "batch": F.lit(1)}
    for name in ("background_rate", "background_id"):
        pair[name] = F.lit(None).cast("string")
    pair["related_event_ids"] = F.array(F.lit("e"))
    pair["packet_missing"] = F.lit(True)
    coincidence = F.struct(*[column.alias(name) for name, column in pair.items()])
    df = named(packets(spark, 4).withColumn("id", F.col("candid")), prefix)
    df = df.withColumn("coincidence", coincidence).drop("id")
    sent = made.send(topics.add_notice_topic(df, names[0]))
    assert sent == {f"{prefix}one": 4, f"{prefix}two": 2, names[0]: 3, names[1]: 1}
    read = [json.loads(message.value()) for message in messages(broker, names[0])]
    assert sorted(one["id"] for one in read) == ["0", "1", "2"]
    assert {one["ref_ID"] for one in read} == {PAIR["event_id"]}


def test_pairs_are_spread_over_the_partitions_and_each_keeps_its_own():
    rows = [{"coincidence": {"event_id": "e", "alert_id": n}} for n in range(1000)]
    chosen = [kafka_sink.partition_of(row, 4) for row in rows]
    assert chosen == [kafka_sink.partition_of(row, 4) for row in rows]
    assert min(Counter(chosen).values()) > 150


@pytest.mark.parametrize("login", [False, True])
def test_fink_client_reads_every_field(spark, broker, prefix, login, tmp_path):
    prefix = f"{prefix}{login}_"
    options = broker.login() if login else {"bootstrap.servers": broker.plain}
    sender = Brokers(options)
    sender.create([f"{prefix}one", f"{prefix}two"])
    sender.create([f"{prefix}batches"], 1)
    made = kafka_sink.Delivery(sender, f"{prefix}batches", f"run-{prefix}", 0)
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


def test_fink_client_writes_packets_to_files(spark, broker, prefix, tmp_path):
    sender = brokers(broker)
    sender.create(["fink_grb_bronze"])
    sender.create([f"{prefix}batches"], 1)
    legacy = F.array(F.lit("fink_grb_bronze"))
    df = packets(spark, 4).withColumn("_topics", legacy)
    kafka_sink.Delivery(sender, f"{prefix}batches", f"run-{prefix}", 0).send(df)
    config = {"bootstrap.servers": broker.plain, "group.id": prefix}
    consumer = AlertConsumer(["fink_grb_bronze"], config, survey="ztf")
    for _ in range(4):
        consumer.poll_and_write(str(tmp_path), timeout=30)
    consumer.close()
    names = sorted(p.name for p in Path(tmp_path).iterdir())
    assert names == [f"ZTF{n}_e_{n}.avro" for n in range(4)]
    with (tmp_path / names[2]).open("rb") as file:
        assert next(iter(fastavro.reader(file)))["coincidence"]["event_id"] == "e2"


def test_a_heartbeat_contains_survey_and_stage(broker, prefix):
    values = {"kafka_servers": broker.plain, "topic_prefix": prefix}
    settings = load({}, values).settings
    topic = heartbeat_topic(settings)
    Brokers.from_settings(settings).create([topic])
    heartbeat = Heartbeat.from_settings(settings)
    heartbeat.beat()
    heartbeat.beat()  # not due
    heartbeat.flush()
    (message,) = messages(broker, topic)
    content = json.loads(message.value())
    assert (content["stage"], content["survey"]) == ("route", "ztf")


def test_alerts_of_a_fink_topic_are_read_for_publication(
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
    kafka_sink.Delivery(sender, f"{prefix}batches", f"run-{prefix}", 0).send(df)
    values = {"publish_topics": f"{prefix}kn", "publish_servers": broker.plain}
    reader = TopicReader.from_settings(load({}, values).settings)
    found = {}
    for _ in range(100):
        found |= {t.alert_id: (topic, t) for topic, t in reader.poll()}
        if len(found) == 5:
            break
    reader.close()
    rows = {row.candid: row for row in science.collect()}
    assert set(found) == set(rows)
    for candid, (topic, transient) in found.items():
        assert topic == f"{prefix}kn"
        assert transient.ra == rows[candid].candidate.ra
        assert transient.object_id == rows[candid].objectId
