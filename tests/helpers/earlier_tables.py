# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Tables as an earlier version has written them, from those of today."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fink_voevent.store.batches import FIRST, BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.tables.notices import REGION_COLUMNS
from fink_voevent.tables.schema import batch_column, stored_schema

START_S = 1.7e9  # times of the manifests, which say their order


def write_earlier(tables: Tables, root: Path) -> None:
    """Write all that is in tables to a new root, as the earlier version did."""
    regions = {
        row["region_id"]: row
        for row in tables.arrow("regions", ["region_id", "cells", "pixels"]).to_pylist()
    }
    written = {
        "ingest": ("events", "quarantine"),
        "maps": ("maps",),
        "match": ("alerts", "coincidences"),
        "route": ("routed",),
    }
    clock = 0
    for stage, names in written.items():
        log = BatchLog(tables, stage)
        for number, facts in enumerate(log.facts()):
            run = f"map-{number}" if stage == "maps" else uuid.uuid4().hex
            files = {
                name: _write(root, name, _rows(tables, name, number, regions), run)
                for name in names
            }
            content: dict[str, Any] = {"run": run, "tables": files, "facts": facts}
            if stage == "match":
                facts |= {"event_files": [], "span_us": None}
            if stage == "route":
                facts["manifests"] = _sent(log, number)
            folder = "ingest" if stage == "maps" else stage
            name = f"{run}-{0 if stage == 'maps' else number:08d}.json"
            if stage == "match":
                name = f"match-{number:08d}.json"
            content |= {"stage": folder, "batch": number}
            clock += 1
            _write_manifest(root / "ledger" / folder / name, content, clock)
    (root / "checkpoints" / "match").mkdir(parents=True)


# Columns that no table had then: who has sent a notice.
LATER_COLUMNS = ("publisher", "source", "notice_source")


def _sent(log: BatchLog, number: int) -> list[str]:
    """Names of the manifests of match that a batch of route has sent."""
    first = log.planned(number - 1).input.until["match"] + 1 if number else FIRST
    last = log.planned(number).input.until["match"]
    return [f"match-{batch:08d}.json" for batch in range(first, last + 1)]


def _rows(tables: Tables, name: str, number: int, regions: dict) -> pa.Table:
    column = batch_column(name)
    columns = stored_schema(name).names
    rows = tables.arrow(name, columns, pc.field(column) == number)
    if name != "coincidences":
        rows = rows.drop_columns([column])
    if name in ("events", "coincidences", "routed"):
        rows = rows.drop_columns([c for c in LATER_COLUMNS if c in rows.column_names])
    if name not in ("events", "maps"):
        return rows
    found = [
        regions.get(region) or {"cells": None, "pixels": None}
        for region in rows["region_id"].to_pylist()
    ]
    for column in ("cells", "pixels"):
        kind = stored_schema("regions").field(column).type
        values = pa.array([row[column] for row in found], kind)
        rows = rows.append_column(column, values)
    return rows.drop_columns(list(REGION_COLUMNS))


def _write(root: Path, name: str, rows: pa.Table, run: str) -> list[str]:
    if not rows.num_rows:
        return []
    file = Path(name, f"run={run}", "part.parquet")
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, root / file)
    return [str(file)]


def _write_manifest(path: Path, content: dict[str, Any], clock: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    os.utime(path, (START_S + clock, START_S + clock))
