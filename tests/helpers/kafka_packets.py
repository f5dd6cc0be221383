# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Send packets to topics, and read the messages of topics."""

from __future__ import annotations

from confluent_kafka import Consumer
from helpers.kafka_broker import Broker
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.store.kafka_brokers import Brokers


def brokers(broker: Broker) -> Brokers:
    return Brokers({"bootstrap.servers": broker.plain})


def packets(spark, count: int, start: int = 0):
    """Return packets: all for the topic one, every second for the topic two as well."""
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
    """Add a prefix to the topics of packets."""
    topics = F.transform("_topics", lambda t: F.concat(F.lit(prefix), t))
    return df.withColumn("_topics", topics)


def messages(broker: Broker, topic: str) -> list:
    """Read all committed messages of a topic."""
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
