# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Rows that are committed to the tables as a stage does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from fink_voevent.store.batches import BatchLog, Input
from fink_voevent.store.delta import Tables
from fink_voevent.tables.schema import arrow_schema


def rows_of(table: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return rows of a table; columns that a row lacks are null."""
    fields = [field.with_nullable(True) for field in arrow_schema(table)]
    return pa.Table.from_pylist(list(rows), schema=pa.schema(fields))


def commit(
    root: str,
    stage: str,
    facts: Mapping[str, Any] | None = None,
    planned: Input | None = None,
    **tables: Sequence[Mapping[str, Any]] | pa.Table,
) -> int:
    """Commit a batch of a stage, with rows by table; return its number."""
    log = BatchLog(Tables(root), stage)
    batch = log.plan(planned or Input())
    for name, rows in tables.items():
        table = rows if isinstance(rows, pa.Table) else rows_of(name, rows)
        log.tables.append_rows(name, table, stage, batch.number)
    log.finish(batch, facts or {})
    return batch.number
