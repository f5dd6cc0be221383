# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Packets to Avro files, a folder for each topic: what there is without Kafka."""

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

SENT = "topic string, n bigint"


def send(routed: DataFrame, folder: str, name: str, parallel: int) -> dict[str, int]:
    """Write packets as Avro files, one a topic, and return how many went to each.

    Parameters
    ----------
    routed : DataFrame
        Packets and `_topics`.
    folder : str
        Holds a folder for each topic.
    name : str
        Of the file in each; a replay replaces it by the same bytes.
    parallel : int
        Tasks.
    """
    one_each = routed.withColumn("_topic", F.explode("_topics")).drop("_topics")
    ordered = one_each.repartition(parallel, "_topic").sortWithinPartitions(
        "_topic", "coincidence.batch", "triggerId"
    )
    sent = ordered.mapInArrow(partial(_write_topics, folder, name), SENT).collect()
    return {row.topic: row.n for row in sorted(sent)}


def _write_topics(
    folder: str, name: str, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Write the packets of a task, sorted by topic, a few at a time in memory."""
    first = next(batches, None)
    if first is None:
        return
    schema = avro.avro_schema(f for f in first.schema if f.name != "_topic")
    batches = itertools.chain((first,), batches)
    rows = itertools.chain.from_iterable(map(avro.rows, batches))
    for topic, group in itertools.groupby(rows, key=lambda row: row.pop("_topic")):
        counted = _Counted(group)
        open_store(f"{folder}/{topic}").write(
            f"{name}.avro",
            lambda out, rows=counted: avro.write(out, schema, rows, name),
        )
        yield pa.RecordBatch.from_pydict({"topic": [topic], "n": [counted.count]})


class _Counted:
    """Rows, counted as they go by."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self._rows:
            self.count += 1
            yield row
