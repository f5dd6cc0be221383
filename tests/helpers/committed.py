# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Rows in the tables of the services, without the services."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from helpers.landed import landed

from fink_voevent.ingest.conversion import convert
from fink_voevent.store.batches import BatchLog, Input
from fink_voevent.store.delta import Tables


def commit(root: str, stage: str, tables: dict[str, pa.Table], *, is_done: bool = True):
    """Commit a batch of a stage, as the services do."""
    written = Tables(root)
    log = BatchLog(written, stage)
    batch = log.plan(Input())
    for name, rows in tables.items():
        if "batch" in rows.column_names:
            number = pa.array([batch.number] * rows.num_rows, pa.int64())
            index = rows.column_names.index("batch")
            rows = rows.set_column(index, "batch", number)
        written.append_rows(name, rows, stage, batch.number)
    if is_done:
        log.finish(batch, {})


def commit_notices(root: str, registry, notices: list[str], **how) -> None:
    rows, _ = convert(landed(*[Path(p).read_bytes() for p in notices]), registry)
    tables = {"events": rows.events, "regions": rows.regions}
    found = {name: pa.Table.from_batches([part]) for name, part in tables.items()}
    nobody = pa.nulls(found["events"].num_rows, pa.string())  # the operator's own
    number = found["events"].column_names.index("source")
    found["events"] = found["events"].set_column(number, "source", nobody)
    commit(root, "ingest", found, **how)
