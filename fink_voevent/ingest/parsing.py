# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Parse documents in Spark's workers, into rows of events or of quarantine."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark import TaskContext
from pyspark.sql import DataFrame

from fink_voevent.errors import NoticeError
from fink_voevent.notices import streams
from fink_voevent.notices.normalisation import normalise_all
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import arrow_schema

# Reason in quarantine of a document that we published ourselves.
OWN = "sent by us: its authority is that of VOEVENT_LOCAL_IVO"
GROUP_DOCUMENTS, GROUP_BYTES = 64, 2**20  # largest group that is parsed together
RECEPTION = ("received_at", "transport")  # columns of events that landing gives


def parse_to_files(landed: DataFrame, registry: streams.Registry, folder: str) -> None:
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
        Path or URI that the workers reach. Its subfolders ``events`` and
        ``quarantine`` receive rows with the columns of the tables of these names.
    """
    landed.mapInArrow(partial(_parse_partition, registry, folder), "n bigint").collect()


def _parse_partition(
    registry: streams.Registry, folder: str, batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    rows: dict[str, list[pa.RecordBatch]] = {"events": [], "quarantine": []}
    for batch in batches:
        for table, part in parse_batch(batch, registry):
            rows[table].append(part)
    number = TaskContext.get().partitionId()
    for table, parts in rows.items():
        content = pa.Table.from_batches(parts, arrow_schema(table))
        if content.num_rows:
            open_store(f"{folder}/{table}").write(
                f"part-{number:05d}.parquet",
                lambda stream, content=content: pq.write_table(content, stream),
            )
    yield from ()


def parse_batch(
    batch: pa.RecordBatch, registry: streams.Registry
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yield the rows of a batch of documents, with the name of their table.

    Python's cyclic garbage collector is disabled meanwhile: it would traverse the
    thousands of dicts of each document again and again, which have no cycles.

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
    gc.disable()
    try:
        for group in _groups(batch.to_pylist()):
            for table, rows in _parse(group, registry).items():
                yield (
                    table,
                    pa.RecordBatch.from_pylist(rows, schema=arrow_schema(table)),
                )
    finally:
        gc.enable()


def _parse(
    group: list[dict[str, Any]], registry: streams.Registry
) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {"events": [], "quarantine": []}
    parsed = normalise_all([landed["raw"] for landed in group], registry)
    for landed, row in zip(group, parsed, strict=True):
        if isinstance(row, NoticeError):
            rows["quarantine"].append({**landed, "reason": str(row)})
        elif registry.is_ours(row["ivorn"]):  # or we would answer our own VOEvents
            rows["quarantine"].append({**landed, "reason": OWN})
        else:
            rows["events"].append(row | {c: landed[c] for c in RECEPTION})
    return rows


def _groups(rows: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Divide rows into small groups, so that their parsed documents fit in memory."""
    group: list[dict[str, Any]] = []
    group_bytes = 0
    for row in rows:
        size = len(row["raw"])
        if group and (
            group_bytes + size > GROUP_BYTES or len(group) == GROUP_DOCUMENTS
        ):
            yield group
            group, group_bytes = [], 0
        group.append(row)
        group_bytes += size
    if group:
        yield group
