# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The current events as match needs them: states of all, rows and regions of some.

The scalars of all notices are in memory. Regions, with their cells and pixels, are read
only of the events that can match the alerts of a batch, or that its notices change. So
a batch takes the same time after years of notices.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession

from fink_voevent.config.settings import Settings
from fink_voevent.events import event_state, regions, versions
from fink_voevent.events.current import CurrentEvents
from fink_voevent.events.event_state import Changes, States
from fink_voevent.events.notice import MAP_COLUMNS
from fink_voevent.events.reading import (
    SCALARS,
    cell_arrays,
    copies_and_trust,
    rules_of,
)
from fink_voevent.events.regions import RegionTables
from fink_voevent.spark import dataframes
from fink_voevent.store.batches import FIRST
from fink_voevent.store.delta import Tables
from fink_voevent.tables.coincidences import PAIR_EVENT_COLUMNS
from fink_voevent.tables.times import TimeRange

REGIONS = "regions"


@dataclass(frozen=True)
class Until:
    """How much of the notices is known: the last batch of each kind that is read.

    Parameters
    ----------
    ingest, maps : int
        Numbers of batches of ingest, and of sky maps that were fetched; -1 for none.
    """

    ingest: int = FIRST - 1
    maps: int = FIRST - 1


class Near(NamedTuple):
    """Events that can be matched in a range of time, in memory.

    Parameters
    ----------
    rows : DataFrame
        Rows of `versions.latest`.
    tables : RegionTables
        Their regions.
    """

    rows: DataFrame
    tables: RegionTables


class EventCache:
    """The current events of batches of ingest and of sky maps.

    Parameters
    ----------
    spark : SparkSession
    tables : Tables
    settings : Settings

    Attributes
    ----------
    current : CurrentEvents
    until : Until
        The last batches that it has.
    """

    def __init__(self, spark: SparkSession, tables: Tables, settings: Settings) -> None:
        self._spark, self._tables = spark, tables
        self._rules = rules_of(settings)
        # Batches that have written regions: of notices, and of maps.
        self._batches: dict[str, int] = {}
        self.current = CurrentEvents(self._rules, self._cells)
        self.until = Until()
        self._near: dict[tuple[TimeRange, int], Near] = {}

    def advance(self, until: Until) -> Changes:
        """Add the notices and sky maps of batches; return the events that change.

        Raises
        ------
        StorageError
            If the tables cannot be read; the object cannot be used any more.
        """
        if until == self.until:
            return Changes({}, {})
        first, last = self.until.ingest + 1, until.ingest
        notices = self._tables.rows_of("events", [*SCALARS, "batch"], first, last)
        copies, trust = copies_and_trust(self._tables, first, last)
        first, last = self.until.maps + 1, until.maps
        maps = self._tables.rows_of("maps", [*MAP_COLUMNS, "batch"], first, last)
        for rows in (notices, maps):
            placed = rows.filter(pc.field("region_id").is_valid())
            names = placed["region_id"].to_pylist()
            self._batches |= zip(names, placed["batch"].to_pylist(), strict=True)
        self._forget_near()
        self.until = until
        return self.current.add(notices, maps, copies, trust)

    def rows(self, states: States) -> DataFrame:
        """Rows of events, as `versions.latest` returns them.

        Parameters
        ----------
        states : States
            As they are now, or were before the last notices were added.
        """
        rows = self.current.rows(list(states.values()))
        wanted = pc.unique(rows["region_id"]).drop_null().to_pylist()
        found = self._read(wanted)
        return versions.as_dataframe(self._spark, rows, found, self._rules)

    def near(self, span: TimeRange, states: States, cell_order: int) -> Near:
        """Rows and regions of events, kept in memory: a night's batches share them.

        Parameters
        ----------
        span : TimeRange
        states : States
            The events that can be matched in this range of time.
        cell_order : int
            HEALPix order of the pre-selection; 0 to choose it.
        """
        order = event_state.order(states, cell_order)
        if (span, order) not in self._near:
            self._forget_near()
            rows = self.rows(states).persist()
            tables = regions.region_tables(
                rows, PAIR_EVENT_COLUMNS, order, self._rules.credible_level
            )
            self._near[span, order] = Near(rows, tables.persist())
        return self._near[span, order]

    def _forget_near(self) -> None:
        while self._near:
            near = self._near.popitem()[1]
            near.tables.unpersist()
            near.rows.unpersist()

    def _read(self, region_ids: Sequence[str]) -> DataFrame:
        """Rows of the table regions; those of others may be among them."""
        batches = [self._batches[region] for region in region_ids]
        files = self._tables.files_with(REGIONS, batches) if batches else []
        found = dataframes.read_stored(self._spark, self._tables, REGIONS, files)
        if batches:
            first, last = min(batches), max(batches)
            found = found.where(dataframes.within_batches("batch", first, last))
        return found.drop("batch")

    def _cells(
        self, region_ids: Collection[str]
    ) -> Mapping[str, npt.NDArray[np.int64]]:
        """Cells of regions, without Spark: see `overlap.CellsOf`."""
        batches = pa.array({self._batches[region] for region in region_ids})
        where = pc.field("batch").isin(batches) & pc.field("region_id").isin(
            list(region_ids)
        )
        return cell_arrays(self._tables.arrow(REGIONS, ["region_id", "cells"], where))
