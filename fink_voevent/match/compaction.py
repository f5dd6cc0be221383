# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Thin alerts of nights that are over: few files, sorted by place.

From files that are sorted by HEALPix index, a late notice reads only the part that it
can match. If alerts are kept for a limited number of days, those of older nights are
removed, except for alerts that coincide with an event: an update of its notice needs
them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pyarrow.compute as pc
from pyspark.sql import SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.config.settings import Settings
from fink_voevent.match.complete_nights import THIN, thinned_nights
from fink_voevent.spark import dataframes
from fink_voevent.store import upkeep
from fink_voevent.store.batches import FIRST, BatchLog, Input
from fink_voevent.store.delta import (
    Tables,
    clean_staging,
    is_as_written,
    staging_folder,
)
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.times import days_between

_LOG = logging.getLogger(__name__)
MOST_FILES = 4  # a night with no more unsorted files than these is left as it is


def compact(spark: SparkSession, settings: Settings, tonight: str) -> Iterator[str]:
    """Compact the alerts of past nights, and yield each night once it is done.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
    tonight : str
        YYYYMMDD: the night that goes on, which is left as it is.

    Yields
    ------
    str
        YYYYMMDD.
    """
    tables = Tables(settings.root)
    clean_staging(settings.root, THIN)
    thinned = thinned_nights(tables)
    for night, files in sorted(_files_of_nights(tables).items()):
        if night >= tonight:
            continue
        is_old = 0 < settings.keep_days < days_between(night, tonight)
        if is_old and night not in thinned:
            _thin(spark, tables, night)
        elif sum(map(is_as_written, files)) > MOST_FILES:
            upkeep.sort(tables, "alerts", [("night", "=", night)], "hpx29")
            after = len(_files_of_nights(tables)[night])
            _LOG.info(
                "compact %s: the alerts are in %d files, sorted by place; before in %d",
                *(night, after, len(files)),
            )
        else:
            continue
        yield night


def _files_of_nights(tables: Tables) -> dict[str, list[str]]:
    """Files of the table alerts, by night."""
    files = tables.files("alerts").select(["partition.night", "path"])
    nights: dict[str, list[str]] = {}
    for row in files.to_pylist():
        nights.setdefault(row["partition.night"], []).append(row["path"])
    return nights


def _thin(spark: SparkSession, tables: Tables, night: str) -> None:
    """Remove the alerts of a night that coincide with no event."""
    log = BatchLog(tables, THIN)
    batch = log.unfinished() or log.plan(Input(night=night))
    night = batch.input.night
    where = pc.field("night") == night
    before = tables.arrow("alerts", ["alert_id"], where).num_rows
    last = BatchLog(tables, "match").last_done()
    pairs = dataframes.read(spark, tables, "coincidences", FIRST, last)
    alerts = dataframes.read_stored(
        spark, tables, "alerts", _files_of_nights(tables)[night]
    )
    kept = alerts.where(F.col("night") == night).join(
        pairs.select("survey", "alert_id").distinct(),
        ["survey", "alert_id"],
        "left_semi",
    )
    folder = staging_folder(tables.root, THIN)
    try:
        dataframes.write(
            kept.coalesce(1).sortWithinPartitions("hpx29"), "alerts", folder, -1
        )
        after = upkeep.replace_partition(
            tables, "alerts", [("night", "=", night)], open_store(folder)
        )
    finally:
        open_store(folder).remove()
    log.finish(batch, {"alerts": after})
    _LOG.info("compact %s: %d of %d alerts are kept", night, after, before)
