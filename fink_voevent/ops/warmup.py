# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Warm-up: artificial notices pass through the stages when they start.

Java compiles code that runs often, and Spark the code of each batch, while they run:
the first notice of a process takes three times as long as the fifth. Therefore the
first few notices are artificial. They match one of the alerts of the night, in a folder
that is removed afterwards; none of them reaches a topic or a table that others read.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.alerts import thin_alerts
from fink_voevent.config.settings import Settings
from fink_voevent.ingest.stage import IngestStage
from fink_voevent.listen import landing
from fink_voevent.match.stage import MatchStage
from fink_voevent.route.stage import RouteStage
from fink_voevent.store.batches import GivenFiles, do_next
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.times import microseconds

RUN = "warmup"
SCHEMA = "https://gcn.nasa.gov/schema/gcn/notices/swift/bat/guano.schema.json"
BEFORE = timedelta(minutes=30)  # from the artificial trigger to the alert
ERROR_DEG = 0.05  # error radius of the notice
ALERTS = 64  # number of alerts that are matched


def notice(ra: float, dec: float, seen: datetime, number: int) -> bytes:
    """Return a notice of a burst at the place of an alert, `BEFORE` its time.

    Parameters
    ----------
    ra, dec : float
        Position of the alert (deg), ICRS.
    seen : datetime
        Time of the alert (UTC).
    number : int
        Number of the notice; it becomes part of the identifier of the event.

    Returns
    -------
    bytes
        JSON of GCN's schema of Swift BAT GUANO.
    """
    trigger = (seen - BEFORE).isoformat()
    content = {
        "$schema": SCHEMA,
        "mission": "Swift",
        "instrument": "BAT",
        "id": [f"{RUN}-{number}"],
        "alert_datetime": trigger,
        "alert_tense": "current",
        "alert_type": "initial",
        "trigger_time": trigger,
        "ra": ra,
        "dec": dec,
        "ra_dec_error": ERROR_DEG,
    }
    return json.dumps(content).encode()


def warm_up(
    spark: SparkSession, settings: Settings, night: str, packets: DataFrame, name: str
) -> Iterator[int]:
    """Match artificial notices with an alert, one batch of a stage at each step.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
        `warmup_notices` is the number of notices.
    night : str
        YYYYMMDD.
    packets : DataFrame
        Science alerts of the night, with the columns that Fink writes. If none has a
        position and a time, nothing is done.
    name : str
        Name of the folder below ``warmup``, which is removed at the end. No other
        process may use it.

    Yields
    ------
    int
        Number of notices that have passed all stages so far.

    Raises
    ------
    PySparkException, Py4JError, OSError, VOEventPluginError
        As the stages do.
    """
    folder = f"{settings.root}/warmup/{name}"
    artificial = settings.model_copy(
        update={"data_prefix": folder, "kafka_servers": "", "archive_prefix": ""}
    )
    open_store(folder).remove()  # left by a process that was killed
    try:
        science = f"{folder}/science/{night}"
        packets.limit(ALERTS).write.parquet(science)
        yield 0
        yield from _pass_through_stages(spark.read.parquet(science), artificial, night)
    finally:
        open_store(folder).remove()


def _pass_through_stages(
    science: DataFrame, settings: Settings, night: str
) -> Iterator[int]:
    """Process notices at the place of the best alert, as `warm_up` describes it."""
    thin = thin_alerts.thin(science, settings.survey, night)
    seconds = F.unix_seconds("alert_time").alias("s")
    # An alert that filters pass, so that the code after the filters is warm too.
    is_candidate = F.coalesce("extragalactic", F.lit(True))  # noqa: FBT003
    best = thin.where(is_candidate).orderBy(F.desc("quality"))
    alert = best.select("alert_ra", "alert_dec", seconds).first()
    if alert is None:
        return
    seen = datetime.fromtimestamp(alert["s"], timezone.utc)
    spark, level = science.sparkSession, logging.DEBUG
    notices, alerts = GivenFiles(), GivenFiles(science.inputFiles())
    stages = (
        IngestStage(spark, settings, notices, level),
        MatchStage(spark, settings, night, alerts, science.schema, level),
        RouteStage(spark, settings, level),
    )
    for number in range(settings.warmup_notices):
        raw = notice(alert["alert_ra"], alert["alert_dec"], seen, number)
        notices.add(_land(settings, raw, seen, number))
        for stage in stages:
            yield number
            do_next(stage)
        yield number + 1


def _land(settings: Settings, raw: bytes, moment: datetime, number: int) -> str:
    """Land a notice, as the listener does; return the path of the file."""
    digest = hashlib.sha256(raw).hexdigest()
    row = (microseconds(moment), "file", RUN, "gcn.notices", digest, raw)
    content = landing.landing_table([row])
    store = open_store(settings.root).subfolder("landing")
    return store.write(
        f"{landing.PREFIX}{number:06d}.parquet",
        lambda stream: pq.write_table(content, stream),
    )
