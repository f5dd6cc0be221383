# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""How many coincidences on record a filter passes."""

from __future__ import annotations

from typing import Any, NamedTuple

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError
from fink_voevent.filters.discover import Filter, discover
from fink_voevent.match import stage as match_stage
from fink_voevent.route import candidate_columns, packet_table, topics
from fink_voevent.spark import dataframes
from fink_voevent.spark.dataframes import spark_schema
from fink_voevent.spark.session import spark_session
from fink_voevent.spark.unreadable import cause
from fink_voevent.store.batches import FIRST, BatchLog
from fink_voevent.store.delta import Tables


class FilterTrial(NamedTuple):
    """What a filter passes.

    Parameters
    ----------
    coincidences : int
        That were tried.
    passed : int
    events : int
        Of so many events.
    pairs : list of dict
        The first `LISTED` coincidences that passed, by event and credible level.
    packet : dict or None
        The packet of the first of them, without values that are null or bytes; None if
        none passed.
    """

    coincidences: int
    passed: int
    events: int
    pairs: list[dict[str, Any]]
    packet: dict[str, Any] | None


LISTED = 20  # coincidences that passed


def count(settings: Settings, name: str, folder: str | None) -> FilterTrial:
    """Count the coincidences that a filter passes.

    Parameters
    ----------
    settings : Settings
        `survey`, `filters`; without a folder also `data_prefix` and `night`.
    name : str
        Name of the filter.
    folder : str or None
        Folder or file of coincidences as Parquet, with ``candidates.parquet`` beside
        it; None takes those of the tables under `data_prefix`, of all nights or of the
        settings' night.

    Raises
    ------
    InputError
        If there is no such filter or it cannot be used, or there are no coincidences.
    """
    found = discover(settings.filters)
    known = {one.name: one for one in found.filters}
    if name not in known:
        reasons = [str(one) for one in found.faulty if one.name in (name, "")]
        reasons += [f"no filter {name}: there are {', '.join(known)}"]
        raise InputError(reasons[0])
    try:
        return _try(settings, known[name], folder)
    except (PySparkException, Py4JError) as error:
        raise InputError(f"the trial failed: {cause(str(error))}") from None


def _try(settings: Settings, one: Filter, folder: str | None) -> FilterTrial:
    with spark_session(settings, "fink_voevent filters") as spark:
        pairs = _pairs(spark, settings, folder).where(
            F.col("survey") == settings.survey
        )
        rows = pairs.select(*packet_table.PacketFile._fields).distinct().collect()
        sources = [packet_table.PacketFile(*row) for row in rows]
        alerts = packet_table.read_alerts(spark, sources, settings.archive_prefix)
        judged = candidate_columns.with_candidates(
            pairs, _candidates(spark, settings, folder)
        )
        whole = packet_table.build_packets(judged, alerts, settings.survey)
        passed = F.size("_topics") > 0
        event = F.col("coincidence.event_id")
        tried = topics.Routes([(one, "passed")]).apply_filters(whole).persist()
        counts = tried.agg(
            F.count(F.lit(1)),
            F.count(F.when(passed, 1)),
            F.countDistinct(F.when(passed, event)),
        ).head()
        order = (event, F.asc_nulls_last("coincidence.credible_level"))
        selected = tried.where(passed).orderBy(*order)
        pairs = selected.select(f"{packet_table.PAIR}.*").limit(LISTED).collect()
        first = selected.drop(packet_table.PAIR, "_topics").head()
        tried.unpersist()
        return FilterTrial(
            *counts,
            [row.asDict() for row in pairs],
            None if first is None else _without_null(first.asDict(recursive=True)),
        )


def _without_null(value: Any) -> Any:
    """Leave out of a packet what is null or bytes; of a list, all but the last item."""
    if isinstance(value, dict):
        inner = {name: _without_null(one) for name, one in value.items()}
        return {n: v for n, v in inner.items() if v is not None and v != {} and v != []}
    if isinstance(value, list):
        return [_without_null(one) for one in value[-1:]]
    return None if isinstance(value, bytes | bytearray) else value


def _pairs(spark: SparkSession, settings: Settings, folder: str | None) -> DataFrame:
    if folder is None:
        tables = Tables(settings.root)
        last = BatchLog(tables, match_stage.STAGE).last_done()
        found = dataframes.read(spark, tables, "coincidences", FIRST, last)
        if settings.night:
            found = found.where(F.col("night") == settings.night)
        if found.isEmpty():
            raise InputError(f"no coincidences under {settings.root} for this night")
        return found
    try:
        schema = spark_schema("coincidences")
        return spark.read.schema(schema).parquet(_file(folder))
    except AnalysisException as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"no coincidences at {folder}: {reason}") from None


def _file(on: str) -> str:
    """Return the file of coincidences: of a folder of `match`, or the file itself."""
    return on if on.endswith(".parquet") else f"{on.rstrip('/')}/coincidences.parquet"


def _candidates(
    spark: SparkSession, settings: Settings, folder: str | None
) -> DataFrame:
    if folder is None:
        tables = Tables(settings.root)
        last = BatchLog(tables, match_stage.STAGE).last_done()
        return candidate_columns.read_candidates(spark, tables, FIRST, last)
    beside = f"{_file(folder).rpartition('/')[0] or '.'}/candidates.parquet"
    try:
        return spark.read.schema(spark_schema("candidates")).parquet(beside)
    except AnalysisException:
        raise InputError(
            f"no candidates at {beside}: fink_voevent match writes them beside the"
            " coincidences"
        ) from None
