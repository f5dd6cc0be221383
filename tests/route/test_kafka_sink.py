# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Packets are sent to a real Kafka broker and read by fink-client."""

from __future__ import annotations

import io
import json
import logging
from collections import Counter
from pathlib import Path
from random import Random

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
    made = kafka_sink.Delivery(brokers(broker), f"{prefix}batches", f"s-{prefix}", 0, 0)
    made.brokers.create([f"{prefix}one", f"{prefix}two"])
    made.brokers.create([f"{prefix}batches"], 1)
    return made


def test_each_packet_is_on_its_topics_with_its_schema(spark, broker, prefix, delivery):
    sent = delivery.send(named(packets(spark, 40), prefix))
    assert sent.counts == {f"{prefix}one": 40, f"{prefix}two": 20}
    assert sent.left_out == ()
    for topic, count in sent.counts.items():
        found = messages(broker, topic)
        assert len(found) == count
        assert len({m.partition() for m in found}) > 1  # although all have the same key
        schema = json.loads(found[0].key())
        assert schema["name"] == "topLevelRecord"
        ids = [dict(m.headers())["id"] for m in found]
        assert len(set(ids)) == count


def test_a_batch_that_was_sent_is_not_sent_again(spark, broker, prefix, delivery):
    first = delivery.send(named(packets(spark, 10), prefix))
    stranger = Producer({"bootstrap.servers": broker.plain})
    for value in (b"\xff", b"[1]", b'{"sender": 5}', None):
        stranger.produce(f"{prefix}batches", value)
    assert stranger.flush(30) == 0
    assert delivery.send(named(packets(spark, 10), prefix)) == first
    assert len(messages(broker, f"{prefix}one")) == 10


def test_an_open_transaction_of_a_killed_process_is_aborted(
    spark, broker, prefix, delivery
):
    killed = Producer(
        {
            **delivery.brokers.options,
            "transactional.id": f"fink_voevent-{delivery.sender}",
        }
    )
    killed.init_transactions(30)
    killed.begin_transaction()
    killed.produce(f"{prefix}one", b"half of a batch", partition=0)
    killed.flush(30)
    delivery.send(named(packets(spark, 10), prefix))
    assert len(messages(broker, f"{prefix}one")) == 10


def with_sizes(spark, prefix: str, topic: str, sizes: dict[int, int], name: int = 1):
    """Return packets with an image of a size (bytes) each, which cannot be compressed.

    Each event has a name of `name` letters.
    """
    random = Random(prefix)  # noqa: S311 - not a secret
    rows = [(n, random.randbytes(size)) for n, size in sizes.items()]
    images = spark.createDataFrame(rows, "candid bigint, cutoutScience binary")
    pair = F.struct(
        F.lit(random.randbytes(name).hex()[:name]).alias("event_id"),
        F.col("candid").alias("alert_id"),
        F.lit(7).cast("bigint").alias("batch"),
        F.lit(None).cast("array<string>").alias("left_out"),
    )
    return images.coalesce(1).select(
        *("candid", "cutoutScience"),
        F.concat_ws("_", F.lit("e"), F.col("candid")).alias("triggerId"),
        pair.alias("coincidence"),
        F.array(F.lit(f"{prefix}{topic}")).alias("_topics"),
    )


def content(message) -> dict:
    schema = json.loads(message.key())
    return fastavro.schemaless_reader(io.BytesIO(message.value()), schema, None)


def limited(broker, prefix: str, batch: int = 0) -> kafka_sink.Delivery:
    """Return a delivery to two topics; one accepts messages of 100 kB at most."""
    sender = brokers(broker)
    sender.create([f"{prefix}usual"], 1)
    sender.create([f"{prefix}small"], 1, {"max.message.bytes": "100000"})
    sender.create([f"{prefix}batches"], 1)
    limits = sender.message_limits([f"{prefix}usual", f"{prefix}small"])
    return kafka_sink.Delivery(
        *(sender, f"{prefix}batches", f"s-{prefix}", batch, 0), limits=limits
    )


def test_a_packet_that_kafka_would_refuse_goes_without_what_makes_it_too_large(
    spark, broker, prefix
):
    df = with_sizes(spark, prefix, "usual", {1: 9_000_000})
    assert limited(broker, prefix).send(df).counts == {f"{prefix}usual": 1}
    (message,) = messages(broker, f"{prefix}usual")
    packet = content(message)
    assert packet["cutoutScience"] is None
    assert packet["coincidence"]["left_out"] == ["cutoutScience"]


