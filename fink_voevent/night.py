# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The matching stage of one night: a delta join over new alerts and new notices.

With dA and dE of a batch, A and E of the batches before::

    pairs(dA, latest(E + dE))  +  pairs(A, latest(E + dE) where its notice is in dE)

Each pair is made by exactly one side, in either order of arrival. Both inputs are
sources of one query, so that Spark's offset log says what belongs to which batch, and a
replay finds the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming import StreamingQuery

from fink_voevent import ingest, ledger, match, surveys, versions
from fink_voevent.config import Settings, parse_window
from fink_voevent.ledger import Ledger, Manifest, run_of
from fink_voevent.schema import names

_LOG = logging.getLogger(__name__)
STAGE = "match"


@dataclass(frozen=True)
class Inputs:
    """What a batch matches.

    Parameters
    ----------
    fresh, seen : DataFrame
        Thin alerts of this batch, and of the batches before it.
    journal : DataFrame
        Coincidences of the batches before it.
    live : DataFrame
        `versions.latest` of all notices known to this batch, windows applied.
    changed : DataFrame or None
        Rows of `live` that the notices of this batch changed; None without notices.
    batch : int
    """

    fresh: DataFrame
    seen: DataFrame
    journal: DataFrame
    live: DataFrame
    changed: DataFrame | None
    batch: int


def tenses(settings: Settings) -> tuple[str, ...]:
    """Tenses of notices that are matched."""
    extra = ("test", "injection") if settings.allow_tests else ()
    return ("observation", *extra)


def new_alerts(thin: DataFrame, seen: DataFrame) -> DataFrame:
    """Alerts of a batch that are not `seen`, each once."""
    window = Window.partitionBy("alert_id").orderBy("packet_file", "alert_time")
    ranked = thin.withColumn("_rank", F.row_number().over(window))
    once = ranked.where("_rank = 1").drop("_rank")
    return once.join(seen.select("alert_id"), "alert_id", "left_anti").select(
        names("alerts")
    )


def delta(inputs: Inputs, credible_level: float, order: int) -> DataFrame:
    """Coincidences of one batch.

    Parameters
    ----------
    inputs : Inputs
        What is new in this batch, and what was there before it.
    credible_level, order
        See `match.pairs`.
    """
    live = inputs.live
    forward = match.pairs(inputs.fresh, versions.matchable(live), credible_level, order)
    found = match.with_status(forward, "new", inputs.batch)
    changed = inputs.changed
    if changed is None:
        return found
    again = match.pairs(inputs.seen, versions.matchable(changed), credible_level, order)
    before = versions.view(
        inputs.journal.join(
            F.broadcast(changed.select("event_id")), "event_id", "left_semi"
        )
    )
    return found.unionByName(versions.revised(again, before, changed, inputs.batch))


def start(
    spark: SparkSession, settings: Settings, night: str, science: DataFrame
) -> StreamingQuery:
    """Start the stage for a night.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
    night : str
        YYYYMMDD.
    science : DataFrame
        Stream of the night's science alerts.
    """
    root = settings.root
    events = Ledger(root, ingest.STAGE)
    events.prepare()
    Ledger(root, STAGE).prepare()
    alerts = surveys.thin(science, settings.survey, night)
    notices = (
        spark.readStream.option("maxFileAge", ingest.FOREVER)
        .text(events.folder)
        .select(F.col("value").alias("manifest"))
    )
    checkpoint = f"{root}/checkpoints/{STAGE}/{settings.survey}/{night}"
    process = batch_writer(settings, night, run_of(checkpoint))
    return (
        alerts.unionByName(notices, allowMissingColumns=True)
        .writeStream.foreachBatch(process)
        .queryName("voevent_match")
        .option("checkpointLocation", checkpoint)
        .trigger(processingTime=f"{settings.trigger_s} seconds")
        .start()
    )


def batch_writer(
    settings: Settings, night: str, run: str
) -> Callable[[DataFrame, int], None]:
    """Return what `foreachBatch` calls: match, write, hand over; once for a batch."""
    own = Ledger(settings.root, STAGE)

    def process(arrived: DataFrame, batch: int) -> None:
        if own.has(run, batch):
            return
        spark, root = arrived.sparkSession, settings.root
        earlier = own.before(run, batch)
        lines = arrived.where("manifest IS NOT NULL").select("manifest").collect()
        thin = arrived.where("manifest IS NULL").select(names("alerts"))
        seen = ledger.read(spark, root, "alerts", earlier)
        alerts = own.write(new_alerts(thin, seen).coalesce(2), "alerts", run, batch)
        arriving = event_files([ledger.parse(line.manifest) for line in lines])
        known = [f for m in earlier for f in m.facts["event_files"]]
        live = _live(spark, settings, known + arriving).persist()
        changed = None
        if arriving:
            changed = versions.changed(live, _live(spark, settings, known))
        try:
            chosen = match.plan(versions.matchable(live), settings.cell_order)
            inputs = Inputs(
                fresh=ledger.read_files(spark, root, "alerts", alerts.files),
                seen=seen,
                journal=ledger.read(spark, root, "coincidences", earlier),
                live=live,
                changed=changed,
                batch=batch,
            )
            found = delta(inputs, settings.credible_level, chosen.order)
            coincidences = own.write(found.coalesce(1), "coincidences", run, batch)
        finally:
            live.unpersist()
        facts = {
            "night": night,
            "survey": settings.survey,
            "event_files": arriving,
            "alerts": alerts.rows,
            "coincidences": coincidences.rows,
            "live_notices": chosen.regions,
        }
        tables = {"alerts": alerts.files, "coincidences": coincidences.files}
        own.commit(Manifest(STAGE, run, batch, tables, facts))
        _LOG.info(
            "match %(night)s: %(alerts)d new alerts, %(live_notices)d live notices,"
            " %(coincidences)d coincidences",
            facts,
        )

    return process


def event_files(manifests: list[Manifest]) -> list[str]:
    """Event files that these manifests of ingest hand over, sorted."""
    return sorted(f for m in manifests for f in m.tables.get("events", ()))


def _live(spark: SparkSession, settings: Settings, files: list[str]) -> DataFrame:
    """Latest notice of each event, of the event files that this batch may know."""
    events = ledger.read_files(spark, settings.root, "events", files)
    live = versions.latest(events, tenses(settings))
    return versions.with_window(live, parse_window(settings.window))
