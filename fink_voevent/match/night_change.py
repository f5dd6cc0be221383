# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""From night to night: what was left of one is finished before the next begins.

Each night has a checkpoint of its own, so that a stage that is started with another
night would never look at the one before again.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timezone

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery
from pyspark.sql.types import StructType

from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError
from fink_voevent.match import compaction
from fink_voevent.match import stage as match_stage
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.ledger import Ledger

_LOG = logging.getLogger(__name__)
POLL_S = 0.5  # how long a caller's `halted` waits
# what Spark says of files that it is to read and that are not there
_GONE = re.compile("PATH_NOT_FOUND|FileNotFoundException|FILE_NOT_EXIST")

Halted = Callable[[], bool]


def current_night(settings: Settings) -> str:
    """Night that is to be matched, YYYYMMDD: the one set, or the current UTC day."""
    return settings.night or today()


def today() -> str:
    """Give the current UTC day, YYYYMMDD."""
    return f"{datetime.now(timezone.utc):%Y%m%d}"


def science_folder(settings: Settings, name: str) -> str:
    """Where Fink keeps the science alerts of a night."""
    return f"{settings.data_prefix.rstrip('/')}/science/{name}"


def schema_of(spark: SparkSession, path: str) -> StructType | None:
    """Read the schema of a folder of Parquet; None while there is nothing in it."""
    try:
        return spark.read.parquet(path).schema
    except AnalysisException:
        return None


def begin(
    spark: SparkSession, settings: Settings, name: str, halted: Halted
) -> StreamingQuery | None:
    """Start to match a night, all before it being done; None where halted.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
    name : str
        YYYYMMDD.
    halted : callable
        Asked again and again whether to stop; it waits `POLL_S`, and raises what stops
        all.

    Raises
    ------
    InputError
        Where the night's science alerts do not appear within `wait_s`.
    """
    if not _finish_last(spark, settings, name, halted):
        return None
    spark.catalog.clearCache()  # of the nights before, of which nothing runs now
    matched = Ledger(settings.root, match_stage.STAGE).manifests()
    # no night ages by one that has not come yet
    past = compaction.compact(spark, settings, matched, min(name, today()))
    with closing(past) as steps:
        for _ in steps:
            if halted():
                return None
    schema = _wait_for_science(spark, settings, name, halted)
    if schema is None:
        return None
    science = spark.readStream.schema(schema).parquet(science_folder(settings, name))
    query = match_stage.start(spark, settings, name, science)
    _LOG.info("voevent_match is running on night %s", name)
    return query


def has_next_night_begun(settings: Settings, running: str) -> bool:
    """Whether another night than the one that runs has alerts: never of one set."""
    name = current_night(settings)
    if name == running:
        return False
    return bool(open_store(science_folder(settings, name)).names(".parquet"))


def last_before(settings: Settings, name: str) -> str | None:
    """Last night before one that was begun; None where there is none."""
    begun = open_store(
        f"{settings.root}/checkpoints/{match_stage.STAGE}/{settings.survey}"
    )
    return max((n for n in begun.folders() if n < name), default=None)


def _finish_last(
    spark: SparkSession, settings: Settings, name: str, halted: Halted
) -> bool:
    """Match what the last night has left; False where halted.

    Where its alerts are no longer there, that is told: they cannot be matched. Of any
    other failure it is tried again, at the next start.
    """
    last = last_before(settings, name)
    if last is None:
        return True
    path = science_folder(settings, last)
    try:
        schema = schema_of(spark, path)
        if schema is None:
            return True
        science = spark.readStream.schema(schema).parquet(path)
        query = match_stage.start(spark, settings, last, science, availableNow=True)
        try:
            while query.isActive:
                if halted():
                    return False
            query.awaitTermination()  # raises what it failed of
        finally:
            query.stop()
    except (PySparkException, Py4JError) as error:
        if not _GONE.search(str(error)):
            raise
        _LOG.error(
            "what was left of night %s cannot be matched: its files in %s are gone",
            *(last, path),
        )
    return True


def _wait_for_science(
    spark: SparkSession, settings: Settings, name: str, halted: Halted
) -> StructType | None:
    """Wait for the night's science alerts and give their schema; None where halted."""
    path = science_folder(settings, name)
    tries = int(settings.wait_s / POLL_S) + 1
    _LOG.info("waiting for science alerts in %s, at most %.0f s", path, settings.wait_s)
    for _ in range(tries):
        schema = schema_of(spark, path)
        if schema is not None:
            return schema
        if halted():
            return None
    raise InputError(
        f"no science alerts appeared in {path} within {settings.wait_s:.0f} s: is"
        " raw2science running, and are VOEVENT_DATA_PREFIX and VOEVENT_NIGHT right?"
    )
