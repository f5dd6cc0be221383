# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What a filter would have passed of coincidences on record."""

from __future__ import annotations

from typing import NamedTuple

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import attach, night, stored, topics
from fink_voevent.errors import InputError
from fink_voevent.ledger import Ledger
from fink_voevent.schema import spark_schema
from fink_voevent.session import build
from fink_voevent.settings import Settings


class Trial(NamedTuple):
    """Coincidences, those that passed, and the events of these."""

    coincidences: int
    passed: int
    events: int


def count(settings: Settings, name: str, folder: str | None) -> Trial:
    """Count what a filter passes.

    Parameters
    ----------
    settings : Settings
        `survey`, `filters`; without a folder also `data_prefix` and `night`.
    name : str
        Of the filter.
    folder : str or None
        With coincidences as Parquet; None takes those handed over, of all nights or of
        the settings' night.

    Raises
    ------
    InputError
        Where there is no such filter, or nothing to try it on.
    """
    known = {one.name: one for one, _ in topics.routes(settings)}
    if name not in known:
        raise InputError(f"no filter {name}: there are {', '.join(known)}")
    spark = build(settings, "fink_voevent filters")
    try:
        pairs = _pairs(spark, settings, folder).where(
            F.col("survey") == settings.survey
        )
        rows = pairs.select(*attach.Source._fields).distinct().collect()
        sources = [attach.Source(*row) for row in rows]
        alerts = attach.science(spark, sources, settings.archive_prefix)
        whole = attach.packets(pairs, alerts, settings.survey)
        passed = F.size("_topics") > 0
        event = F.col("coincidence.event_id")
        row = (
            topics.Ways([(known[name], "passed")])
            .with_topics(whole)
            .agg(
                F.count(F.lit(1)),
                F.count(F.when(passed, 1)),
                F.countDistinct(F.when(passed, event)),
            )
            .head()
        )
        return Trial(*row)
    finally:
        spark.stop()


def _pairs(spark: SparkSession, settings: Settings, folder: str | None) -> DataFrame:
    if folder is None:
        manifests = [
            m
            for m in Ledger(settings.root, night.STAGE).manifests()
            if settings.night in ("", m.facts["night"])
        ]
        if not manifests:
            raise InputError(f"no coincidences under {settings.root} for this night")
        return stored.read(spark, settings.root, "coincidences", manifests)
    try:
        schema = spark_schema("coincidences")
        return spark.read.schema(schema).parquet(folder)
    except AnalysisException as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"no coincidences at {folder}: {reason}") from None
