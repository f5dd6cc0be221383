# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The matching stage of one night: a delta join over new alerts and new notices.

With dA and dE of a batch, A and E of the batches before::

    pairs(dA, latest(E + dE))  +  pairs(A, latest(E + dE) where its notice is in dE)

Each pair is made by exactly one side, in either order of arrival. Both inputs are
sources of one query, so that Spark's offset log says what belongs to which batch, and a
replay finds the same. A and E are those of all nights: what is told of last night's
alerts is updated, withdrawn and retracted tonight, and a run that starts anew (another
night, a checkpoint that was lost) makes no pair again.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming import StreamingQuery
from pyspark.sql.types import StructType

from fink_voevent import digest, ingest, ledger, match, surveys, versions
from fink_voevent.digest import Digest, Span
from fink_voevent.ledger import NOTHING, Ledger, Manifest, Written, run_of
from fink_voevent.live import Known, Live
from fink_voevent.past import Past, event_files, span_of
from fink_voevent.schema import names
from fink_voevent.score import Scorer, scorer_of
from fink_voevent.settings import Settings
from fink_voevent.storage import open_store

_LOG = logging.getLogger(__name__)
STAGE = "match"
# How some alerts meet some notices, of which the digest is given too.
Met = Callable[[DataFrame, DataFrame, Digest], DataFrame]


@dataclass(frozen=True)
class Inputs:
    """What a batch matches.

    Parameters
    ----------
    past : Past
        Of the batches before it.
    alerts : Written
        Thin alerts of this batch.
    span : Span or None
        Times of those; None where there is none.
    before, now : Known
        The notices known before this batch, and to it.
    number : int
        Count of the batches before it, of any night.
    """

    past: Past
    alerts: Written
    span: Span | None
    before: Known
    now: Known
    number: int


def new_alerts(thin: DataFrame, seen: DataFrame) -> DataFrame:
    """Alerts of a batch that are not `seen`, each once."""
    window = Window.partitionBy("alert_id").orderBy("packet_file", "alert_time")
    ranked = thin.withColumn("_rank", F.row_number().over(window))
    once = ranked.where("_rank = 1").drop("_rank")
    return once.join(seen.select("alert_id"), "alert_id", "left_anti").select(
        names("alerts")
    )


def delta(
    inputs: Inputs,
    credible_level: float,
    cell_order: int,
    scorer: Scorer | None = None,
) -> DataFrame | None:
    """Coincidences of one batch; None where nothing of it can coincide.

    Parameters
    ----------
    inputs : Inputs
        What is new in this batch, and what was there before it.
    credible_level
        See `match.pairs`.
    cell_order
        See `digest.order`.
    scorer : Scorer, optional
        Gives the chance probabilities, where a background rate is known.
    """

    def met(alerts: DataFrame, live: DataFrame, brief: Digest) -> DataFrame:
        events, order = versions.matchable(live), digest.order(brief, cell_order)
        found = match.pairs(alerts, events, credible_level, order, inputs.number)
        return found if scorer is None else scorer.score(found, events)

    # without anything new nothing is planned: Spark takes its time for it
    sides = (_new_alerts_side(inputs, met), _new_notices_side(inputs, met))
    found = [side for side in sides if side is not None]
    return functools.reduce(DataFrame.unionByName, found) if found else None


def _new_alerts_side(inputs: Inputs, met: Met) -> DataFrame | None:
    """Pairs of the alerts of this batch with all notices."""
    if inputs.span is None:
        return None
    days = inputs.span.whole_days()  # one plan for a night: Spark compiles it once
    brief = digest.within(inputs.now.digest, days)
    if not brief:
        return None
    past = inputs.past
    fresh = past.read_files("alerts", inputs.alerts.files)
    live = digest.reachable(inputs.now.latest, days)
    return match.with_status(met(fresh, live, brief), "new")


