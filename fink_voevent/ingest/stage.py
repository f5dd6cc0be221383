# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The ingest stage: each document becomes one row of events or of quarantine.

A notice that is received more than once, over any transports, is one row of events:
that of the document received first; of each other source, one row of copies. The table
trust says which source may speak for which publisher. A document that cannot be read
goes to quarantine, with the reason, and does not stop the stage. All documents are kept
in the table documents, as they were received; then the files of landing that the
listener has written are removed.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import BinaryType, StructField, StructType

from fink_voevent.config.addresses import PARQUET
from fink_voevent.config.settings import Settings
from fink_voevent.ingest import parsing
from fink_voevent.ingest import trust as trust_table
from fink_voevent.ingest.attempts import Attempts
from fink_voevent.ingest.duplicates import COPIES, KEYS, copies, keep_new
from fink_voevent.ingest.trust import TrustTable
from fink_voevent.listen.landing import is_ours
from fink_voevent.notices import streams
from fink_voevent.spark.dataframes import spark_schema
from fink_voevent.spark.queries import FileStream
from fink_voevent.spark.unreadable import without_unreadable
from fink_voevent.store import upkeep
from fink_voevent.store.batches import FIRST, Batch, BatchLog, FileSource, Input
from fink_voevent.store.delta import Tables, clean_staging, staging_folder
from fink_voevent.store.filesystem import Store, open_store
from fink_voevent.store.unread import UnreadFiles, due
from fink_voevent.tables.schema import column_names, with_batch

_LOG = logging.getLogger(__name__)
STAGE = "ingest"
TABLES = ("documents", "regions", "events", COPIES, trust_table.TABLE, "quarantine")
MAX_FILES = 48  # landing files in a batch, which limits the memory of a worker
# A file that is written again under its name, after a crash of the listener, is not
# found by the stream: so often all files of landing are listed.
LIST_S = 60.0
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


def of_others(found: DataFrame) -> DataFrame:
    """Return documents of a file of another program: what it says of itself is its own.

    Parameters
    ----------
    found : DataFrame
        Columns of the table ``landing``.
    """
    return found.withColumn("transport", F.lit(PARQUET))


def start(
    spark: SparkSession, settings: Settings, wake: Callable[[], Any] = lambda: None
) -> IngestStage:
    """Start the stage: find the files of landing, and those that come.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
    wake : callable, optional
        Called after files were found.
    """
    landing = f"{settings.root}/landing"
    open_store(landing).create()
    files = FileStream(spark, "voevent_ingest", landing, settings.trigger_s, wake)
    try:
        return IngestStage(spark, settings, files)
    except BaseException:
        files.stop()
        raise


