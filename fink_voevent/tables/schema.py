# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""All tables, and the schemas that are made from their columns.

The Arrow and Spark schemas, and ``docs/tables.md``, are derived from `TABLES`.
Times are UTC with microseconds; angles are in degrees; probabilities lie in 0-1.
"""

from __future__ import annotations

import uuid

import pyarrow as pa

from fink_voevent.tables.alerts import ALERTS
from fink_voevent.tables.coincidences import COINCIDENCES, ROUTED
from fink_voevent.tables.column import Column
from fink_voevent.tables.notices import EVENTS, LANDING, MAPS, QUARANTINE

# Namespace of all identifiers that this software makes; they are UUIDv5.
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://fink-broker.org/fink-voevent")

TABLES: dict[str, tuple[Column, ...]] = {
    "landing": LANDING,
    "quarantine": QUARANTINE,
    "events": EVENTS,
    "alerts": ALERTS,
    "coincidences": COINCIDENCES,
    "routed": ROUTED,
    "maps": MAPS,
}


def column_names(table: str) -> list[str]:
    """Return the names of the columns of `table`, in order."""
    return [c.name for c in TABLES[table]]


def arrow_schema(table: str) -> pa.Schema:
    """Return the Arrow schema of `table`."""
    return pa.schema([c.field for c in TABLES[table]])


def markdown() -> str:
    """Return the text of ``docs/tables.md``."""
    lines = [
        "# Tables",
        "",
        "Made from `fink_voevent/tables/` by `make docs`; do not edit.",
        "All lie under `${ONLINE_DATA_PREFIX}/voevent/`. Times are UTC with"
        " microseconds, angles degrees, probabilities 0–1.",
    ]
    for table, columns in TABLES.items():
        lines += ["", f"## {table}", "", "| column | type | unit | null | meaning |"]
        lines += ["|---|---|---|---|---|"]
        lines += [
            f"| `{c.name}` | `{c.type}` | {c.unit} | {c.null or 'never'} |"
            f" {c.meaning} |"
            for c in columns
        ]
    return "\n".join(lines) + "\n"
