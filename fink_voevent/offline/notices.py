# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Notices from files: written to a scratch folder as if they had landed, and parsed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError, NoticeError
from fink_voevent.events import versions
from fink_voevent.events.cache import tenses, with_maps, with_window_and_cap
from fink_voevent.ingest import parsing, skymaps
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.ingest.reader import Reader
from fink_voevent.listen import landing
from fink_voevent.listen.files import FileDocument, documents
from fink_voevent.listen.spool import sha256
from fink_voevent.notices import streams
from fink_voevent.notices.formats import detect_format
from fink_voevent.spark.dataframes import spark_schema
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import arrow_schema
from fink_voevent.tables.times import microseconds

_LOG = logging.getLogger(__name__)
BATCH = 1000


def read_notices(
    spark: SparkSession, settings: Settings, paths: Iterable[str], scratch: Path
) -> tuple[int, DataFrame]:
    """Read the notices of files.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
        `streams` and `skymap_hosts` are used.
    paths : iterable of str
        Files, folders, tar archives or landing folders.
    scratch : Path
        Local folder that outlives the DataFrame.

    Returns
    -------
    int
        Number of documents.
    DataFrame
        Columns of the table events, each notice once; persisted.

    Raises
    ------
    InputError
        If there is no document at the paths.
    """
    count = _land(documents(paths), scratch / "landing")
    if not count:
        raise InputError("no notice found at the paths given")
    events = _events(spark, settings, scratch)
    hosts = skymaps.allowed_hosts(settings)
    if hosts:
        events = _with_maps(events, hosts, scratch / "maps.parquet")
    return count, events.persist()


def live_of(events: DataFrame, settings: Settings) -> DataFrame:
    """Return the current notice of each event, as `versions.latest` does.

    Windows and caps are those of the settings.
    """
    return with_window_and_cap(versions.latest(events, tenses(settings)), settings)


def _with_maps(events: DataFrame, hosts: Sequence[str], path: Path) -> DataFrame:
    """Events with the sky maps that they give by address only, fetched."""
    lacking = events.where("skymap_url IS NOT NULL AND skymap_sha256 IS NULL")
    urls = sorted(
        r.skymap_url for r in lacking.select("skymap_url").distinct().collect()
    )
    with Reader(streams.load()) as reader:
        rows = [row for url in urls if (row := _fetched(url, hosts, reader))]
    pq.write_table(pa.Table.from_batches(rows, arrow_schema(skymaps.TABLE)), path)
    reader = events.sparkSession.read.schema(spark_schema(skymaps.TABLE))
    return with_maps(events, reader.parquet(path.as_uri()))


def _fetched(url: str, hosts: Sequence[str], reader: Reader) -> pa.RecordBatch | None:
    try:
        return skymaps.fetch_map(url, hosts, reader.read_map)
    except (InputError, NoticeError) as error:
        _LOG.warning("no sky map: %s", error)
        return None


def _land(found: Iterable[FileDocument], folder: Path) -> int:
    """Write documents as landing files of `BATCH` each; return how many they are."""
    count = 0
    store = open_store(str(folder))
    for number, batch in enumerate(_batches(found)):
        rows = [
            (
                microseconds(d.received_at),
                "file",
                d.name,
                detect_format(d.raw),
                sha256(d.raw),
                d.raw,
            )
            for d in batch
        ]
        content = landing.landing_table(rows)
        store.write(
            f"{number:06d}.parquet",
            lambda stream, content=content: pq.write_table(content, stream),  # type: ignore[misc]
        )
        count += len(rows)
    return count


def _batches(found: Iterable[FileDocument]) -> Iterator[list[FileDocument]]:
    batch: list[FileDocument] = []
    for document in found:
        batch.append(document)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _events(spark: SparkSession, settings: Settings, scratch: Path) -> DataFrame:
    landing_files = (scratch / "landing").as_uri()  # local, whatever Spark's default is
    files = spark.read.schema(ingest_stage.LANDING_SCHEMA).parquet(landing_files)
    cores = spark.sparkContext.defaultParallelism
    landed = ingest_stage.documents(files).repartition(cores)
    staging = (scratch / "staging").as_uri()
    parsing.parse_to_files(landed, streams.load(settings.streams), staging)
    schema = spark_schema("events")
    nothing = spark.createDataFrame([], schema)
    if not (scratch / "staging" / "events").exists():
        return nothing
    rows = spark.read.schema(schema).parquet(f"{staging}/events")
    return ingest_stage.new_rows(rows, nothing, "notice_id")