def test_packets_too_large_for_their_topic_are_made_smaller_or_left_out(
    spark, broker, prefix, caplog
):
    small = f"{prefix}small"
    sizes = {1: 60_000, 2: 120_000, 3: 60_000}
    without_remedy = with_sizes(spark, prefix, "small", {4: 10}, name=120_000)
    df = without_remedy.union(with_sizes(spark, prefix, "small", sizes))
    sent = limited(broker, prefix).send(df)
    assert sent.counts == {small: 3}
    assert [one[:3] for one in sent.left_out] == [
        (small, "e_2", ("cutoutScience",)),
        (small, "e_4", ()),
    ]
    sent.log(logging.INFO)
    lines = [r.message for r in caplog.records if r.levelno == logging.ERROR]
    assert len(lines) == 2
    assert f"packet e_2 is sent to {small}: without cutoutScience: too la" in lines[0]
    assert f"packet e_4 is not sent to {small}: InputError: 120" in lines[1]
    first = messages(broker, small)
    found = {content(m)["candid"]: m for m in first}
    assert sorted(found) == [1, 2, 3]
    whole, without = content(found[1]), content(found[2])
    assert len(whole["cutoutScience"]) == 60_000
    assert whole["coincidence"]["left_out"] is None
    assert without["cutoutScience"] is None
    assert without["coincidence"]["left_out"] == ["cutoutScience"]
    assert dict(found[2].headers())["left_out"] == b"cutoutScience"
    assert "left_out" not in dict(found[1].headers())
    assert limited(broker, prefix).send(df) == sent  # nothing is sent again
    assert limited(broker, prefix, 1).send(df) == sent  # as another batch
    second = [m.value() for m in messages(broker, small)]
    assert sorted(second) == sorted(m.value() for m in first)


def test_coincidences_are_sent_as_json_notices_too(spark, broker, prefix):
    names = (f"{prefix}notices", f"{prefix}notices{topics.TEST_SUFFIX}")
    sender = brokers(broker)
    sender.create([f"{prefix}one", f"{prefix}two", *names])
    sender.create([f"{prefix}batches"], 1)
    made = kafka_sink.Delivery(
        sender, f"{prefix}batches", f"s-{prefix}", 0, 0, notice_topics=names
    )
    null = F.lit(None).cast("string")
    values = {n: null if v is None else v for n, v in PAIR.items()}
    pair = {n: F.lit(v) for n, v in values.items() if not isinstance(v, list)}
    tense = F.when(F.col("id") == 3, F.lit("test")).otherwise(F.lit("observation"))
    # without a time there is no notice, and the others are sent
    known = F.when(F.col("id") != 2, F.lit(PAIR["alert_time"]))
    pair |= {"alert_id": F.col("id"), "tense": tense, "batch": F.lit(1)}
    pair["alert_time"] = known
    pair["related_event_ids"] = F.array(F.lit("e"))
    pair["packet_missing"] = F.lit(True)
    coincidence = F.struct(*[column.alias(name) for name, column in pair.items()])
    df = named(packets(spark, 4).withColumn("id", F.col("candid")), prefix)
    df = df.withColumn("coincidence", coincidence).drop("id")
    sent = made.send(topics.add_notice_topic(df, names[0]))
    assert sent.counts == {
        **{f"{prefix}one": 4, f"{prefix}two": 2},
        **{names[0]: 2, names[1]: 1},
    }
    (odd,) = sent.left_out
    assert (odd.topic, odd.packet, odd.parts) == (names[0], "e_2", ())
    read = [json.loads(message.value()) for message in messages(broker, names[0])]
    assert sorted(one["id"] for one in read) == ["0", "1"]
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
    made = kafka_sink.Delivery(sender, f"{prefix}batches", f"s-{prefix}", 0, 0)
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
    kafka_sink.Delivery(sender, f"{prefix}batches", f"s-{prefix}", 0, 0).send(df)
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
    spark, broker, prefix, datatest, caplog
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
    kafka_sink.Delivery(sender, f"{prefix}batches", f"s-{prefix}", 0, 0).send(df)
    values = {"publish_topics": f"{prefix}kn", "publish_servers": broker.plain}
    reader = TopicReader.from_settings(load({}, values).settings)
    stranger = Producer({"bootstrap.servers": broker.plain})
    for key in (b"no schema", b'{"type": "string"}', None):
        stranger.produce(f"{prefix}kn", b"\xff no packet", key)
    assert stranger.flush(30) == 0
    found = {}
    for _ in range(100):
        found |= {t.alert_id: (topic, t) for topic, t in reader.poll(100)}
        if len(found) == 5 and caplog.text.count("cannot be read") == 3:
            break
    reader.close()
    rows = {row.candid: row for row in science.collect()}
    assert set(found) == set(rows)
    for candid, (topic, transient) in found.items():
        assert topic == f"{prefix}kn"
        assert transient.ra == rows[candid].candidate.ra
        assert transient.object_id == rows[candid].objectId
