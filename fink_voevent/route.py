# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Coincidences to topics: the alert as Fink distributes it, the pair beside it.

All filters are boolean columns of one select. A packet is the alert's own packet, with
one struct `coincidence` and the top-level `triggerId`. A withdrawal or retraction has
the numbers last recorded of the pair that it takes back, and is filtered by them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from urllib.parse import unquote

import pyarrow as pa
from fink_utils.spark.utils import FinkUDF, expand_function_from_string
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming import StreamingQuery
from pyspark.sql.types import (
    BooleanType,
    DataType,
    StructType,
    TimestampType,
)

from fink_voevent import (
    avro_files,
    heartbeat,
    ingest,
    kafka,
    ledger,
    night,
    surveys,
)
from fink_voevent.filters.discover import Filter, discover
from fink_voevent.ledger import Ledger, Manifest, run_of
from fink_voevent.schema import TABLES
from fink_voevent.settings import Settings
from fink_voevent.storage import open_store

_LOG = logging.getLogger(__name__)
STAGE = "route"
ISO = "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'"
# Of the pair, what the packet itself says, or what has no meaning to who reads it.
LEGACY = ("grb_bronze", "grb_silver", "grb_gold", "gw_bronze")  # fink-mm's topics
LEFT_OUT = ("magnitude", "band", "packet_file")


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
            *[value.alias(name) for name, value in surveys.identity(survey).items()],
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
    told = surveys.identity(survey)
    own = [
        F.coalesce(f"alert.{c}", told[c]).alias(c) if c in told else F.col(f"alert.{c}")
        for c in science.columns
    ]
    joined = (
        pairs.withColumn("_key", F.col("alert_id"))
        .join(alerts, ["_file", "_key"], "left")
        .withColumn("_trigger", trigger_id())
        .withColumn("_pair", coincidence_struct(F.col("alert").isNull()))
    )
    return joined.select(
        *own, F.col("_trigger").alias("triggerId"), F.col("_pair").alias("coincidence")
    )


def with_topics(df: DataFrame, routes: Sequence[tuple[Filter, str]]) -> DataFrame:
    """Packets and, in `_topics`, the topics whose filter selects each.

    Parameters
    ----------
    df : DataFrame
        Packets.
    routes : sequence of (Filter, str)
        Filters, and the topic to which each leads.
    """
    chosen = []
    for one, topic in routes:
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


def routes(settings: Settings) -> list[tuple[Filter, str]]:
    """List filters with their topics: prefix, name, and the survey as Fink writes it.

    With `legacy_topics`, those whose packets fink-client knows by name go there too.
    """
    filters = discover(settings.filters)
    suffix = surveys.topic_suffix(settings.survey)
    own = [(one, f"{settings.topic_prefix}{one.name}{suffix}") for one in filters]
    if not settings.legacy_topics:
        return own
    return own + [(one, f"fink_{one.name}") for one in filters if one.name in LEGACY]


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
    ways = routes(settings)
    send = _sender(settings, run, [topic for _, topic in ways])

    def process(lines: DataFrame, batch: int) -> None:
        if own.has(run, batch):
            return
        manifests = [ledger.parse(line.value) for line in lines.collect()]
        fresh = [m for m in manifests if m.tables.get("coincidences")]
        sent: dict[str, int] = {}
        if fresh and ways:
            table = ledger.read(
                lines.sparkSession, settings.root, "coincidences", fresh
            )
            pairs = table.where(F.col("survey") == settings.survey)
            whole = packets(pairs, science(pairs), settings.survey)
            sent = send(with_topics(whole, ways), batch)
        facts = {"sent": sent, "manifests": sorted(m.name for m in manifests)}
        own.commit(Manifest(STAGE, run, batch, {}, facts))
        for topic, count in sent.items():
            _LOG.info("route: %d packets to %s", count, topic)

    return process


def _sender(
    settings: Settings, run: str, topics: list[str]
) -> Callable[[DataFrame, int], dict[str, int]]:
    """Return what sends the packets of a batch: to Kafka if set, else to files."""
    if not settings.kafka_servers:
        folder = f"{settings.root}/topics"
        return lambda df, batch: avro_files.send(df, folder, f"{run}-{batch:08d}", 2)
    brokers = kafka.Brokers.of(settings)
    batches = f"{settings.topic_prefix}voevent_batches_{settings.survey}"
    brokers.create([*topics, heartbeat.topic_of(settings)])
    brokers.create([batches], 1)
    return lambda df, batch: kafka.Delivery(brokers, batches, run, batch).send(df)


def science(pairs: DataFrame) -> DataFrame | None:
    """Read Fink's alerts of the files that the pairs name, as far as they are there."""
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
