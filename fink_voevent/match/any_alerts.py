# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Match any DataFrame of positions with notices: for authors of Fink modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StructType

from fink_voevent import udf
from fink_voevent.errors import InputError
from fink_voevent.events import event_state, versions
from fink_voevent.events.notice import LINK_COLUMNS, Rules
from fink_voevent.events.reading import SCALARS
from fink_voevent.events.regions import region_tables
from fink_voevent.match.pairing import matched_alerts
from fink_voevent.sky.localization import COVER_LEVEL
from fink_voevent.spark.dataframes import spark_schema
from fink_voevent.tables.schema import NOTICES as READ_NOTICES
from fink_voevent.tables.schema import column_names

# What `match_alerts` adds of an event, and of the pair.
_OF_EVENT = ("event_id", "ivorn", "stream", "messenger", "event_time")
_OF_PAIR = ("separation", "credible_level", "density", "delay")
# Columns of notices that the current one and its region are made from.
NOTICE_COLUMNS = tuple(
    name
    for name in (*SCALARS, "cells", "pixels")
    if name in column_names(READ_NOTICES) and name not in LINK_COLUMNS
)
_ANY_TIME = datetime(2000, 1, 1, tzinfo=timezone.utc)
Notices = DataFrame | Iterable[Mapping[str, Any]]


def match_alerts(
    alerts: DataFrame,
    notices: Notices,
    *,
    ra: str = "ra",
    dec: str = "dec",
    time: str | None = None,
    credible_level: float = 0.95,
    tenses: tuple[str, ...] = ("observation",),
) -> DataFrame:
    """Join any DataFrame of positions with the events in whose regions they lie.

    Native Spark, a broadcast join on HEALPix cells; the exact circle, ellipse or pixel
    of the sky map decides, as in ``voevent_match``.

    Parameters
    ----------
    alerts : DataFrame
        One row a position, streaming or not, with any columns.
    notices : DataFrame, or iterable of mapping
        What `fink_voevent.read_notice` returns, as a list, or as a DataFrame with its
        columns. Of several notices of one event the current one is used; an event whose
        current notice is a retraction, or that has no region, matches nothing.
    ra, dec : str, optional
        Columns of `alerts`: position in degrees, ICRS.
    time : str, optional
        Column of `alerts`: a timestamp (UTC). An alert then matches if it lies in the
        window of the event, and events without a time match nothing. Without it, only
        the position decides.
    credible_level : float, optional
        Part of the region that is matched, 0 < `credible_level` <= 0.99.
    tenses : tuple of str, optional
        Tenses of the notices that are used, of ``observation``, ``test``,
        ``injection``, ``prediction``, ``utility`` and ``unknown``.

    Returns
    -------
    DataFrame
        One row a pair: the columns of `alerts`, then `event_id`, `ivorn`, `stream`,
        `messenger`, `event_time`, and `separation` (deg; null if the event is a sky map
        alone), `credible_level` (0-1), `density` (sr-1) and `delay` (d; null without
        `time`). Rows of `alerts` without a valid position or time match nothing.

    Raises
    ------
    InputError
        If `credible_level` is out of its range, a column is missing, or `alerts` has a
        column with a name that is added.

    Examples
    --------
    >>> import fink_voevent
    >>> raw = open("datatest/truth/gw170817.json", "rb").read()
    >>> notice = fink_voevent.read_notice(raw)
    >>> df = spark.createDataFrame([("AT2017gfo", 197.4504, -23.3815)], "name string,"
    ...     " ra double, dec double")
    >>> found = fink_voevent.match_alerts(df, [notice])
    >>> found.select("name", "event_id", "messenger").show()
    +---------+--------+---------+
    |     name|event_id|messenger|
    +---------+--------+---------+
    |AT2017gfo|S170817a|       gw|
    +---------+--------+---------+
    <BLANKLINE>
    """
    added = (*_OF_EVENT, *_OF_PAIR)
    _check(alerts, (ra, dec, *([time] if time else [])), added, credible_level)
    events = _events(alerts, notices)
    current = versions.current_events(events, Rules(tenses))
    placed = event_state.matchable(current.states)
    order = event_state.order(placed)
    rows = versions.rows_with_regions(current, placed, events, Rules(tenses))
    rows = rows.withColumn("_time", F.col("event_time"))
    if time is None:  # one moment for all
        moment, none = F.lit(_ANY_TIME).cast("timestamp"), F.lit(0.0)
        same = {"event_time": moment, "window_before": none, "window_after": none}
        rows = rows.withColumns(same)
    else:
        moment = F.col(time).cast("timestamp")
    columns = ("_time", *(c for c in _OF_EVENT if c != "event_time"))
    regions = region_tables(rows, columns, order, credible_level)
    pairs = matched_alerts(_positions(alerts, ra, dec, moment), regions)
    delay = F.col("delay") if time else F.lit(None).cast("double")
    return pairs.join(F.broadcast(regions.events), "_event").select(
        "_alert.*",
        *[_event_column(name) for name in _OF_EVENT],
        *[F.col(name) for name in _OF_PAIR if name != "delay"],
        delay.alias("delay"),
    )


