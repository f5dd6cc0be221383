# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Packets to Kafka, a batch in one transaction: all of it is there, or nothing.

With the packets goes one message to the topic of batches, which says that the batch was
sent: a batch that is done again after a crash finds it there, and sends nothing twice.
"""

from __future__ import annotations

import io
import itertools
import json
import uuid
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import fastavro
import pyarrow as pa
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)

from fink_voevent.route import avro, gcn_notice
from fink_voevent.store.kafka_brokers import LIMIT_S, MOST_BYTES, Brokers
from fink_voevent.tables.schema import NAMESPACE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

QUEUE_S = 1.0  # for room in the queue of what is to be sent
TRIES = 5  # to commit, of `LIMIT_S` each: half of the transaction's time
LAST_BATCHES = 200  # looked at for one that was sent
PRODUCER = {
    "acks": "all",
    "compression.type": "lz4",  # fink-client's library reads it
    "linger.ms": 20,
    "message.max.bytes": MOST_BYTES,
    "transaction.timeout.ms": 600_000,  # a batch is read and filtered meanwhile
}
SENT = "topic string, n bigint"


@dataclass(frozen=True)
class Delivery:
    """One batch of a stage: who sends it, and where that it was sent is told.

    Parameters
    ----------
    brokers : Brokers
    batches : str
        Topic of batches.
    run : str
        The life of the checkpoint; a later process of it ends an earlier one's sending.
    batch : int
    may_be_sent : bool
        Whether an earlier process, or an earlier attempt at the task, may have sent it:
        then that is looked up first.
    notices : tuple of str
        Topics whose messages are JSON notices: see `followup`.
    """

    brokers: Brokers
    batches: str
    run: str
    batch: int
    may_be_sent: bool = True
    notices: tuple[str, ...] = ()

    def send(self, routed: DataFrame) -> dict[str, int]:
        """Send packets to the topics in their column `_topics`, in one transaction.

        By one task: a transaction is of one producer. Rows go as they come, a few in
        memory at a time.
        """
        from pyspark.sql import functions as F  # noqa: N812

        one_each = routed.withColumn("_topic", F.explode("_topics")).drop("_topics")
        ordered = one_each.coalesce(1).sortWithinPartitions(
            "_topic", "coincidence.batch", "triggerId"
        )
        rows = ordered.mapInArrow(partial(_send, self), SENT).collect()
        return {row.topic: row.n for row in sorted(rows)}


def _send(
    delivery: Delivery, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Send all packets of a task; tell how many went to each topic."""
    first = next(batches, None)
    if first is None:
        return
    try:
        counts = _transact(delivery, itertools.chain((first,), batches))
    except KafkaException as error:
        raise delivery.brokers.failure(error.args[0]) from None
    if counts:
        topics, numbers = zip(*sorted(counts.items()), strict=True)
        yield pa.RecordBatch.from_pydict({"topic": topics, "n": numbers})


def _transact(delivery: Delivery, batches: Iterable[pa.RecordBatch]) -> dict[str, int]:
    name = {"transactional.id": f"fink_voevent-{delivery.run}"}
    producer = Producer({**delivery.brokers.options, **PRODUCER, **name})
    # Ends what an earlier process left open: only then is it known what was sent.
    producer.init_transactions(LIMIT_S)
    before = _sent(delivery) if delivery.may_be_sent else None
    if before is not None:
        return before
    producer.begin_transaction()
    counts = _produce(producer, batches, delivery.notices)
    told = {"run": delivery.run, "batch": delivery.batch, "sent": counts}
    last = {"value": json.dumps(told).encode(), "partition": 0}
    _queue(producer, delivery.batches, last)
    _commit(producer)
    return counts


def _commit(producer: Producer) -> None:
    """End the transaction: all that is queued is sent first, which may take its time.

    The client may ask again where it only ran out of time: `TRIES` times here.
    """
    for left in reversed(range(TRIES)):
        try:
            return producer.commit_transaction(LIMIT_S)
        except KafkaException as error:  # noqa: PERF203 - at most so often
            if not left or not error.args[0].retriable():
                raise


def _sent(delivery: Delivery) -> dict[str, int] | None:
    """Packets sent to each topic, if this batch was sent before; else None."""
    reading = {
        "group.id": f"fink_voevent-{delivery.run}",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    consumer = Consumer({**delivery.brokers.options, **reading})
    try:
        place = TopicPartition(delivery.batches, 0)
        low, high = consumer.get_watermark_offsets(place, timeout=LIMIT_S)
        place.offset = max(low, high - LAST_BATCHES)
        consumer.assign([place])
        for message in iter(partial(consumer.poll, LIMIT_S), None):
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
                    return None
                raise KafkaException(error)
            told = json.loads(message.value() or b"{}")
            if (told.get("run"), told.get("batch")) == (delivery.run, delivery.batch):
                counts: dict[str, int] = told["sent"]
                return counts
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001
    finally:
        consumer.close()


def _produce(
    producer: Producer, batches: Iterable[pa.RecordBatch], notices: Collection[str]
) -> dict[str, int]:
    counts: Counter[str] = Counter()
    partitions: dict[str, int] = {}
    for batch in batches:
        told = avro.avro_schema(f for f in batch.schema if f.name != "_topic")
        key, schema = json.dumps(told).encode(), fastavro.parse_schema(told)
        for row in avro.rows(batch):
            topic = row.pop("_topic")
            if topic not in partitions:
                found = producer.list_topics(topic, LIMIT_S).topics[topic]
                partitions[topic] = max(1, len(found.partitions))
            message = {
                "partition": partition_of(row, partitions[topic]),
                "headers": {"id": message_id(topic, row["triggerId"])},
            }
            if topic in notices:
                message["value"] = gcn_notice.encoded(row)
            else:
                message |= {"key": key, "value": _avro(schema, row)}
            _queue(producer, topic, message)
            counts[topic] += 1
    return dict(counts)


def _avro(schema: Any, row: Mapping[str, Any]) -> bytes:
    value = io.BytesIO()
    fastavro.schemaless_writer(value, schema, row)
    return value.getvalue()


def _queue(producer: Producer, topic: str, message: Mapping[str, Any]) -> None:
    """Queue a message, once there is room for it."""
    while not _queued(producer, topic, message):
        producer.poll(QUEUE_S)


def _queued(producer: Producer, topic: str, message: Mapping[str, Any]) -> bool:
    try:
        producer.produce(topic, **message)
    except BufferError:
        return False
    producer.poll(0)
    return True


def partition_of(row: Mapping[str, Any], partitions: int) -> int:
    """Partition of a packet: all of one pair go to one, so that they stay in order.

    Not by the key, which is the schema, the same for all.
    """
    pair = row["coincidence"]
    text = f"{pair['event_id']} {pair['alert_id']}"
    return zlib.crc32(text.encode()) % partitions


def message_id(topic: str, trigger_id: str) -> str:
    """UUIDv5 of a message, the same whenever it is sent."""
    return str(uuid.uuid5(NAMESPACE, f"packet {topic} {trigger_id}"))
