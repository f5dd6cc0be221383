# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Rows of the tables events and maps, with the columns of the size of their region."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa

from fink_voevent.events.current import CurrentEvents
from fink_voevent.events.event_state import EventState
from fink_voevent.events.notice import Rules
from fink_voevent.sky.region_size import LevelPixels, region_size
from fink_voevent.tables.schema import arrow_schema, stored_schema


class Cells:
    """Cells by region, and which of them were read.

    Parameters
    ----------
    rows : collection of dict
        Rows of the tables events and maps.
    """

    def __init__(self, rows: Collection[dict]) -> None:
        self._cells = {
            region_id(row): cell_array(row) for row in rows if row["cells"] is not None
        }
        self.was_read: list[str] = []

    def __call__(self, regions: Collection[str]) -> dict[str, np.ndarray]:
        self.was_read += regions
        return {region: self._cells[region] for region in regions}


def current_events(
    notices: list[dict], maps: Collection[dict] = (), rules: Rules | None = None
) -> CurrentEvents:
    """Return no events yet, which know the cells of these notices and maps."""
    return CurrentEvents(rules or Rules(("observation",)), Cells([*notices, *maps]))


def table(rows: list[dict], name: str = "events") -> pa.Table:
    """Return rows of a table, with the columns of regions."""
    schema = pa.schema([f.with_nullable(True) for f in arrow_schema(name)])
    found = [row | _region_columns(row) for row in rows]
    return pa.Table.from_pylist(found, schema=schema)


def stored(name: str, rows: Collection[dict]) -> pa.Table:
    """Return rows of a table without regions, as it is stored."""
    return pa.Table.from_pylist(list(rows), schema=stored_schema(name))


def region_id(row: dict) -> str:
    """Return the key of the region of a notice or of a fetched map."""
    return f"region of {row.get('notice_id') or row['skymap_url']}"


def cell_array(row: dict) -> np.ndarray:
    """Return the cells of a row, shape (n, 2)."""
    cells = [(c["lo"], c["hi"]) for c in row["cells"]]
    return np.array(cells, np.int64).reshape(-1, 2)


def pixel_arrays(row: dict) -> LevelPixels | None:
    """Return the pixels of a row."""
    if row.get("pixels") is None:
        return None
    types = {"lo": np.int64, "hi": np.int64, "level": np.float64}
    return LevelPixels(
        *[np.array([p[n] for p in row["pixels"]], t) for n, t in types.items()]
    )


def _region_columns(row: dict) -> dict:
    if row["cells"] is None:
        return {}
    size = region_size(cell_array(row), pixel_arrays(row))
    return {
        "region_id": region_id(row),
        "region_rows": size.rows,
        "region_sky": size.sky,
        "region_areas": size.areas,
    }


def facts(state: EventState) -> tuple:
    """Return what `spark_versions.summarise` finds of an event, in the same order."""
    map_id = None if state.region is None else state.region.map_id
    related = state.related_event_ids
    return (
        (
            *(state.notice_id, state.event_time_us, map_id),
            None if related is None else list(related),
        ),
        state.window if state.is_matchable else None,
        state.region.rows if state.is_matchable else (),
        state.sky if state.is_matchable else 0,
        state.is_capped,
        state.window if state.awaits_map else None,
    )