def _event_column(name: str) -> Column:
    return F.col("_time" if name == "event_time" else name).alias(name)


def _positions(alerts: DataFrame, ra: str, dec: str, moment: Column) -> DataFrame:
    """Alerts as matching needs them; their own columns in the struct ``_alert``."""
    place = udf.unit_vector(F.col(ra), F.col(dec))
    unknown = F.lit(None).cast("timestamp")
    return alerts.select(
        F.struct("*").alias("_alert"),
        udf.healpix_index(F.col(ra), F.col(dec)).alias("hpx29"),
        *[getattr(place, axis).alias(axis) for axis in "xyz"],
        moment.alias("alert_time"),
        unknown.alias("first_detection"),
        unknown.alias("last_non_detection"),
    )


def _events(alerts: DataFrame, notices: Notices) -> DataFrame:
    """Notices as a DataFrame with the columns `NOTICE_COLUMNS` and `LINK_COLUMNS`.

    The latter are null: no pair depends on related events.
    """
    given = _given(alerts, notices)
    types = {name: spark_schema(READ_NOTICES)[name].dataType for name in LINK_COLUMNS}
    return given.withColumns({n: F.lit(None).cast(t) for n, t in types.items()})


def _given(alerts: DataFrame, notices: Notices) -> DataFrame:
    """Notices as a DataFrame with the columns `NOTICE_COLUMNS`."""
    if isinstance(notices, DataFrame):
        missing = sorted(set(NOTICE_COLUMNS) - set(notices.columns))
        if missing:
            raise InputError(f"notices lack the columns {', '.join(missing)}")
        given = notices.select(*NOTICE_COLUMNS)
        # Who gives notices says that they count, whichever source has sent them.
        return given.withColumn("source", F.lit(None).cast("string"))
    schema = spark_schema(READ_NOTICES)
    needed = StructType([schema[name] for name in NOTICE_COLUMNS])
    rows = [
        tuple(_value(name, notice.get(name)) for name in NOTICE_COLUMNS)
        for notice in notices
    ]
    return alerts.sparkSession.createDataFrame(rows, needed)


def _value(name: str, value: Any) -> Any:
    """Value of a column as Spark takes it."""
    if name == "source":
        return None  # the notice counts, whichever source has sent it
    # Arrow gives a map as pairs.
    return dict(value) if name == "classification" and value is not None else value


def _check(
    alerts: DataFrame, used: Iterable[str], added: Iterable[str], level: float
) -> None:
    if not 0 < level <= COVER_LEVEL:
        raise InputError(
            f"credible_level={level}: it must be above 0, and at most {COVER_LEVEL}"
        )
    missing = [name for name in used if name not in alerts.columns]
    if missing:
        raise InputError(f"alerts have no column {', '.join(missing)}")
    taken = [name for name in added if name in alerts.columns]
    if taken:
        raise InputError(
            f"alerts have the columns {', '.join(taken)}, which are to be added: rename"
            " them first"
        )
