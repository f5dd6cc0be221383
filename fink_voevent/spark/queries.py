# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Find the files that other programs write, by a Spark stream of their names."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from pyspark.errors import StreamingQueryException
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

from fink_voevent.spark.scratch import Scratch

# Spark ignores files that are older than this: a week by default.
MAX_FILE_AGE = "36500d"
# Spark keeps the names of all files of a stream, in memory and in its checkpoint: after
# so many a new stream is started.
MOST_FILES = 20_000
# Columns of Spark's format binaryFile, which it does not infer for a stream.
_BINARY_FILE = StructType(
    [
        StructField("path", StringType()),
        StructField("modificationTime", TimestampType()),
        StructField("length", LongType()),
        StructField("content", BinaryType()),
    ]
)


class FileStream:
    """A Spark stream of the names of the Parquet files of a folder.

    If a Spark stream has written the folder, as Fink does, the files are those that its
    log names (``_spark_metadata``). The files themselves are not opened, so that none
    of them can end the query.

    The stream remembers nothing from one process to the next: its checkpoint is a local
    folder that is removed at the end, or by the next process. Which files were
    processed is in the table `batches`, and nowhere else.

    Parameters
    ----------
    spark : SparkSession
    name : str
        Name of the query.
    folder : str
        Path or URI; the folders below it are included.
    interval_s : float
        Interval between two looks at the folder.
    wake : callable
        Called after files were found, in a thread of Spark.
    """

    def __init__(
        self,
        spark: SparkSession,
        name: str,
        folder: str,
        interval_s: float,
        wake: Callable[[], Any],
    ) -> None:
        self._spark, self._name, self._folder = spark, name, folder
        self._interval_s, self._wake = interval_s, wake
        self._lock = threading.Lock()
        self._found: list[str] = []
        self._count = 0
        self._query, self._scratch = self._start()

    def take(self) -> list[str]:
        """Return the URIs of the files that were found since the last call.

        After `MOST_FILES` the stream is started again, and all files of the folder are
        found again.
        """
        with self._lock:
            found, self._found = self._found, []
            self._count += len(found)
        if self._count > MOST_FILES and self._count > 2 * len(found):
            self.stop()
            self._count = 0
            self._query, self._scratch = self._start()
        return found

    def wait_for_all(self) -> None:
        """Wait until all files that exist now are found."""
        self._query.processAllAvailable()

    def exception(self) -> StreamingQueryException | None:
        """Return the error that has ended the stream; None if it is running."""
        return self._query.exception()

    def stop(self) -> None:
        """Stop the stream and remove its checkpoint."""
        self._query.stop()
        self._scratch.remove()

    def _start(self) -> tuple[StreamingQuery, Scratch]:
        scratch = Scratch()
        files = (
            self._spark.readStream.format("binaryFile")
            .schema(_BINARY_FILE)
            .option("recursiveFileLookup", "true")
            .option("pathGlobFilter", "*.parquet")
            .option("maxFileAge", MAX_FILE_AGE)
            .load(self._folder)
            .select("path")
        )
        query = (
            files.writeStream.foreachBatch(self._add)
            .queryName(self._name)
            .option("checkpointLocation", (scratch.path / "checkpoint").as_uri())
            .trigger(processingTime=f"{self._interval_s} seconds")
            .start()
        )
        return query, scratch

    def _add(self, files: DataFrame, _number: int) -> None:
        names = [row.path for row in files.collect()]
        with self._lock:
            self._found += names
        self._wake()
