# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The streaming queries of the stages: what they read, and how they are started."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import StreamingQuery
from pyspark.sql.types import (
    BinaryType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from fink_voevent.config.settings import Settings
from fink_voevent.store.ledger import Ledger

# Spark ignores files that are older than this: a week by default.
MAX_FILE_AGE = "36500d"
# Columns of Spark's format binaryFile, which it does not infer for a stream.
_BINARY_FILE = StructType(
    [
        StructField("path", StringType()),
        StructField("modificationTime", TimestampType()),
        StructField("length", LongType()),
        StructField("content", BinaryType()),
    ]
)


def stream_files(
    spark: SparkSession, folder: str, max_files: int | None = None
) -> DataFrame:
    """Read the names of the Parquet files of a folder as a stream.

    The files themselves are not opened, so that none of them can end the query: its
    batches read them.

    Parameters
    ----------
    spark : SparkSession
    folder : str
        Path or URI; the folders below it are included.
    max_files : int, optional
        Largest number of files in a batch; by default all that have appeared.

    Returns
    -------
    DataFrame
        One row a file, with its URI in the column `path`.
    """
    reader = (
        spark.readStream.format("binaryFile")
        .schema(_BINARY_FILE)
        .option("recursiveFileLookup", "true")
        .option("pathGlobFilter", "*.parquet")
        .option("maxFileAge", MAX_FILE_AGE)
    )
    if max_files is not None:
        reader = reader.option("maxFilesPerTrigger", max_files)
    return reader.load(folder).select("path")


def stream_manifests(
    spark: SparkSession, ledger: Ledger, max_files: int | None = None
) -> DataFrame:
    """Read the manifests of a stage as a stream.

    Parameters
    ----------
    spark : SparkSession
    ledger : Ledger
        Its folder is made if it does not exist.
    max_files : int, optional
        Largest number of manifests in a batch; by default all that have appeared.

    Returns
    -------
    DataFrame
        One row a manifest, with its line of JSON in the column `value`.
    """
    ledger.prepare()
    reader = spark.readStream.option("maxFileAge", MAX_FILE_AGE)
    if max_files is not None:
        reader = reader.option("maxFilesPerTrigger", max_files)
    return reader.text(ledger.folder)


def start_stage(
    name: str,
    rows: DataFrame,
    process: Callable[[DataFrame, int], None],
    checkpoint: str,
    settings: Settings,
    **trigger: Any,
) -> StreamingQuery:
    """Start the query of a stage.

    Parameters
    ----------
    name : str
        Name of the query.
    rows : DataFrame
        The stream.
    process : callable
        Called with the rows and the number of each batch.
    checkpoint : str
        Folder in which Spark records what belongs to which batch.
    settings : Settings
    **trigger
        Arguments of Spark's `trigger`; by default a batch every `trigger_s` seconds.
    """
    return (
        rows.writeStream.foreachBatch(process)
        .queryName(name)
        .option("checkpointLocation", checkpoint)
        .trigger(**(trigger or {"processingTime": f"{settings.trigger_s} seconds"}))
        .start()
    )
