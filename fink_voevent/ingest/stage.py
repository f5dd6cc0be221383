# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Landing to events: each raw document becomes one event row or one quarantine row.

The same notice, over whatever transports and however often, is one row: the one that
landed first. What cannot be read is kept with the reason and stops nothing.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming import StreamingQuery
from pyspark.sql.types import BinaryType, StructField, StructType

from fink_voevent.config.settings import Settings
from fink_voevent.ingest import parsing
from fink_voevent.notices import streams
from fink_voevent.spark import dataframes
from fink_voevent.spark.dataframes import spark_schema
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.lease import Fence
from fink_voevent.store.ledger import Ledger, Manifest, Written, run_name

_LOG = logging.getLogger(__name__)
STAGE = "ingest"
MAX_FILE_AGE = "36500d"  # Spark forgets files older than this; a week by default
SAME = {"events": "notice_id", "quarantine": "sha256"}  # what makes two rows the same
FILES_AT_ONCE = 48  # landing files of one batch: bounds the memory of a worker
# Landing, and the column in which the handler of 2020 kept the document.
LANDING_SCHEMA = StructType(
    [*spark_schema("landing").fields, StructField("raw_event", BinaryType())]
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


def new_rows(rows: DataFrame, known: DataFrame, key: str) -> DataFrame:
    """Rows that are not known: one for each `key`, the first received.

    Only keys are compared; the rows themselves, long as they are, are not moved.
    """
    order = [F.col(c) for c in (*parsing.RECEPTION, "_row")]
    rows = rows.withColumn("_row", F.monotonically_increasing_id())
    ranked = (
        rows.select(key, *parsing.RECEPTION, "_row")
        .withColumn(
            "_rank", F.row_number().over(Window.partitionBy(key).orderBy(*order))
        )
        .where("_rank = 1")
        .join(known.select(key), key, "left_anti")
        .select("_row")
    )
    return rows.join(F.broadcast(ranked), "_row", "left_semi").drop("_row")


def start(spark: SparkSession, settings: Settings) -> StreamingQuery:
    """Start the stage: landing to events and quarantine, as long as it runs."""
    root = settings.root
    checkpoint = f"{root}/checkpoints/{STAGE}"
    process = batch_writer(settings, run_name(checkpoint))
    landing = f"{root}/landing"
    open_store(landing).create()
    Ledger(root, STAGE).prepare()
    files = (
        spark.readStream.schema(LANDING_SCHEMA)
        .option("recursiveFileLookup", "true")
        .option("maxFileAge", MAX_FILE_AGE)
        .option("maxFilesPerTrigger", FILES_AT_ONCE)
        # not ours, which appear whole; the status line names what is left out
        .option("ignoreCorruptFiles", "true")
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


def batch_writer(
    settings: Settings, run: str, level: int = logging.INFO
) -> Callable[[DataFrame, int], None]:
    """Return what `foreachBatch` calls: parse, write, hand over; once for a batch.

    What it did is logged at `level`.
    """
    ledger, fence = Ledger(settings.root, STAGE), Fence.take(settings.root, STAGE)
    registry = dataclasses.replace(
        streams.load(settings.streams),
        our_authority=streams.authority(settings.local_ivo),
    )

    def process(landed: DataFrame, batch: int) -> None:
        fence.check()
        if ledger.has(run, batch):
            return
        spark = landed.sparkSession
        earlier = [m for m in ledger.manifests() if (m.run, m.batch) != (run, batch)]
        staging = ledger.data_folder("staging", run, batch)
        open_store(staging).remove()  # what a batch that was killed left
        parsing.parse_to_files(landed, registry, staging)
        written = {}
        for table, key in SAME.items():
            known = dataframes.read(spark, ledger.root, table, earlier)
            place = Place(ledger, table, run, batch)
            written[table] = _hand_over(place, f"{staging}/{table}", known, key)
        open_store(staging).remove()
        facts = {
            "documents": sum(w.documents for w in written.values()),
            **{table: w.kept.rows for table, w in written.items()},
        }
        tables = {table: w.kept.files for table, w in written.items()}
        fence.check()
        ledger.commit(Manifest(STAGE, run, batch, tables, facts))
        _LOG.log(
            level,
            "ingest: %(documents)d documents, %(events)d new events,"
            " %(quarantine)d to quarantine",
            facts,
        )

    return process


class Place(NamedTuple):
    """Where the rows of a table go."""

    ledger: Ledger
    table: str
    run: str
    batch: int


class HandedOver(NamedTuple):
    """Documents read, and what was kept of them."""

    documents: int
    kept: Written


def _hand_over(place: Place, staged: str, known: DataFrame, key: str) -> HandedOver:
    """Move the staged rows of a table into place, without those that are known.

    Nearly always all are new, and their files are moved as they are; else the new rows
    are written again.
    """
    ledger, *where = place
    store = open_store(staged)
    total = sum(store.row_count(name) for name in store.names(".parquet"))
    if not total:
        return HandedOver(0, ledger.adopt(store, *where))
    rows = known.sparkSession.read.schema(spark_schema(place.table)).parquet(staged)
    new = rows.select(key).distinct().join(known, key, "left_anti").count()
    if new == total:
        return HandedOver(total, ledger.adopt(store, *where))
    return HandedOver(total, ledger.write(new_rows(rows, known, key), *where))
