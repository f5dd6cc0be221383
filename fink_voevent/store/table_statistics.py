# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Statistics of the Parquet files of tables, as the log of a Delta table has them.

Readers use them to leave out files without rows that they want.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pyarrow.parquet as pq

from fink_voevent.store.filesystem import Store
from fink_voevent.tables.schema import batch_column

# Columns of which each file has the smallest and the largest value in the log; of other
# tables, the number of the batch.
_COLUMNS = {
    "alerts": ("batch", "alert_time", "hpx29"),
    "coincidences": ("batch", "alert_time"),
    "candidates": ("batch", "event_time"),
}
# Statistics of times are in milliseconds, and delta-rs cuts off what is smaller.
TIME_MARGIN_US = 1000


def columns_of(name: str) -> tuple[str, ...]:
    """Return the columns of a table that have statistics."""
    return _COLUMNS.get(name, (batch_column(name),))


def read_statistics(name: str, staged: Store, path: str) -> tuple[int, str]:
    """Return the number of rows of a Parquet file, and its statistics for the log."""
    footer = staged.footer(path)
    lowest: dict[str, Any] = {}
    highest: dict[str, Any] = {}
    for column in columns_of(name):
        edges = _edges(footer, column)
        if edges is not None:
            lowest[column], highest[column] = map(_json_value, edges)
    text = json.dumps(
        {
            "numRecords": footer.num_rows,
            "minValues": lowest,
            "maxValues": highest,
            "nullCount": dict.fromkeys(lowest, 0),
        }
    )
    return footer.num_rows, text


def _edges(footer: pq.FileMetaData, column: str) -> tuple[Any, Any] | None:
    """Return the smallest and the largest value of a column; None if not known."""
    position = footer.schema.names.index(column)
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    statistics = [group.column(position).statistics for group in groups]
    if not statistics or any(s is None or not s.has_min_max for s in statistics):
        return None
    return min(s.min for s in statistics), max(s.max for s in statistics)


def _json_value(value: Any) -> Any:
    if isinstance(value, datetime):
        utc = value.astimezone(timezone.utc) if value.tzinfo else value
        return utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value