class IngestStage:
    """The stage, batch by batch: see `store.batches.Stage`.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
    files : FileSource
        Files of landing.
    level : int, optional
        Level at which the numbers of rows of each batch are logged.
    """

    def __init__(
        self,
        spark: SparkSession,
        settings: Settings,
        files: FileSource,
        level: int = logging.INFO,
    ) -> None:
        self._spark, self._settings, self.files = spark, settings, files
        self._level = level
        self._tables = Tables(settings.root)
        self.log = BatchLog(self._tables, STAGE)
        self._landing = open_store(settings.root).subfolder("landing")
        self._unread = UnreadFiles(settings.root, STAGE)
        self._registry = dataclasses.replace(
            streams.load(settings.streams),
            our_authority=streams.authority(settings.local_ivo),
        )
        clean_staging(settings.root, STAGE)
        self._known = {t: set(self._keys(t)) for t in ("events", "quarantine")}
        self._known["regions"] = self._known["events"]  # of a notice, by its name
        self._carried = self._sources_of_notices(FIRST, self.log.last_done())
        self._trust = self._read_trust()
        self._waiting: dict[str, None] = {}  # files, in order
        # Files that were processed and are not removed: those of other programs.
        self._processed = {f for f in self.log.all_files() if not is_ours(f)}
        self._listed_at_s = time.monotonic()
        if self.log.last_done() >= FIRST:  # an earlier process may not have done this
            self._remove(self.log.planned(self.log.last_done()))

    def _remove(self, batch: Batch) -> None:
        """Remove the files of a batch that is done, if they are ours and were read."""
        unread = {file.path for file in self._unread.files()}
        for file in batch.input.files:
            self._waiting.pop(file, None)
            if file in unread:
                continue
            if is_ours(file):
                self._landing.delete(file.rpartition("/")[2])
            else:
                self._processed.add(file)

    def _keys(self, table: str) -> list[str]:
        last = self.log.last_done()
        column = KEYS[table]
        keys: list[str] = self._tables.rows_of(table, [column], 0, last)[
            column
        ].to_pylist()
        return keys

    def _sources_of_notices(self, first: int, last: int) -> set[tuple[str, str]]:
        """Return the notices of some batches, each with its sources."""
        columns = ["notice_id", "source"]
        found: set[tuple[str, str]] = set()
        for table in ("events", COPIES):
            rows = self._tables.rows_of(table, columns, first, last)
            found.update(zip(*(rows[c].to_pylist() for c in columns), strict=True))
        return found

    def _read_trust(self) -> TrustTable:
        """Read the table trust, and decide again if settings have changed."""
        return TrustTable.read(
            self._tables,
            self.log.last_done(),
            self._registry.publishers,
            self._settings.sources,
        )

    def next_input(self) -> Input | None:
        """Return the files of the next batch; none if only a setting has changed."""
        unread = self._unread.files()
        left_out = {file.path.rpartition("/")[2] for file in unread}
        new = self.files.take()
        if not (new or self._waiting):
            new = self._list_again()
        again = due(unread)
        found = [f for f in new if f.rpartition("/")[2] not in left_out] + again
        self._waiting |= dict.fromkeys(f for f in found if f not in self._processed)
        # A stream that was started while files were removed may have found some.
        for file in [f for f in self._waiting if is_ours(f) and f not in again]:
            if not self._exists(file):
                del self._waiting[file]
        chosen = tuple(list(self._waiting)[:MAX_FILES])
        return Input(chosen) if chosen or self._trust.changed else None

    def _list_again(self) -> list[str]:
        """Return our files of landing, if they were not listed for some time."""
        if time.monotonic() < self._listed_at_s + LIST_S:
            return []
        self._listed_at_s = time.monotonic()
        folder = f"{self._settings.root}/landing"
        files = [f"{folder}/{name}" for name in self._landing.names(".parquet")]
        return [file for file in files if is_ours(file)]

    def _exists(self, file: str) -> bool:
        return self._landing.exists(file.rpartition("/")[2])

    def process(self, batch: Batch) -> Mapping[str, Any]:
        """Parse the documents of a batch, and commit the rows of all tables.

        Files that cannot be read are left out, and tried again later: see
        `UnreadFiles`.
        """
        number = batch.number
        staging = staging_folder(self._settings.root, STAGE)
        attempts = Attempts(f"{self._settings.root}/attempts/{STAGE}/{number:09d}")
        is_repeated = attempts.begin()

        def read(paths: Sequence[str]) -> DataFrame:
            ours = [path for path in paths if is_ours(path)]
            others = [path for path in paths if not is_ours(path)]
            if not others:
                return self._documents(ours)
            found = of_others(self._documents(others))
            return found.unionByName(self._documents(ours)) if ours else found

        def parse(paths: Sequence[str]) -> None:
            open_store(staging).remove()  # of a try with files that cannot be read
            if paths:
                recorded = attempts if is_repeated else None
                parsing.parse_to_files(
                    read(paths), self._registry, staging, number, recorded
                )

        try:
            was_read = without_unreadable(batch.input.files, read, parse, self._unread)
            attempts.end()
            events = open_store(f"{staging}/events")
            added = {
                COPIES: copies(events, self._known["events"], self._carried),
                trust_table.TABLE: self._trust.rows(events),
            }
            facts = {}
            for table in TABLES:
                staged = open_store(f"{staging}/{table}")
                if table in added:
                    _stage_rows(staged, table, added[table], number)
                keep_new(staged, table, self._known.get(table, ()))
                facts[table] = self._tables.append(table, staged, STAGE, number).rows
        finally:
            open_store(staging).remove()
        self._unread.remove(was_read)
        return facts

    def _documents(self, paths: Sequence[str]) -> DataFrame:
        return documents(self._spark.read.schema(LANDING_SCHEMA).parquet(*paths))

    def finished(self, batch: Batch, facts: Mapping[str, Any]) -> None:
        """Remove the files of landing, and log what was done."""
        column = KEYS["quarantine"]
        rows = self._tables.rows_of("quarantine", [column], batch.number, batch.number)
        self._known["quarantine"].update(rows[column].to_pylist())
        carried = self._sources_of_notices(batch.number, batch.number)
        self._known["events"].update(notice_id for notice_id, _ in carried)
        self._carried |= carried
        if facts.get(trust_table.TABLE):
            self._note_trust(batch.number)
        self._remove(batch)
        for table in TABLES:
            upkeep.compact_if_due(self._tables, table)
        _LOG.log(
            self._level,
            "ingest: %(documents)d documents, %(events)d new events,"
            " %(quarantine)d new in quarantine",
            facts,
        )

    def _note_trust(self, number: int) -> None:
        """Keep the decisions of a batch in mind, and log them."""
        columns = column_names(trust_table.TABLE)
        rows = self._tables.rows_of(trust_table.TABLE, columns, number, number)
        self._trust.committed(rows.to_pylist())
        for is_warning, text in trust_table.messages(rows, self._trust.trust):
            _LOG.log(logging.WARNING if is_warning else self._level, "ingest: %s", text)


def _stage_rows(staged: Store, table: str, rows: pa.Table, batch: int) -> None:
    """Write rows to a file of a staging folder, if there are any."""
    if rows.num_rows:
        numbered = with_batch(rows, table, batch)
        staged.write("rows.parquet", lambda stream: pq.write_table(numbered, stream))
