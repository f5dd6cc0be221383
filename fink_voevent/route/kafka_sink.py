# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Send packets to Kafka, each batch in one transaction: either all of it or nothing.

The same transaction sends one message to the topic of batches, which records that the
batch was sent. A batch that is repeated after a crash finds this message there, and is
not sent twice.
"""

from __future__ import annotations

import itertools
import json
import time
import uuid
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)

from fink_voevent.errors import InputError
from fink_voevent.route import avro, gcn_notice, tally
from fink_voevent.route.fitting import Packet, PacketFormat, iter_packets
from fink_voevent.store.kafka_brokers import LIMIT_S, MOST_BYTES, Brokers
from fink_voevent.tables.schema import NAMESPACE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

QUEUE_S = 1.0  # longest wait for room in the producer's queue before the next try
COMMIT_TRIES = 5  # of `LIMIT_S` each: half of the transaction's timeout in all
LAST_BATCHES = 200  # messages of the topic of batches that are searched, newest
PRODUCER_OPTIONS = {
    "acks": "all",
    "compression.type": "lz4",  # fink-client's library can read it
    "linger.ms": 20,
    "message.max.bytes": MOST_BYTES,
    # long, because a batch is read and filtered while its transaction is open
    "transaction.timeout.ms": 600_000,
}
# Room for what Kafka adds to the key and the value of a message, and for our headers.
OVERHEAD_BYTES = 4096
BATCH_BYTES = 1_000_000  # of several messages sent at once: the client's default


@dataclass(frozen=True)
class Delivery:
    """The sending of one batch of the stage.

    Parameters
    ----------
    brokers : Brokers
        The Kafka brokers.
    batches_topic : str
        Topic of batches, with one partition: it records which batches were sent.
    sender : str
        Name of the tables and the survey whose batches are sent. A later process with
        this name aborts the transaction that an earlier one left open.
    batch : int
        Number of the batch: see `store.batches`.
    until : int
        Last batch of match that the batch sends.
    may_be_sent : bool, optional
        Whether an earlier process, or an earlier attempt of the Spark task, may have
        sent the batch; if so, the topic of batches is searched first.
    notice_topics : tuple of str, optional
        Topics whose messages are JSON notices (see `gcn_notice`), not Avro packets.
    limits : mapping of str to int, optional
        Size (bytes) of the largest message of topics: see `Brokers.message_limits`. For
        other topics it is the smallest of these.
    """

    brokers: Brokers
    batches_topic: str
    sender: str
    batch: int
    until: int
    may_be_sent: bool = True
    notice_topics: tuple[str, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def smallest_limit(self) -> int:
        """Size (bytes) of a message that all topics accept."""
        return min(self.limits.values(), default=MOST_BYTES)

    def send(self, routed: DataFrame) -> tally.Sent:
        """Send packets in one transaction.

        One Spark task sends them, because a transaction belongs to one producer. It
        keeps few rows in memory at a time. What cannot be encoded, or makes a message
        larger than the limit of its topic, is left out (see `fitting`). The limit is
        compared with the size before compression.

        Parameters
        ----------
        routed : DataFrame
            The columns of packets, among them `triggerId` and `coincidence` (with
            `event_id`, `alert_id` and `batch`), and `_topics`, the array of the topics
            of each packet.

        Returns
        -------
        Sent
            What was sent.

        Raises
        ------
        StorageError
            If Kafka does not answer or refuses; within the failure of the Spark task.
        """
        from pyspark.sql import functions as F  # noqa: N812

        one_each = routed.withColumn("_topic", F.explode("_topics")).drop("_topics")
        ordered = one_each.coalesce(1).sortWithinPartitions(
            "_topic", "coincidence.batch", "triggerId"
        )
        rows = ordered.mapInArrow(partial(_send, self), tally.SCHEMA).collect()
        return tally.Sent.of_rows(rows)


def _send(
    delivery: Delivery, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Send all packets of a task; yield rows of `tally.SCHEMA`."""
    first = next(batches, None)
    if first is None:
        return
    try:
        sent = _send_in_transaction(delivery, itertools.chain((first,), batches))
    except KafkaException as error:
        raise delivery.brokers.failure(error.args[0]) from None
    yield sent.rows()


def _send_in_transaction(
    delivery: Delivery, batches: Iterable[pa.RecordBatch]
) -> tally.Sent:
    options = {
        "transactional.id": f"fink_voevent-{delivery.sender}",
        # topics limit what is sent at once, be it one message or several
        "batch.size": min(BATCH_BYTES, delivery.smallest_limit),
    }
    producer = Producer({**delivery.brokers.options, **PRODUCER_OPTIONS, **options})
    # Aborts what an earlier process left open. Before that it is not certain which
    # batches were sent.
    producer.init_transactions(LIMIT_S)
    earlier = _earlier_sending(delivery) if delivery.may_be_sent else None
    if earlier is not None:
        return earlier
    producer.begin_transaction()
    sent = _produce(producer, batches, delivery)
    record = {
        "sender": delivery.sender,
        "batch": delivery.batch,
        "until": delivery.until,
        **sent.record(),
    }
    message = {"value": json.dumps(record).encode(), "partition": 0}
    _queue(producer, delivery.batches_topic, message)
    _commit(producer)
    return sent


