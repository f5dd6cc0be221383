# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Write packets as Avro files, in a folder for each topic, if there is no Kafka."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.route import avro
from fink_voevent.store.filesystem import open_store

COUNTS_SCHEMA = "topic string, n bigint"


def send(routed: DataFrame, folder: str, name: str, parallel: int) -> dict[str, int]:
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
    dict of str to int
        Number of packets of each topic.
    """
    one_each = routed.withColumn("_topic", F.explode("_topics")).drop("_topics")
    ordered = one_each.repartition(parallel, "_topic").sortWithinPartitions(
        "_topic", "coincidence.batch", "triggerId"
    )
    write = partial(_write_topics, folder, name)
    counts = ordered.mapInArrow(write, COUNTS_SCHEMA).collect()
    return {row.topic: row.n for row in sorted(counts)}


def _write_topics(
    folder: str, name: str, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Write the packets of a task, which are sorted by topic."""
    first = next(batches, None)
    if first is None:
        return
    schema = avro.avro_schema(f for f in first.schema if f.name != "_topic")
    batches = itertools.chain((first,), batches)
    rows = itertools.chain.from_iterable(map(avro.iter_records, batches))
    for topic, group in itertools.groupby(rows, key=lambda row: row.pop("_topic")):
        counted = _CountedRows(group)
        open_store(f"{folder}/{topic}").write(
            f"{name}.avro",
            lambda out, rows=counted: avro.write_file(out, schema, rows, name),
        )
        yield pa.RecordBatch.from_pydict({"topic": [topic], "n": [counted.count]})


class _CountedRows:
    """Iterable of rows that counts them while they are consumed."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self._rows:
            self.count += 1
            yield row
