# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The change from one night to the next: the last night is finished first.

The stage reads the science alerts of one night. When it starts with another night, it
would otherwise never match the alerts that the last night has left.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timezone
from typing import Any

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError
from fink_voevent.match import background_update, compaction
from fink_voevent.match import stage as match_stage
from fink_voevent.match.stage import MatchStage
from fink_voevent.store.batches import PLANNED, BatchLog, do_next
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store

_LOG = logging.getLogger(__name__)
POLL_S = 0.5  # how long a `Halted` of a caller waits
# Spark's errors about files that it has listed and that no longer exist.
_GONE = re.compile("PATH_NOT_FOUND|FileNotFoundException|FILE_NOT_EXIST")

Halted = Callable[[], bool]  # waits a moment; whether to stop


def current_night(settings: Settings) -> str:
    """Night to match, YYYYMMDD: that of the settings, or else the current UTC day."""
    return settings.night or today()


def today() -> str:
    """Return the current UTC day, YYYYMMDD."""
    return f"{datetime.now(timezone.utc):%Y%m%d}"


def science_folder(settings: Settings, night: str) -> str:
    """Folder in which Fink stores the science alerts of a night (YYYYMMDD)."""
    return f"{settings.data_prefix.rstrip('/')}/science/{night}"


def read_schema(spark: SparkSession, path: str) -> StructType | None:
    """Read the schema of a folder of Parquet files; None if there are none."""
    try:
        return spark.read.parquet(path).schema
    except AnalysisException:
        return None


def begin(
    spark: SparkSession,
    settings: Settings,
    night: str,
    halted: Halted,
    wake: Callable[[], Any] = lambda: None,
) -> MatchStage | None:
    """Finish the last night, count and compact past nights, and start to match one.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
    night : str
        YYYYMMDD.
    halted : callable
        Called repeatedly, to learn whether to stop. It waits `POLL_S` seconds, and may
        raise an error to end everything.
    wake : callable, optional
        Called after science alerts were found.

    Returns
    -------
    MatchStage or None
        None if halted.

    Raises
    ------
    InputError
        If no science alerts of the night appear within `wait_s`.
    """
    if not _finish_last(spark, settings, night, halted):
        return None
    spark.catalog.clearCache()  # of the nights before: nothing of them runs now
    # The age of nights counts from today if `night` is in the future.
    day = min(night, today())
    background_update.update(settings, day)
    steps = compaction.compact(spark, settings, day)
    with closing(steps):
        for _ in steps:
            if halted():
                return None
    schema = _wait_for_science(spark, settings, night, halted)
    if schema is None:
        return None
    folder = science_folder(settings, night)
    stage = match_stage.start(spark, settings, night, folder, schema, wake)
    _LOG.info("voevent_match is running on night %s", night)
    return stage


def has_next_night_begun(settings: Settings, running: str) -> bool:
    """Whether the current night has alerts and is another than the running one.

    False if the settings name the night.
    """
    night = current_night(settings)
    if night == running:
        return False
    return bool(open_store(science_folder(settings, night)).names(".parquet"))


def last_before(settings: Settings, night: str) -> str | None:
    """Last night before `night` that has a batch, YYYYMMDD; None if none has."""
    log = BatchLog(Tables(settings.root), match_stage.STAGE)
    nights = log.nights(settings.survey, PLANNED)
    return max((name for name in nights if name < night), default=None)


def _finish_last(
    spark: SparkSession, settings: Settings, night: str, halted: Halted
) -> bool:
    """Match the alerts that the last night has left; False if halted.

    If their files no longer exist, an error is logged and the night is given up. After
    any other failure, the next start tries again.
    """
    last = last_before(settings, night)
    if last is None:
        return True
    path = science_folder(settings, last)
    try:
        schema = read_schema(spark, path)
        if schema is None:
            return True
        stage = match_stage.start(spark, settings, last, path, schema)
        try:
            stage.files.wait_for_all()
            while do_next(stage):
                if halted():
                    return False
        finally:
            stage.files.stop()
    except (PySparkException, Py4JError) as error:
        if not _GONE.search(str(error)):
            raise
        _LOG.error(
            "the remaining alerts of night %s cannot be matched: files in %s are gone",
            *(last, path),
        )
    return True


def _wait_for_science(
    spark: SparkSession, settings: Settings, night: str, halted: Halted
) -> StructType | None:
    """Wait for the night's science alerts, and return their schema; None if halted."""
    path = science_folder(settings, night)
    tries = int(settings.wait_s / POLL_S) + 1
    _LOG.info("waiting for science alerts in %s, at most %.0f s", path, settings.wait_s)
    for _ in range(tries):
        schema = read_schema(spark, path)
        if schema is not None:
            return schema
        if halted():
            return None
    raise InputError(
        f"no science alerts appeared in {path} within {settings.wait_s:.0f} s: is"
        " raw2science running, and are VOEVENT_DATA_PREFIX and VOEVENT_NIGHT right?"
    )
