# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Made-up notices go through the stages at the start, apart from all real ones.

Java compiles what it runs often, and Spark the code of each batch, while it runs: the
first notice of a process takes three times as long as the fifth. So the first few are
not real ones. They meet one of the night's own alerts, in a folder that goes away;
nothing of them reaches a topic, or a table that others read.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.alerts import thin_alerts
from fink_voevent.config.settings import Settings
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.match import stage as match_stage
from fink_voevent.route import stage as route_stage
from fink_voevent.spark.dataframes import spark_schema
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.ledger import Ledger, Manifest

RUN = "warmup"
SCHEMA = "https://gcn.nasa.gov/schema/gcn/notices/swift/bat/guano.schema.json"
BEFORE = timedelta(minutes=30)  # the made-up trigger, before the alert
ERROR_DEG = 0.05
ALERTS = 64


def notice(ra: float, dec: float, seen: datetime, number: int) -> bytes:
    """Notice of a burst at the place of an alert (deg, ICRS), before it was seen."""
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
    spark: SparkSession, settings: Settings, tonight: str, packets: DataFrame, name: str
) -> Iterator[int]:
    """Let made-up notices meet an alert, one batch of a stage at each step.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
        `warmup_notices` says how many notices.
    tonight : str
        YYYYMMDD.
    packets : DataFrame
        The night's science alerts. Where none has a place and a time, nothing is done.
    name : str
        Of the folder under ``warmup``, which goes away: one that nobody else uses.

    Yields
    ------
    int
        Notices that went all the way so far.

    Raises
    ------
    PySparkException, Py4JError, OSError, VOEventPluginError
        As the stages themselves would.
    """
    folder = f"{settings.root}/warmup/{name}"
    made_up = settings.model_copy(
        update={"data_prefix": folder, "kafka_servers": "", "archive_prefix": ""}
    )
    open_store(folder).remove()  # what a process that was killed left
    try:
        science = f"{folder}/science/{tonight}"
        packets.limit(ALERTS).write.parquet(science)
        yield 0
        yield from _play(spark.read.parquet(science), made_up, tonight)
    finally:
        open_store(folder).remove()


def _play(science: DataFrame, settings: Settings, tonight: str) -> Iterator[int]:
    thin = thin_alerts.thin(science, settings.survey, tonight)
    seconds = F.unix_seconds("alert_time").alias("s")
    # one that filters pass: what follows them is to be warm too
    is_candidate = F.coalesce("extragalactic", F.lit(True))  # noqa: FBT003
    best = thin.where(is_candidate).orderBy(F.desc("quality"))
    alert = best.select("alert_ra", "alert_dec", seconds).first()
    if alert is None:
        return
    seen = datetime.fromtimestamp(alert["s"], timezone.utc)
    spark, level = science.sparkSession, logging.DEBUG
    read = ingest_stage.batch_writer(settings, RUN, level)
    match = match_stage.batch_writer(settings, tonight, RUN, science.schema, level)
    send = route_stage.batch_writer(settings, RUN, level)
    for number in range(settings.warmup_notices):
        raw = notice(alert["alert_ra"], alert["alert_dec"], seen, number)
        read(_landed(spark, raw, seen), number)
        yield number
        events = spark.read.text(_manifest(settings, ingest_stage.STAGE, number))
        match(
            match_stage.arrivals(science.limit(0 if number else ALERTS), events), number
        )
        yield number
        send(spark.read.text(_manifest(settings, match_stage.STAGE, number)), number)
        yield number + 1


def _landed(spark: SparkSession, raw: bytes, moment: datetime) -> DataFrame:
    digest = hashlib.sha256(raw).hexdigest()
    row = (moment, "file", RUN, "gcn.notices", digest, raw)
    return spark.createDataFrame([row], spark_schema("landing"))


def _manifest(settings: Settings, stage: str, number: int) -> str:
    name = Manifest(stage, RUN, number, {}).name
    return f"{Ledger(settings.root, stage).folder}/{name}"
