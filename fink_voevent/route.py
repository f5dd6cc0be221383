# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Coincidences to topics: the alert as Fink distributes it, the pair beside it.

All filters are boolean columns of one select. A packet is the alert's own packet, with
one struct `coincidence` and the top-level `triggerId`. A withdrawal or retraction has
the numbers last recorded of the pair that it takes back, and is filtered by them.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from fink_utils.spark.utils import FinkUDF, expand_function_from_string
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming import StreamingQuery
from pyspark.sql.types import (
    BooleanType,
    DataType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from fink_voevent import ingest, ledger, night, packet, surveys
from fink_voevent.config import Settings
from fink_voevent.filters.discover import Filter, discover
from fink_voevent.ledger import Ledger, Manifest, run_of
from fink_voevent.schema import TABLES
from fink_voevent.storage import open_store

_LOG = logging.getLogger(__name__)
STAGE = "route"
ROWS_AT_ONCE = 50  # packets as Python values, a quarter of a megabyte each
ISO = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"
# Of the pair, what the packet itself says, or what has no meaning to who reads it.
LEFT_OUT = ("magnitude", "band", "packet_file")
SENT = StructType([StructField("topic", StringType()), StructField("n", LongType())])


def coincidence_struct(packet_missing: Column) -> Column:
    """Struct `coincidence` of a packet: strings, longs, doubles and booleans only.

    No leaf is named like a leaf of a Fink schema: filters find columns by leaf name.
    """
    leaves = []
    for column in TABLES["coincidences"]:
        if column.name in LEFT_OUT:
            continue
        value = F.col(column.name)
        if pa.types.is_timestamp(column.type):
            value = F.date_format(value, ISO)
        leaves.append(value.alias(column.name))
    return F.struct(*leaves, packet_missing.alias("packet_missing"))


def trigger_id() -> Column:
    """``<event>_<version>_<alert id>_<status>``, in characters fit for file names."""
    name = F.concat_ws("_", "event_id", "event_version", "alert_id", "status")
    return F.regexp_replace(name, "[^A-Za-z0-9._-]", "-")


def _fink_columns(packets: DataFrame) -> list[Column]:
    """Columns as Fink distributes them: times as text, a null struct as nulls."""
    return [_cast(f.dataType, f.name).alias(f.name) for f in packets.schema]


def _same_path(uri: Column) -> Column:
    """URI without the slashes that Spark writes now once, now three times."""
    return F.regexp_replace(uri, "^([A-Za-z0-9]+:)/+", "$1/")


def _cast(kind: DataType, name: str) -> Column:
    if isinstance(kind, TimestampType):
        return F.col(name).cast("string")
    if isinstance(kind, StructType):
        return F.struct(*[F.col(f"{name}.{leaf}").alias(leaf) for leaf in kind.names])
    return F.col(name)


def packets(pairs: DataFrame, science: DataFrame | None, survey: str) -> DataFrame:
    """Packets of pairs.

    Parameters
    ----------
    pairs : DataFrame
        Coincidences.
    science : DataFrame or None
        Fink's science alerts of the files that the pairs name; None where none is left.
    survey : str

    Returns
    -------
    DataFrame
        One packet a pair. Where the alert is no longer there, the packet has the pair
        only, and `packet_missing` says so.
    """
    if science is None:
        return pairs.select(
            trigger_id().alias("triggerId"),
            coincidence_struct(F.lit(True)).alias("coincidence"),
        )
    key = surveys.packet_key(survey)
    pairs = pairs.withColumn("_file", _same_path(F.col("packet_file")))
    wanted = pairs.select("_file", F.col("alert_id").alias("_key")).distinct()
    alerts = (
        science.select(
            F.struct(*_fink_columns(science)).alias("alert"),
            F.col(key).cast("bigint").alias("_key"),
            _same_path(F.col("_metadata.file_path")).alias("_file"),
        )
        .join(F.broadcast(wanted), ["_file", "_key"], "left_semi")
        .dropDuplicates(["_file", "_key"])
    )
    own = [F.col(f"alert.{c}") for c in science.columns]
    joined = (
        pairs.withColumn("_key", F.col("alert_id"))
        .join(alerts, ["_file", "_key"], "left")
        .withColumn("_trigger", trigger_id())
        .withColumn("_pair", coincidence_struct(F.col("alert").isNull()))
    )
    return joined.select(
        *own, F.col("_trigger").alias("triggerId"), F.col("_pair").alias("coincidence")
    )


def with_topics(df: DataFrame, filters: list[Filter], topics: list[str]) -> DataFrame:
    """Packets and, in `_topics`, the topics whose filter selects each."""
    chosen = []
    for one, topic in zip(filters, topics, strict=True):
        try:
            function, columns = expand_function_from_string(df, one.path)
        except AssertionError as error:  # fink-utils' word for: no such column
            reason = " ".join(str(error).split())
            _LOG.error("filter %s selects nothing here: %s", one.name, reason)
            continue
        wrapped = FinkUDF(function, BooleanType(), one.name, one.description)
        flag = wrapped.for_spark(*columns)
        chosen.append(F.when(flag, F.lit(topic)))
    none = F.lit(None).cast("string")
    return df.withColumn("_topics", F.array_compact(F.array(none, *chosen)))


def topic_names(filters: list[Filter], settings: Settings) -> list[str]:
    """Topic of each filter: prefix, name, and the survey as Fink writes it."""
    suffix = surveys.topic_suffix(settings.survey)
    return [f"{settings.topic_prefix}{one.name}{suffix}" for one in filters]


def send_to_files(
    routed: DataFrame, folder: str, name: str, parallel: int
) -> dict[str, int]:
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
        "_topic", "triggerId"
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
    schema = packet.avro_schema(f for f in first.schema if f.name != "_topic")
    rows = _rows(itertools.chain((first,), batches))
    for topic, group in itertools.groupby(rows, key=lambda row: row.pop("_topic")):
        counted = _Counted(group)
        open_store(f"{folder}/{topic}").write(
            f"{name}.avro",
            lambda out, rows=counted: packet.write(out, schema, rows, name),
        )
        yield pa.RecordBatch.from_pydict({"topic": [topic], "n": [counted.count]})


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        for start in range(0, batch.num_rows, ROWS_AT_ONCE):
            yield from packet.records(batch.slice(start, ROWS_AT_ONCE))


class _Counted:
    """Rows, counted as they go by."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in self._rows:
            self.count += 1
            yield row


def start(spark: SparkSession, settings: Settings) -> StreamingQuery:
    """Start the stage: every manifest of match, once, to the topics."""
    root = settings.root
    source = Ledger(root, night.STAGE)
    source.prepare()
    Ledger(root, STAGE).prepare()
    checkpoint = f"{root}/checkpoints/{STAGE}/{settings.survey}"
    manifests = spark.readStream.option("maxFileAge", ingest.FOREVER).text(
        source.folder
    )
    return (
        manifests.writeStream.foreachBatch(batch_writer(settings, run_of(checkpoint)))
        .queryName("voevent_route")
        .option("checkpointLocation", checkpoint)
        .trigger(processingTime=f"{settings.trigger_s} seconds")
        .start()
    )


def batch_writer(settings: Settings, run: str) -> Callable[[DataFrame, int], None]:
    """Return what `foreachBatch` calls: read the pairs, route, hand over."""
    own = Ledger(settings.root, STAGE)
    filters = discover(settings.filters)
    topics = topic_names(filters, settings)

    def process(lines: DataFrame, batch: int) -> None:
        if own.has(run, batch):
            return
        manifests = [ledger.parse(line.value) for line in lines.collect()]
        fresh = [m for m in manifests if m.tables.get("coincidences")]
        sent: dict[str, int] = {}
        if fresh and filters:
            table = ledger.read(
                lines.sparkSession, settings.root, "coincidences", fresh
            )
            pairs = table.where(F.col("survey") == settings.survey)
            whole = packets(pairs, _science(pairs), settings.survey)
            routed = with_topics(whole, filters, topics)
            folder = f"{settings.root}/topics"
            sent = send_to_files(routed, folder, f"{run}-{batch:08d}", 2)
        facts = {"sent": sent, "manifests": sorted(m.name for m in manifests)}
        own.commit(Manifest(STAGE, run, batch, {}, facts))
        for topic, count in sent.items():
            _LOG.info("route: %d packets to %s", count, topic)

    return process


def _science(pairs: DataFrame) -> DataFrame | None:
    """Fink's alerts of the files that the pairs name, as far as they are there."""
    rows = pairs.select("packet_file").distinct().collect()
    files = sorted(r.packet_file for r in rows)
    there = [f for f in files if _is_there(f)]
    if not there:
        return None
    reader = pairs.sparkSession.read.option("mergeSchema", "true")
    return reader.parquet(*map(unquote, there))  # Spark tells them encoded, reads plain


def _is_there(uri: str) -> bool:
    folder, _, name = uri.rpartition("/")
    return open_store(folder).exists(name)
