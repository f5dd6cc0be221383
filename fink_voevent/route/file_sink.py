# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Write packets as Avro files, in a folder for each topic, if there is no Kafka."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.route import avro, tally
from fink_voevent.route.fitting import Packet, PacketFormat, iter_packets
from fink_voevent.store.filesystem import open_store


def send(routed: DataFrame, folder: str, name: str, parallel: int) -> tally.Sent:
    """Write packets as Avro files, one for each topic.

    Parameters
    ----------
    routed : DataFrame
        The columns of packets, among them `triggerId` and `coincidence`, and
        `_topics`, the array of the topics of each packet.
    folder : str
        Folder of the folders of topics.
    name : str
        Name, without suffix, of the file in the folder of each topic. A file of that
        name is replaced; writing a batch again writes the same bytes.
    parallel : int
        Number of Spark tasks that write.

    Returns
    -------
    Sent
        What was written. A part that cannot be encoded is left out (see `fitting`).
    """
    one_each = routed.withColumn("_topic", F.explode("_topics")).drop("_topics")
    ordered = one_each.repartition(parallel, "_topic").sortWithinPartitions(
        "_topic", "coincidence.batch", "triggerId"
    )
    write = partial(_write_topics, folder, name)
    return tally.Sent.of_rows(ordered.mapInArrow(write, tally.SCHEMA).collect())


def _write_topics(
    folder: str, name: str, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Write the packets of a task, which are sorted by topic."""
    first = next(batches, None)
    if first is None:
        return
    schema = avro.avro_schema(f for f in first.schema if f.name != "_topic")
    packet_format = PacketFormat(schema)
    batches = itertools.chain((first,), batches)
    rows = itertools.chain.from_iterable(map(iter_packets, batches))
    for topic, group in itertools.groupby(rows, key=lambda row: row.pop("_topic")):
        counts = tally.Tally()
        fitted = _fitted(group, packet_format, topic, counts)
        open_store(f"{folder}/{topic}").write(
            f"{name}.avro",
            lambda out, rows=fitted: avro.write_file(out, schema, rows, name),
        )
        yield counts.sent().rows()


def _fitted(
    packets: Iterable[Packet],
    packet_format: PacketFormat,
    topic: str,
    counts: tally.Tally,
) -> Iterator[Packet]:
    """Yield packets that can be written, and count them."""
    for packet in packets:
        try:
            fitted = packet_format.fit(packet)
        except Exception as error:  # noqa: BLE001, PERF203 - of one packet; recorded
            counts.leave_out(topic, packet, error)
        else:
            counts.add(topic, fitted.packet, fitted.left_out)
            yield fitted.packet
