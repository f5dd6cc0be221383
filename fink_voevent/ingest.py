# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Landing to events: each raw document becomes one event row or one quarantine row.

The same notice, over whatever transports and however often, is one row: the one that
landed first. What cannot be read is kept with the reason and stops nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.streaming import StreamingQuery
from pyspark.sql.types import BinaryType, StructField, StructType

from fink_voevent import streams
from fink_voevent.config import Settings
from fink_voevent.errors import NoticeError
from fink_voevent.flat import flat_schema, flatten, nest
from fink_voevent.ledger import Ledger, Manifest, read, run_of
from fink_voevent.notice import normalise
from fink_voevent.schema import EVENTS, LANDING, names, spark_schema

_LOG = logging.getLogger(__name__)
STAGE = "ingest"
FOREVER = "36500d"  # Spark forgets files older than this; a week by default
RECEPTION = ("received_at", "transport")
# Landing, and the column in which the handler of 2020 kept the document.
LANDING_FILES = StructType(
    [*spark_schema("landing").fields, StructField("raw_event", BinaryType())]
)
PARSED = pa.schema(
    [pa.field(c.name, c.type) for c in EVENTS]
    + [pa.field(c.name, c.type) for c in LANDING if c.name in ("source", "format")]
    + [pa.field("raw", pa.binary()), pa.field("reason", pa.string())]
)


def documents(files: DataFrame) -> DataFrame:
    """Landing columns of landing files, those of the 2020 handler among them."""
    raw = F.coalesce("raw", "raw_event")
    path, modified = "_metadata.file_path", "_metadata.file_modification_time"
    return files.select(
        F.coalesce("received_at", modified).alias("received_at"),
        F.coalesce("transport", F.lit("file")).alias("transport"),
        F.coalesce("source", path).alias("source"),
        F.coalesce("format", F.lit("voevent")).alias("format"),
        F.coalesce("sha256", F.sha2(raw, 256)).alias("sha256"),
        raw.alias("raw"),
    ).where(F.col("raw").isNotNull())


def parse(landed: DataFrame, registry: streams.Registry) -> DataFrame:
    """Parse documents: event columns, or the reason and the document itself.

    Parameters
    ----------
    landed : DataFrame
        Landing columns.
    registry : Registry
        The streams.

    Returns
    -------
    DataFrame
        Columns `PARSED`; `reason` is null for an event, and only then the event's
        columns are set.
    """
    flat = from_arrow_schema(flat_schema(PARSED))
    return nest(landed.mapInArrow(partial(_parse_batches, registry), flat), PARSED)


def _parse_batches(
    registry: streams.Registry, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        rows = [_parsed_row(row, registry) for row in batch.to_pylist()]
        yield flatten(pa.RecordBatch.from_pylist(rows, schema=PARSED))


def _parsed_row(row: dict[str, Any], registry: streams.Registry) -> dict[str, Any]:
    try:
        parsed = normalise(row["raw"], registry)
    except NoticeError as error:
        return {**row, "reason": str(error)}
    return parsed | {name: row[name] for name in RECEPTION}


def new_events(parsed: DataFrame, known: DataFrame) -> DataFrame:
    """Events of a batch that are not known: one row a notice, the first received."""
    events = parsed.where("reason IS NULL").select(names("events"))
    return (
        _first_of(events, "notice_id")
        .join(known.select("notice_id"), "notice_id", "left_anti")
        .select(names("events"))
    )


def new_quarantine(parsed: DataFrame, known: DataFrame) -> DataFrame:
    """Unreadable documents of a batch that are not known, one row for the bytes."""
    refused = parsed.where("reason IS NOT NULL").select(names("quarantine"))
    return (
        _first_of(refused, "sha256")
        .join(known.select("sha256"), "sha256", "left_anti")
        .select(names("quarantine"))
    )


def _first_of(df: DataFrame, key: str) -> DataFrame:
    order: list[Column] = [F.col(c) for c in (*RECEPTION, "sha256")]
    window = Window.partitionBy(key).orderBy(*order)
    ranked = df.withColumn("_rank", F.row_number().over(window))
    return ranked.where("_rank = 1").drop("_rank")


def start(spark: SparkSession, settings: Settings) -> StreamingQuery:
    """Start the stage: landing to events and quarantine, as long as it runs."""
    root = settings.root
    checkpoint = f"{root}/checkpoints/{STAGE}"
    process = batch_writer(
        Ledger(root, STAGE), run_of(checkpoint), streams.load(settings.streams)
    )
    landing = f"{root}/landing"
    _make_folder(landing)
    Ledger(root, STAGE).prepare()
    files = (
        spark.readStream.schema(LANDING_FILES)
        .option("recursiveFileLookup", "true")
        .option("maxFileAge", FOREVER)
        .parquet(landing)
    )
    return (
        documents(files)
        .writeStream.foreachBatch(process)
        .queryName("voevent_ingest")
        .option("checkpointLocation", checkpoint)
        .trigger(processingTime=f"{settings.trigger_s} seconds")
        .start()
    )


def _make_folder(location: str) -> None:
    from fink_voevent.storage import open_store

    store = open_store(location)
    store.filesystem.create_dir(store.path, recursive=True)


def batch_writer(
    ledger: Ledger, run: str, registry: streams.Registry
) -> Callable[[DataFrame, int], None]:
    """Return what `foreachBatch` calls: parse, write, hand over; once for a batch."""

    def process(landed: DataFrame, batch: int) -> None:
        if ledger.has(run, batch):
            return
        spark = landed.sparkSession
        earlier = [m for m in ledger.manifests() if (m.run, m.batch) != (run, batch)]
        parsed = parse(landed, registry).persist()
        try:
            known = read(spark, ledger.root, "events", earlier)
            events = ledger.write(
                new_events(parsed, known).coalesce(1), "events", run, batch
            )
            kept = read(spark, ledger.root, "quarantine", earlier)
            quarantine = ledger.write(
                new_quarantine(parsed, kept).coalesce(1), "quarantine", run, batch
            )
            total = parsed.count()
        finally:
            parsed.unpersist()
        facts = {
            "documents": total,
            "events": events.rows,
            "quarantine": quarantine.rows,
        }
        tables = {"events": events.files, "quarantine": quarantine.files}
        ledger.commit(Manifest(STAGE, run, batch, tables, facts))
        _LOG.info(
            "ingest: %(documents)d documents, %(events)d new events,"
            " %(quarantine)d to quarantine",
            facts,
        )

    return process
