# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Notices from files: written to a scratch folder as if they had landed, and parsed."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError, NoticeError
from fink_voevent.events import versions
from fink_voevent.events.current import CurrentEvents
from fink_voevent.events.event_state import States
from fink_voevent.events.notice import Rules
from fink_voevent.events.reading import SCALARS, cell_arrays, rules_of
from fink_voevent.ingest import parsing, skymaps
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.ingest.duplicates import keep_new
from fink_voevent.ingest.reader import Converted, Reader
from fink_voevent.listen import landing
from fink_voevent.listen.files import FileDocument, documents
from fink_voevent.listen.spool import sha256
from fink_voevent.notices import streams
from fink_voevent.notices.formats import detect_format
from fink_voevent.spark.dataframes import spark_schema
from fink_voevent.store.batches import FIRST
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import arrow_schema
from fink_voevent.tables.times import microseconds

_LOG = logging.getLogger(__name__)
BATCH = 1000


@dataclass(frozen=True)
class ReadNotices:
    """Notices of files, and their regions.

    Parameters
    ----------
    documents, notices : int
        Documents that were read, and notices among them, each once.
    current : CurrentEvents
        Of all notices.
    """

    documents: int
    notices: int
    current: CurrentEvents
    _regions: DataFrame
    _rules: Rules

    def rows(self, states: States) -> DataFrame:
        """Rows of events, as `versions.latest` returns them."""
        rows = self.current.rows(list(states.values()))
        spark = self._regions.sparkSession
        return versions.as_dataframe(spark, rows, self._regions, self._rules)


def read_notices(
    spark: SparkSession, settings: Settings, paths: Iterable[str], scratch: Path
) -> ReadNotices:
    """Read the notices of files.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
        `streams`, `skymap_hosts` and all that decides what is matched.
    paths : iterable of str
        Files, folders, tar archives or landing folders.
    scratch : Path
        Local folder that outlives the result.

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
    maps = _maps(events, hosts, scratch) if hosts else None
    rules = rules_of(settings)

    def cells_of(region_ids: Collection[str]) -> Mapping[str, npt.NDArray[np.int64]]:
        table = _staged(scratch, "regions", ["region_id", "cells"])
        chosen = table.filter(pc.field("region_id").isin(list(region_ids)))
        return cell_arrays(chosen)

    current = CurrentEvents(rules, cells_of)
    current.add(events, maps)
    return ReadNotices(count, len(events), current, _regions(spark, scratch), rules)


def _staged(scratch: Path, table: str, columns: Sequence[str]) -> pa.Table:
    """Columns of the files of a table in the scratch folder."""
    store = open_store(str(scratch / "staging" / table))
    parts = [store.read_table(name, columns) for name in store.names(".parquet")]
    schema = arrow_schema(table)
    nothing = pa.schema([schema.field(c).with_nullable(True) for c in columns])
    return pa.concat_tables([nothing.empty_table(), *parts], promote_options="default")


def _regions(spark: SparkSession, scratch: Path) -> DataFrame:
    """Rows of the table regions."""
    folder = scratch / "staging" / "regions"
    schema = spark_schema("regions")
    if not folder.exists():
        return spark.createDataFrame([], schema)
    return spark.read.schema(schema).parquet(folder.as_uri())


def _maps(events: pa.Table, hosts: Sequence[str], scratch: Path) -> pa.Table:
    """Rows of the table maps of the sky maps that events give by address only.

    Their regions are written to the scratch folder.
    """
    is_missing = (
        pc.field("skymap_url").is_valid() & ~pc.field("skymap_sha256").is_valid()
    )
    urls = sorted(set(events.filter(is_missing)["skymap_url"].to_pylist()))
    with Reader(streams.load()) as reader:
        found = [rows for url in urls if (rows := _fetched(url, hosts, reader))]
    if found:
        regions = pa.Table.from_batches([rows["regions"] for rows in found])
        open_store(str(scratch / "staging" / "regions")).write(
            "maps.parquet", lambda stream: pq.write_table(regions, stream)
        )
    return pa.Table.from_batches(
        [rows["maps"] for rows in found], arrow_schema(skymaps.TABLE)
    )


def _fetched(url: str, hosts: Sequence[str], reader: Reader) -> Converted | None:
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


def _events(spark: SparkSession, settings: Settings, scratch: Path) -> pa.Table:
    """Parse what has landed in the scratch folder; return the notices, each once.

    Their regions stay in files. They have no source: the files are the operator's own.
    """
    landing_files = (scratch / "landing").as_uri()  # local, whatever Spark's default is
    files = spark.read.schema(ingest_stage.LANDING_SCHEMA).parquet(landing_files)
    cores = spark.sparkContext.defaultParallelism
    landed = ingest_stage.documents(files).repartition(cores)
    staging = (scratch / "staging").as_uri()
    parsing.parse_to_files(landed, streams.load(settings.streams), staging, FIRST)
    for table in ("events", "regions"):
        keep_new(open_store(f"{staging}/{table}"), table, ())
    rows = _staged(scratch, "events", SCALARS)
    nobody = pa.nulls(rows.num_rows, pa.string())
    return rows.set_column(rows.column_names.index("source"), "source", nobody)
