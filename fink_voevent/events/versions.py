# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The current notice of each event, and its region, as a DataFrame to match with.

What is current is decided on the driver: see `current`. The cells and pixels of the
regions stay in Spark.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from fink_voevent.events import area_cap, regions
from fink_voevent.events.current import CurrentEvents
from fink_voevent.events.event_state import States
from fink_voevent.events.notice import NOTICE_COLUMNS, Rules
from fink_voevent.sky.region_size import ORDERS
from fink_voevent.tables.coincidences import EVENT_COLUMNS
from fink_voevent.tables.schema import arrow_schema

# Columns of `latest` by which the notices of one event are ordered.
ORDER = ("event_version", "event_issued", "notice_received_at", "notice_id")
# Columns of the table events that `CurrentEvents` needs.
SCALARS = tuple(
    dict.fromkeys((*NOTICE_COLUMNS, *EVENT_COLUMNS.values(), "classification"))
)
MANY = 200  # so many names of events are joined, instead of listed in an expression


def current_events(notices: DataFrame, rules: Rules) -> CurrentEvents:
    """Find the current events of notices.

    Parameters
    ----------
    notices : DataFrame
        Notices of any version, in any order: with the columns of `NOTICES` (see
        `tables.schema`) that are in `SCALARS`, and `cells` and `pixels`. Their regions
        are named by `notice_id`.
    rules : Rules

    Returns
    -------
    CurrentEvents
        With all of these notices.
    """
    described = notices.withColumns(_region_columns()).select(*SCALARS)
    rows = _arrow(
        described, pa.schema([arrow_schema("events").field(c) for c in SCALARS])
    )

    def cells_of(region_ids: Collection[str]) -> Mapping[str, npt.NDArray[np.int64]]:
        chosen = notices.where(F.col("notice_id").isin(*region_ids))
        found = chosen.dropDuplicates(["notice_id"]).select("notice_id", "cells")
        return {
            row.notice_id: np.array([tuple(cell) for cell in row.cells], np.int64)
            for row in found.collect()
        }

    current = CurrentEvents(rules, cells_of)
    current.add(rows)
    return current


def latest(notices: DataFrame, rules: Rules) -> DataFrame:
    """Find the current notice of each event, with the event's time and region.

    Parameters
    ----------
    notices, rules
        As of `current_events`.

    Returns
    -------
    DataFrame
        As of `as_dataframe`.
    """
    current = current_events(notices, rules)
    return rows_with_regions(current, current.states, notices, rules)


def rows_with_regions(
    current: CurrentEvents, states: States, notices: DataFrame, rules: Rules
) -> DataFrame:
    """Rows of some of the events that `current_events` has found.

    Parameters
    ----------
    current : CurrentEvents
    states : States
        Of the events.
    notices, rules
        As of `current_events`.

    Returns
    -------
    DataFrame
        As of `as_dataframe`.
    """
    found = notices.select(F.col("notice_id").alias("region_id"), "cells", "pixels")
    rows = current.rows(list(states.values()))
    once = found.dropDuplicates(["region_id"])
    return as_dataframe(notices.sparkSession, rows, once, rules)


def as_dataframe(
    spark: SparkSession, rows: pa.Table, found: DataFrame, rules: Rules
) -> DataFrame:
    """Return rows of current events, with their regions.

    Parameters
    ----------
    spark : SparkSession
    rows : pyarrow.Table
        From `CurrentEvents.rows`.
    found : DataFrame
        Rows of the table regions, each region once, among them those of these events.
    rules : Rules

    Returns
    -------
    DataFrame
        One row an event: the columns `EVENT_COLUMNS` of coincidences, `event_time`,
        `event_significant`, `related_event_ids`, and `kind`, `fisher`, `ellipse`,
        `cells`, `pixels`, `region_id`, `window_before`, `window_after` and
        `skymap_url`; if the area is limited also `cap_level`, see `area_cap.with_cap`.

        The region is that of the latest notice that has one, and `region_id` names it;
        it is null if there is none. `event_time` is that of the latest notice that
        gives the time of the trigger; if none does, that of the current notice; if that
        is only its issue time, or missing, the earliest time of all notices.
    """
    is_placed = pc.is_valid(rows["region_id"])
    events = _local(spark, rows.filter(is_placed))
    placed = found.join(F.broadcast(events), "region_id")
    others = rows.filter(pc.invert(is_placed))
    if others.num_rows:
        placed = placed.unionByName(_local(spark, others), allowMissingColumns=True)
    if rules.cap_deg2 >= area_cap.SKY_DEG2:
        return placed
    return area_cap.with_cap(placed, rules.cap_deg2, rules.credible_level)