def _new_notices_side(inputs: Inputs, met: Met) -> DataFrame | None:
    """Pairs that the notices of this batch make, renew or take back."""
    now, before, past = inputs.now, inputs.before, inputs.past
    events = digest.changed(now.digest, before.digest)
    if not events:
        return None
    brief = digest.chosen(now.digest, events)
    span = digest.reach(brief)
    known = [event for event in events if event in before.digest]
    if span is None and not known:
        return None
    changed = versions.only(now.latest, events)
    again = met(past.alerts_within(span), changed, brief)
    if not known:  # then nothing was told of them yet
        return match.with_status(again, "new")
    told = versions.view(versions.only(past.coincidences(), known))
    return versions.revised(again, told, changed, inputs.number)


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
    # the files' names alone: a batch reads what it needs of them, once
    files = science.select(F.col("_metadata.file_path").alias("file"))
    notices = (
        spark.readStream.option("maxFileAge", ingest.FOREVER)
        .text(events.folder)
        .select(F.col("value").alias("manifest"))
    )
    checkpoint = f"{root}/checkpoints/{STAGE}/{settings.survey}/{night}"
    process = batch_writer(settings, night, run_of(checkpoint), science.schema)
    return (
        files.unionByName(notices, allowMissingColumns=True)
        .writeStream.foreachBatch(process)
        .queryName("voevent_match")
        .option("checkpointLocation", checkpoint)
        .trigger(processingTime=f"{settings.trigger_s} seconds")
        .start()
    )


def batch_writer(
    settings: Settings, night: str, run: str, science: StructType
) -> Callable[[DataFrame, int], None]:
    """Return what `foreachBatch` calls: match, write, hand over; once for a batch."""
    own = Ledger(settings.root, STAGE)
    live, scorer = Live(settings), scorer_of(settings)
    matching = (settings.credible_level, settings.cell_order, scorer)

    def process(arrived: DataFrame, batch: int) -> None:
        if own.has(run, batch):
            return
        manifests = [m for m in own.manifests() if m.run != run or m.batch < batch]
        past = Past(
            arrived.sparkSession,
            settings,
            tuple(m for m in manifests if m.facts["survey"] == settings.survey),
        )
        notices, files = _contents(arrived)
        arriving = tuple(sorted(set(event_files(notices)) - set(past.event_files)))
        alerts = NOTHING
        if files:
            packets = past.spark.read.schema(science).parquet(*files)
            thin = surveys.thin(packets, settings.survey, night)
            fresh = new_alerts(thin, past.alerts_of(night)).coalesce(2)
            alerts = own.write(fresh, "alerts", run, batch)
        span = span_of(open_store(settings.root), alerts.files)
        known = past.event_files
        before = live.of(past.spark, known)
        now = live.of(past.spark, [*known, *arriving]) if arriving else before
        inputs = Inputs(past, alerts, span, before, now, len(manifests))
        found = delta(inputs, *matching)
        coincidences = NOTHING
        if found is not None:
            coincidences = own.write(found.coalesce(1), "coincidences", run, batch)
        facts = {
            "night": night,
            "survey": settings.survey,
            "event_files": arriving,
            "coincidences": coincidences.rows,
            **_told_of(inputs),
        }
        tables = {"alerts": alerts.files, "coincidences": coincidences.files}
        own.commit(Manifest(STAGE, run, batch, tables, facts))
        _LOG.info(
            "match %(night)s: %(alerts)d new alerts, %(live_notices)d live notices,"
            " %(coincidences)d coincidences",
            facts,
        )

    return process


def _told_of(inputs: Inputs) -> dict[str, Any]:
    return {
        "alerts": inputs.alerts.rows,
        "span_us": inputs.span,
        "live_notices": sum(b.span is not None for b in inputs.now.digest.values()),
    }


def _contents(arrived: DataFrame) -> tuple[list[Manifest], list[str]]:
    """Manifests of ingest that arrived, and the files of science alerts that did."""
    lines, files = arrived.agg(
        F.collect_list("manifest"), F.collect_set("file")
    ).first()
    # Spark tells names encoded, reads them plain
    return [ledger.parse(line) for line in lines], sorted(map(unquote, files))
