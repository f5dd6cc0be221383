# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Parse documents in Spark's workers, into files of events and of quarantine."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Iterable, Iterator
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyspark import TaskContext
from pyspark.sql import DataFrame

from fink_voevent.ingest.attempts import Attempts
from fink_voevent.ingest.conversion import joined
from fink_voevent.ingest.reader import Converted, Reader
from fink_voevent.notices import streams
from fink_voevent.notices.times import EARLIEST, LATEST
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import arrow_schema, with_batch

GROUP_DOCUMENTS, GROUP_BYTES = 64, 2**20  # largest group that is parsed together
FILE_BYTES = 64 * 2**20  # of the rows in a file that a worker writes, in memory
# Documents that Spark gives to a worker at once: each may have 16 MB.
ROWS_AT_ONCE = 32
_ROWS_OPTION = "spark.sql.execution.arrow.maxRecordsPerBatch"


def parse_to_files(
    landed: DataFrame,
    registry: streams.Registry,
    folder: str,
    batch: int,
    attempts: Attempts | None = None,
) -> None:
    """Parse documents into Parquet files below a folder.

    Each worker writes its own files, with Arrow: for nested rows of about a hundred
    values, Spark's writer takes as long as the parsing. A task that runs again replaces
    its files.

    Parameters
    ----------
    landed : DataFrame
        Columns of the table ``landing``.
    registry : Registry
        The streams.
    folder : str
        Path or URI that the workers reach. Its subfolders ``documents``, ``events`` and
        ``quarantine`` receive rows of the tables of these names, as they are stored.
    batch : int
        Number of the batch, which the rows have.
    attempts : Attempts, optional
        Given if an earlier attempt at these documents ended the process: each document
        is then read alone, and recorded before.
    """
    parse = partial(_parse_partition, registry, folder, batch, attempts)
    conf = landed.sparkSession.conf
    usual = conf.get(_ROWS_OPTION)
    conf.set(_ROWS_OPTION, ROWS_AT_ONCE)
    try:
        landed.mapInArrow(parse, "n bigint").collect()
    finally:
        conf.set(_ROWS_OPTION, usual)


def _parse_partition(
    registry: streams.Registry,
    folder: str,
    batch: int,
    attempts: Attempts | None,
    batches: Iterator[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    number = TaskContext.get().partitionId()
    reader = _worker_reader(pickle.dumps(registry))
    read = reader.convert if attempts is None else partial(attempts.convert, reader)
    size = GROUP_DOCUMENTS if attempts is None else 1
    files = part_bytes = 0
    parts: list[Converted] = []
    for group in _groups(batches, size):
        parts.append({"documents": group, **read(group)})
        part_bytes += sum(rows.nbytes for rows in parts[-1].values())
        if part_bytes > FILE_BYTES:
            _write(parts, folder, batch, f"part-{number:05d}-{files:05d}.parquet")
            files, part_bytes, parts = files + 1, 0, []
    if parts:
        _write(parts, folder, batch, f"part-{number:05d}-{files:05d}.parquet")
    yield from ()


@functools.lru_cache(maxsize=1)
def _worker_reader(registry: bytes) -> Reader:
    """Return the reader of this worker: Spark uses a worker for many tasks.

    The process of a reader ends with the worker.
    """
    return Reader(pickle.loads(registry))  # noqa: S301 - from `_parse_partition`


def parse_batch(
    batch: pa.RecordBatch, registry: streams.Registry
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield the rows of a batch of documents, with the name of their table.

    Parameters
    ----------
    batch : RecordBatch
        Columns of the table ``landing``.
    registry : Registry
        The streams.

    Yields
    ------
    str, RecordBatch
        ``events`` or ``quarantine``, and rows with the columns of that table.
    """
    with Reader(registry) as reader:
        for group in _groups([batch], GROUP_DOCUMENTS):
            yield from reader.convert(group).items()


def _write(parts: list[Converted], folder: str, batch: int, name: str) -> None:
    """Write the rows of each table to a file, if there are any."""
    for table in parts[0]:
        rows = pa.Table.from_batches([part[table] for part in parts])
        content = with_batch(rows, table, batch)
        if content.num_rows:
            open_store(f"{folder}/{table}").write(
                name, lambda stream, content=content: pq.write_table(content, stream)
            )


def _groups(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.RecordBatch]:
    """Divide documents into small groups, so that their parsed trees fit in memory.

    Parameters
    ----------
    batches : iterable of RecordBatch
        Columns of the table ``landing``, times in any unit.
    size : int
        Largest number of documents in a group; a group has at most `GROUP_BYTES` too,
        or a single document.
    """
    schema = arrow_schema("landing")
    group: list[pa.RecordBatch] = []
    rows = group_bytes = 0
    for batch in batches:
        table = _usable(pa.Table.from_batches([batch]).cast(schema))
        for part in table.to_batches():
            lengths = pc.binary_length(part["raw"]).to_pylist()
            first = 0
            for row, length in enumerate(lengths):
                if rows and (rows == size or group_bytes + length > GROUP_BYTES):
                    group.append(part.slice(first, row - first))
                    yield joined(group)
                    group, rows, group_bytes, first = [], 0, 0, row
                rows, group_bytes = rows + 1, group_bytes + length
            group.append(part.slice(first))
    if rows:
        yield joined(group)


def _usable(landed: pa.Table) -> pa.Table:
    """Return documents with texts in UTF-8 and times from 1900 to 2200.

    Files of other programs may have any bytes as a text and any number as a time, which
    neither Python nor those who read our tables could use.
    """
    column = landed.schema.get_field_index("received_at")
    field = landed.schema.field(column)
    # as integers, because Arrow compares no times element by element
    earliest, latest = pa.array([EARLIEST, LATEST], field.type).cast(pa.int64())
    times = pc.max_element_wise(landed[column].cast(pa.int64()), earliest)
    times = pc.min_element_wise(times, latest).cast(field.type)
    landed = landed.set_column(column, field, times)
    try:
        landed.validate(full=True)
    except pa.ArrowInvalid:  # a text is not UTF-8
        for i, field in enumerate(landed.schema):
            if pa.types.is_string(field.type):
                texts = landed[i].cast(pa.binary()).to_pylist()
                read = [
                    None if t is None else t.decode(errors="replace") for t in texts
                ]
                landed = landed.set_column(i, field, pa.array(read, field.type))
    return landed