def _local(spark: SparkSession, rows: pa.Table) -> DataFrame:
    """Return rows of the driver as a DataFrame."""
    schema = StructType(list(from_arrow_schema(rows.schema)))
    values = [tuple(row.values()) for row in rows.to_pylist()]
    return spark.createDataFrame(values, schema, verifySchema=False)


def _region_columns() -> dict[str, Column]:
    """Columns of the table events that describe a region, from `cells` and `pixels`."""
    has_region = F.col("cells").isNotNull()
    rows = F.array(*[regions.row_count(order) for order in ORDERS])
    return {
        "region_id": F.when(has_region, F.col("notice_id")),
        "region_rows": F.when(has_region, rows),
        "region_sky": regions.sky_cells(),
        "region_areas": regions.areas(),
    }


def _arrow(df: DataFrame, schema: pa.Schema) -> pa.Table:
    """Collect a DataFrame as an Arrow table; all columns may be null."""
    fields = [field.with_nullable(True) for field in schema]
    rows: list[dict[str, Any]] = [row.asDict(recursive=True) for row in df.collect()]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def is_matchable() -> Column:
    """Whether a row of `latest` can be matched: it is valid and has a region."""
    return _is_valid() & F.col("cells").isNotNull()


def awaits_map() -> Column:
    """Whether a row of `latest` can be matched once its sky map is fetched."""
    lacks_map = F.col("cells").isNull() & F.col("skymap_url").isNotNull()
    return _is_valid() & lacks_map


def _is_valid() -> Column:
    """Whether the event of a row of `latest` is not retracted, and has a time."""
    return (F.col("kind") != "retraction") & F.col("event_time").isNotNull()


def matchable(events: DataFrame) -> DataFrame:
    """Select the rows of `latest` that can be matched on the sky: see `is_matchable`.

    Parameters
    ----------
    events : DataFrame
        With `kind`, `event_time` and `cells`.
    """
    return events.where(is_matchable())


def select_events(rows: DataFrame, events: Collection[str]) -> DataFrame:
    """Select the rows of some events.

    Parameters
    ----------
    rows : DataFrame
        With `event_id`.
    events : collection of str
        Values of `event_id`.
    """
    if len(events) < MANY:
        return rows.where(F.col("event_id").isin(*events))
    spark = rows.sparkSession
    wanted = spark.createDataFrame([(e,) for e in events], "event_id string")
    return rows.join(F.broadcast(wanted), "event_id", "left_semi")


def newest_first(retracted: str, order: Sequence[str]) -> list[Column]:
    """Columns that sort the notices of an event, the current one first.

    Parameters
    ----------
    retracted : str
        SQL condition: whether a row is a retraction. A retraction without an issue time
        is the last notice of its version; with one, the last of that time.
    order : sequence of str
        Names of the columns of version, issue time, time of landing and identity. The
        time of landing is used only for notices without an issue time.
    """
    version, issued, received, identity = order
    undated = F.expr(f"{retracted} AND {issued} IS NULL")
    landed = F.when(F.col(issued).isNull(), F.col(received))
    return [
        F.col(version).desc(),
        undated.desc(),
        F.col(issued).desc_nulls_last(),
        F.expr(retracted).desc(),
        landed.desc_nulls_last(),
        F.col(identity).desc(),
    ]
