# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The ingest stage: each document becomes one row of events or of quarantine.

A notice that is received more than once, over any transports, is one row: that of the
document received first. A document that cannot be read goes to quarantine, with the
reason, and does not stop the stage.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Sequence

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming import StreamingQuery
from pyspark.sql.types import BinaryType, StructField, StructType

from fink_voevent.config.settings import Settings
from fink_voevent.ingest import parsing
from fink_voevent.ingest.attempts import Attempts
from fink_voevent.ingest.conversion import RECEPTION
from fink_voevent.notices import streams
from fink_voevent.spark import dataframes
from fink_voevent.spark.dataframes import spark_schema
from fink_voevent.spark.queries import start_stage, stream_files
from fink_voevent.spark.unreadable import without_unreadable
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.lease import Fence
from fink_voevent.store.ledger import Ledger, Manifest, run_name
from fink_voevent.store.unread import UnreadFiles

_LOG = logging.getLogger(__name__)
STAGE = "ingest"
KEYS = {"events": "notice_id", "quarantine": "sha256"}  # the same in equal rows
MAX_FILES = 48  # landing files in a batch, which limits the memory of a worker
# Columns of landing, and the column of the document in files of the handler of 2020.
LANDING_SCHEMA = StructType(
    [*spark_schema("landing").fields, StructField("raw_event", BinaryType())]
)


def documents(files: DataFrame) -> DataFrame:
    """Return the documents of landing files.

    Parameters
    ----------
    files : DataFrame
        Columns of `LANDING_SCHEMA`, read from files; all but one of ``raw`` and
        ``raw_event`` may be null, as in the files of the handler of 2020.

    Returns
    -------
    DataFrame
        Columns of the table ``landing``; rows without a document are left out.
    """
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
    """Return the rows whose key is not known: the first received of each key.

    Only keys are compared and shuffled, not the rows, which are long.

    Parameters
    ----------
    rows : DataFrame
        Needs `key`, ``received_at`` and ``transport``.
    known : DataFrame
        Needs `key`.
    key : str
        Name of a column.

    Returns
    -------
    DataFrame
        Columns of `rows`.
    """
    order = [F.col(c) for c in (*RECEPTION, "_row")]
    rows = rows.withColumn("_row", F.monotonically_increasing_id())
    ranked = (
        rows.select(key, *RECEPTION, "_row")
        .withColumn(
            "_rank", F.row_number().over(Window.partitionBy(key).orderBy(*order))
        )
        .where("_rank = 1")
        .join(known.select(key), key, "left_anti")
        .select("_row")
    )
    return rows.join(F.broadcast(ranked), "_row", "left_semi").drop("_row")


def start(spark: SparkSession, settings: Settings) -> StreamingQuery:
    """Start the query that reads landing and writes events and quarantine."""
    root = settings.root
    checkpoint = f"{root}/checkpoints/{STAGE}"
    process = batch_writer(settings, run_name(checkpoint))
    landing = f"{root}/landing"
    open_store(landing).create()
    Ledger(root, STAGE).prepare()
    files = stream_files(spark, landing, MAX_FILES)
    return start_stage("voevent_ingest", files, process, checkpoint, settings)


def batch_writer(
    settings: Settings, run: str, level: int = logging.INFO
) -> Callable[[DataFrame, int], None]:
    """Return the function for `foreachBatch`: it parses, writes and commits a batch.

    A batch that was committed before is skipped.

    Parameters
    ----------
    settings : Settings
    run : str
        Name of the run: see `ledger.run_name`.
    level : int, optional
        Level at which the numbers of rows of each batch are logged.

    Returns
    -------
    callable
        Takes a DataFrame with the column `path`, files with the columns of
        `LANDING_SCHEMA`, and the number of the batch. Files that cannot be read are
        left out, and tried again in later batches: see `UnreadFiles`.
    """
    unread = UnreadFiles(settings.root, STAGE)
    ledger, fence = Ledger(settings.root, STAGE), Fence.take(settings.root, STAGE)
    registry = dataclasses.replace(
        streams.load(settings.streams),
        our_authority=streams.authority(settings.local_ivo),
    )

    def process(files: DataFrame, batch: int) -> None:
        fence.check()
        if ledger.has(run, batch):
            return
        spark = files.sparkSession
        earlier = [m for m in ledger.manifests() if (m.run, m.batch) != (run, batch)]
        staging = ledger.data_folder("staging", run, batch)
        attempts = Attempts(ledger.data_folder("attempts", run, batch))
        is_repeated = attempts.begin()

        def read(paths: Sequence[str]) -> DataFrame:
            return documents(spark.read.schema(LANDING_SCHEMA).parquet(*paths))

        def parse(paths: Sequence[str]) -> None:
            open_store(staging).remove()  # in case the batch was interrupted before
            if paths:
                recorded = attempts if is_repeated else None
                parsing.parse_to_files(read(paths), registry, staging, recorded)

        paths = [row.path for row in files.collect()]
        was_read = without_unreadable(paths, read, parse, unread)
        attempts.end()
        count_all, tables, new = 0, {}, {}
        for table, key in KEYS.items():
            staged = open_store(f"{staging}/{table}")
            count = sum(staged.row_count(name) for name in staged.names(".parquet"))
            known = dataframes.read(spark, ledger.root, table, earlier)
            rows = _new_if_not_all(known, table, key, count, f"{staging}/{table}")
            if rows is None:
                written = ledger.adopt(staged, table, run, batch)
            else:
                written = ledger.write(rows, table, run, batch)
            count_all += count
            tables[table], new[table] = written.files, written.rows
        open_store(staging).remove()
        facts = {"documents": count_all, **new}
        fence.check()
        ledger.commit(Manifest(STAGE, run, batch, tables, facts))
        unread.remove(was_read)
        _LOG.log(
            level,
            "ingest: %(documents)d documents, %(events)d new events,"
            " %(quarantine)d new in quarantine",
            facts,
        )

    return process


def _new_if_not_all(
    known: DataFrame, table: str, key: str, count: int, staged: str
) -> DataFrame | None:
    """Return the new rows among staged rows; None if all of them are new.

    Nearly always all are new: then their files are moved, and not written again.

    Parameters
    ----------
    known : DataFrame
        Rows of the table that were committed before; needs `key`.
    table, key : str
        Name of the table and of its key: see `KEYS`.
    count : int
        Number of staged rows.
    staged : str
        Folder of the staged rows.
    """
    if not count:
        return None
    rows = known.sparkSession.read.schema(spark_schema(table)).parquet(staged)
    new = rows.select(key).distinct().join(known, key, "left_anti").count()
    return None if new == count else new_rows(rows, known, key)
