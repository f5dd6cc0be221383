# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""All tables, and the schemas that are made from their columns.

The Arrow and Spark schemas, and ``docs/tables.md``, are derived from `TABLES`.
Times are UTC with microseconds; angles are in degrees; probabilities lie in 0-1.
"""

from __future__ import annotations

import uuid
from dataclasses import replace

import pyarrow as pa

from fink_voevent.tables.alerts import ALERTS
from fink_voevent.tables.batches import BATCH, BATCHES
from fink_voevent.tables.candidates import CANDIDATES
from fink_voevent.tables.coincidences import COINCIDENCES
from fink_voevent.tables.column import Column
from fink_voevent.tables.notices import (
    EVENTS,
    LANDING,
    MAPS,
    QUARANTINE,
    READ_NOTICE,
    REGIONS,
)
from fink_voevent.tables.routed import ROUTED
from fink_voevent.tables.sources import SOURCES

# Namespace of all identifiers that this software makes; they are UUIDv5.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://fink-broker.org/fink-voevent")

TABLES: dict[str, tuple[Column, ...]] = {
    "landing": LANDING,
    "documents": LANDING,
    "quarantine": QUARANTINE,
    "events": EVENTS,
    "regions": REGIONS,
    "maps": MAPS,
    "alerts": ALERTS,
    "coincidences": COINCIDENCES,
    "candidates": CANDIDATES,
    "routed": ROUTED,
    "batches": BATCHES,
    "sources": SOURCES,
}
DESCRIPTIONS = {
    "landing": "documents that were received and are not ingested yet: Parquet files",
    "documents": "documents that were ingested, unchanged",
    "quarantine": "documents that could not be read as notices",
    "events": "notices, one row each, without the cells and pixels of their regions",
    "regions": "cells and pixels of the regions of notices and of sky maps",
    "maps": "sky maps that were fetched from the addresses that notices give",
    "alerts": "alerts of the surveys, reduced to what matching needs",
    "coincidences": "pairs of an alert and an event, each with all that happened to it",
    "candidates": "objects that coincide with an event: a row is written whenever one"
    " of their alerts is recorded, and the last row is valid",
    "routed": "coincidences that were sent to topics",
    "batches": "batches of the stages: their input, and that they are done",
    "sources": "periods in which sources of notices were connected, and were not",
}
# Rows that are not stored: a notice with its region, as `read_notice` returns it.
NOTICES = "notices"
# Columns whose values divide a table into folders.
PARTITIONS = {"alerts": ("night",), "sources": ("listener",)}


def declared_columns(table: str) -> tuple[Column, ...]:
    """Return the columns of `table`, or of `NOTICES`."""
    return READ_NOTICE if table == NOTICES else TABLES[table]


def column_names(table: str) -> list[str]:
    """Return the names of the columns of `table`, in order, but for `batch_column`."""
    return [c.name for c in declared_columns(table)]


def arrow_schema(table: str) -> pa.Schema:
    """Return the Arrow schema of the columns of `column_names`."""
    return pa.schema([c.field for c in declared_columns(table)])


def batch_column(table: str) -> str:
    """Return the name of the column with the number of the batch that wrote a row."""
    return "route_batch" if table == "routed" else BATCH.name


def stored_columns(table: str) -> tuple[Column, ...]:
    """Return the columns of `table` as they are stored: with `batch_column`."""
    columns, name = TABLES[table], batch_column(table)
    if table == "landing" or any(column.name == name for column in columns):
        return columns
    # First: delta-rs has no statistics of columns that follow a struct.
    return (replace(BATCH, name=name), *columns)


def stored_schema(table: str) -> pa.Schema:
    """Return the Arrow schema of the columns of `stored_columns`, all nullable."""
    return pa.schema([pa.field(c.name, c.type) for c in stored_columns(table)])


def with_batch(rows: pa.Table, name: str, batch: int) -> pa.Table:
    """Add the number of the batch to rows of a table, as the table stores it."""
    column = batch_column(name)
    if column in rows.column_names:
        return rows
    number = pa.repeat(pa.scalar(batch, pa.int64()), rows.num_rows)
    return rows.append_column(pa.field(column, pa.int64()), number)


def markdown() -> str:
    """Return the text of ``docs/tables.md``."""
    lines = [
        "# Tables",
        "",
        "Made from `fink_voevent/tables/` by `make docs`; do not edit.",
        "All lie under `${ONLINE_DATA_PREFIX}/voevent/`. Times are UTC with"
        " microseconds, angles degrees, probabilities 0–1. All but `landing` are Delta"
        " tables; how to read them says [Read the tables](read-tables.md).",
    ]
    for table in TABLES:
        columns, text = stored_columns(table), DESCRIPTIONS[table]
        lines += ["", f"## {table}", "", f"{text[0].upper()}{text[1:]}.", ""]
        lines += ["| column | type | unit | null | meaning |"]
        lines += ["|---|---|---|---|---|"]
        lines += [
            f"| `{c.name}` | `{c.type}` | {c.unit} | {c.null or 'never'} |"
            f" {c.meaning} |"
            for c in columns
        ]
    return "\n".join(lines) + "\n"