def _commit(producer: Producer) -> None:
    """Commit the transaction, which first sends all messages in the queue.

    The client can be called again if it only ran out of time.
    """
    for tries_left in reversed(range(COMMIT_TRIES)):
        try:
            return producer.commit_transaction(LIMIT_S)
        except KafkaException as error:  # noqa: PERF203 - few iterations
            if not tries_left or not error.args[0].retriable():
                raise


def _earlier_sending(delivery: Delivery) -> tally.Sent | None:
    """Return what was sent if this batch was sent before, else None."""
    records = sent_batches(delivery.brokers, delivery.batches_topic, delivery.sender)
    for record in records:
        same = (delivery.batch, delivery.until)
        if (record["batch"], record.get("until")) == same:
            return tally.Sent.of_record(record)
    return None


def sent_batches(
    brokers: Brokers, batches_topic: str, sender: str
) -> list[Mapping[str, Any]]:
    """Return the records of the last batches that a sender has sent, in order.

    Parameters
    ----------
    brokers : Brokers
    batches_topic, sender : str
        As of `Delivery`.

    Returns
    -------
    list of mapping
        With `batch` and `until`, as of `Delivery`, and the values of
        `tally.Sent.record`.

    Raises
    ------
    KafkaException
        If Kafka does not answer or refuses.
    """
    reading = {
        "group.id": f"fink_voevent-{sender}",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    consumer = Consumer({**brokers.options, **reading})
    found = []
    try:
        start = TopicPartition(batches_topic, 0)
        _wait_for_topic(consumer, batches_topic)
        low, high = consumer.get_watermark_offsets(start, timeout=LIMIT_S)
        start.offset = max(low, high - LAST_BATCHES)
        consumer.assign([start])
        for message in iter(partial(consumer.poll, LIMIT_S), None):
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its name
                    return found
                raise KafkaException(error)
            record = _record(message.value() or b"{}")
            if record.get("sender") == sender:
                found.append(record)
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001
    finally:
        consumer.close()


def _wait_for_topic(consumer: Consumer, topic: str) -> None:
    """Wait until the brokers know a topic, which may have been made just now."""
    end_s = time.monotonic() + LIMIT_S
    while not consumer.list_topics(topic, LIMIT_S).topics[topic].partitions:
        if time.monotonic() > end_s:
            raise KafkaException(KafkaError(KafkaError._UNKNOWN_TOPIC))  # noqa: SLF001
        time.sleep(0.1)


def _record(value: bytes) -> Mapping[str, Any]:
    """Content of a message of the topic of batches; empty if it is not one of ours."""
    try:
        record = json.loads(value)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _produce(
    producer: Producer, batches: Iterable[pa.RecordBatch], delivery: Delivery
) -> tally.Sent:
    """Queue the messages of all packets that can be sent; count them by topic."""
    counts = tally.Tally()
    partitions: dict[str, int] = {}
    for batch in batches:
        schema = avro.avro_schema(f for f in batch.schema if f.name != "_topic")
        packet_format = PacketFormat(schema)
        for packet in iter_packets(batch):
            topic = packet.pop("_topic")
            if topic not in partitions:
                metadata = producer.list_topics(topic, LIMIT_S).topics[topic]
                partitions[topic] = max(1, len(metadata.partitions))
            try:
                message, left_out = _message(delivery, packet_format, topic, packet)
                message["partition"] = partition_of(packet, partitions[topic])
            except Exception as error:  # noqa: BLE001 - of one packet; it is recorded
                counts.leave_out(topic, packet, error)
                continue
            _queue(producer, topic, message)
            counts.add(topic, packet, left_out)
    return counts.sent()


def _message(
    delivery: Delivery, packet_format: PacketFormat, topic: str, packet: Packet
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the message of a packet, and the names of the parts that it lacks.

    Raises
    ------
    InputError
        If the message would be too large.
    """
    limit = delivery.limits.get(topic, delivery.smallest_limit) - OVERHEAD_BYTES
    headers = {"id": message_id(topic, packet["triggerId"])}
    if topic in delivery.notice_topics:
        value = gcn_notice.encode(packet)
        if len(value) > limit:
            raise InputError(f"its notice has {len(value)} bytes, more than {limit}")
        return {"headers": headers, "value": value}, ()
    key = packet_format.key
    fitted = packet_format.fit(packet, limit - len(key))
    if fitted.left_out:
        headers["left_out"] = ",".join(fitted.left_out)
    return {"headers": headers, "key": key, "value": fitted.value}, fitted.left_out


def _queue(producer: Producer, topic: str, message: Mapping[str, Any]) -> None:
    """Queue a message; wait while the queue is full."""
    while True:
        try:
            producer.produce(topic, **message)
            break
        except BufferError:
            producer.poll(QUEUE_S)
    producer.poll(0)


def partition_of(packet: Mapping[str, Any], partitions: int) -> int:
    """Return the partition of a packet, from 0.

    All packets of a pair go to the same partition, so that they stay in order. Kafka's
    default, the hash of the message key, does not suit: the key is the Avro schema,
    which is the same for all packets.
    """
    pair = packet["coincidence"]
    text = f"{pair['event_id']} {pair['alert_id']}"
    return zlib.crc32(text.encode()) % partitions


def message_id(topic: str, trigger_id: str) -> str:
    """Return the id of a message: a UUIDv5, always the same for the same packet."""
    return str(uuid.uuid5(NAMESPACE, f"packet {topic} {trigger_id}"))
