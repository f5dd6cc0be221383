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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming import StreamingQuery

from fink_voevent import background, ingest, ledger, match, regions, surveys, versions
from fink_voevent.ledger import Ledger, Manifest, run_of
from fink_voevent.live import Live
from fink_voevent.past import Past, Span, event_files, reach, reachable, span_of
from fink_voevent.schema import names
from fink_voevent.score import Scorer
from fink_voevent.settings import Settings

_LOG = logging.getLogger(__name__)
STAGE = "match"


@dataclass(frozen=True)
class Inputs:
    """What a batch matches.

    Parameters
    ----------
    fresh, seen : DataFrame
        Thin alerts of this batch, and those handed over before it, of any night.
    journal : DataFrame
        Coincidences handed over before this batch.
    live : DataFrame
        `versions.latest` of the notices known to this batch, windows applied.
    span : Span or None
        Times of the fresh alerts; None where there is none.
    changed : DataFrame or None
        Rows of `versions.latest` that the notices of this batch changed; None without
        notices.
    batch : int
        Count of the batches before it, of any night.
    """

    fresh: DataFrame
    seen: DataFrame
    journal: DataFrame
    live: DataFrame
    span: Span | None
    changed: DataFrame | None
    batch: int


class Arrived(NamedTuple):
    """New alerts of a batch, their times, new event files, batches before it."""

    alerts: DataFrame
    span: Span | None
    event_files: tuple[str, ...]
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
) -> DataFrame:
    """Coincidences of one batch.

    Parameters
    ----------
    inputs : Inputs
        What is new in this batch, and what was there before it.
    credible_level
        See `match.pairs`.
    cell_order
        See `regions.plan`.
    scorer : Scorer, optional
        Gives the chance probabilities, where a background rate is known.
    """

    def met(alerts: DataFrame, events: DataFrame) -> DataFrame:
        order = regions.plan(events, cell_order).order
        found = match.pairs(alerts, events, credible_level, order, inputs.batch)
        return found if scorer is None else scorer.score(found, events)

    found = []  # without anything new nothing is planned: Spark takes its time for it
    if inputs.span is not None:
        live = reachable(versions.matchable(inputs.live), inputs.span)
        found.append(match.with_status(met(inputs.fresh, live), "new"))
    changed = inputs.changed
    if changed is not None:
        again = met(inputs.seen, versions.matchable(changed))
        before = versions.view(
            inputs.journal.join(
                F.broadcast(changed.select("event_id")), "event_id", "left_semi"
            )
        )
        found.append(versions.revised(again, before, changed, inputs.batch))
    nothing = inputs.journal.limit(0).select(names("coincidences"))
    return functools.reduce(DataFrame.unionByName, found or [nothing])


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


def scorer_of(settings: Settings) -> Scorer | None:
    """Scorer by the newest background snapshot of the survey, if there is one."""
    found = background.newest(background.folder(settings.root), settings.survey)
    if found is None:
        _LOG.info(
            "no background rate of %s: p_chance will be null;"
            " fink_voevent background makes one of past nights",
            settings.survey,
        )
        return None
    return Scorer(found, settings.credible_level)


def batch_writer(
    settings: Settings, night: str, run: str
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
        lines = arrived.where("manifest IS NOT NULL").select("manifest").collect()
        told = event_files([ledger.parse(line.manifest) for line in lines])
        arriving = tuple(sorted(set(told) - set(past.event_files)))
        thin = arrived.where("manifest IS NULL").select(names("alerts"))
        fresh = new_alerts(thin, past.alerts_of(night)).coalesce(2)
        alerts = own.write(fresh, "alerts", run, batch)
        fresh = ledger.read_files(past.spark, settings.root, "alerts", alerts.files)
        span = span_of(fresh) if alerts.rows else None
        new = Arrived(fresh, span, arriving, len(manifests))
        with _inputs(past, live, new) as inputs:
            found = delta(inputs, *matching)
            coincidences = own.write(found.coalesce(1), "coincidences", run, batch)
            live_notices = versions.matchable(inputs.live).count()
        facts = {
            "night": night,
            "survey": settings.survey,
            "event_files": arriving,
            "alerts": alerts.rows,
            "span_us": span,
            "coincidences": coincidences.rows,
            "live_notices": live_notices,
        }
        tables = {"alerts": alerts.files, "coincidences": coincidences.files}
        own.commit(Manifest(STAGE, run, batch, tables, facts))
        _LOG.info(
            "match %(night)s: %(alerts)d new alerts, %(live_notices)d live notices,"
            " %(coincidences)d coincidences",
            facts,
        )

    return process


@contextmanager
def _inputs(past: Past, live: Live, arrived: Arrived) -> Iterator[Inputs]:
    """Give the inputs of a batch; what changed is in memory meanwhile."""
    known = past.event_files
    before = live.of(past.spark, known)
    latest = live.of(past.spark, [*known, *arrived.event_files])
    changed, within = None, None
    if arrived.event_files:
        changed = versions.changed(latest, before).persist()
        within = reach(versions.matchable(changed))
    try:
        yield Inputs(
            fresh=arrived.alerts,
            seen=past.alerts_within(within),
            journal=past.coincidences(),
            live=latest,
            span=arrived.span,
            changed=changed,
            batch=arrived.number,
        )
    finally:
        if changed is not None:
            changed.unpersist()
