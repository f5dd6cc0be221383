# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The matching stage of one night: a delta join over new alerts and new notices.

Both inputs are sources of one query, so that Spark's offset log says what belongs to
which batch, and a replay finds the same. What was there before is that of all nights:
what is told of last night's alerts is updated, withdrawn and retracted tonight, and a
run that starts anew (another night, a checkpoint that was lost) makes no pair again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.streaming import StreamingQuery
from pyspark.sql.types import StructType

from fink_voevent.alerts import thin_alerts
from fink_voevent.config.settings import Settings
from fink_voevent.events import summary
from fink_voevent.events.cache import EventCache, KnownEvents
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.match import incremental
from fink_voevent.match.earlier_batches import EarlierBatches, event_files, span_of
from fink_voevent.match.incremental import Inputs, Rules
from fink_voevent.score.probability import scorer_of
from fink_voevent.store import alert_files, ledger
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.lease import Fence
from fink_voevent.store.ledger import NOTHING, Ledger, Manifest, Written, run_of
from fink_voevent.tables.schema import names
from fink_voevent.tables.times import TimeRange

_LOG = logging.getLogger(__name__)
STAGE = "match"
ANNOUNCED = "told"  # those of its manifests that hold coincidences: what route streams
QUERY = "voevent_match"  # its name
_DONE = (
    "match %(night)s: %(alerts)d new alerts, %(live_notices)d live notices,"
    " %(coincidences)d coincidences"
)
_BEYOND = (
    "match %s: %d more alerts in the region of %s, beyond the part that is matched"
    " (VOEVENT_CAP_DEG2)"
)
_IN_TIME = "match %s: %d alerts in the window of %s, in time only: its map is awaited"


def new_alerts(thin: DataFrame, seen: DataFrame) -> DataFrame:
    """Alerts of a batch that are not `seen`, each once."""
    window = Window.partitionBy("alert_id").orderBy("packet_file", "alert_time")
    ranked = thin.withColumn("_rank", F.row_number().over(window))
    once = ranked.where("_rank = 1").drop("_rank")
    return once.join(seen.select("alert_id"), "alert_id", "left_anti").select(
        names("alerts")
    )


def start(
    spark: SparkSession,
    settings: Settings,
    night: str,
    science: DataFrame,
    **trigger: Any,
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
    **trigger
        As Spark's `trigger` takes it; by default every `trigger_s`.
    """
    root = settings.root
    events = Ledger(root, ingest_stage.STAGE)
    events.prepare()
    Ledger(root, STAGE).prepare()
    notices = spark.readStream.option("maxFileAge", ingest_stage.FOREVER).text(
        events.folder
    )
    checkpoint = f"{root}/checkpoints/{STAGE}/{settings.survey}/{night}"
    process = batch_writer(settings, night, run_of(checkpoint), science.schema)
    return (
        arrivals(science, notices)
        .writeStream.foreachBatch(process)
        .queryName(QUERY)
        .option("checkpointLocation", checkpoint)
        .trigger(**(trigger or {"processingTime": f"{settings.trigger_s} seconds"}))
        .start()
    )


def arrivals(science: DataFrame, notices: DataFrame) -> DataFrame:
    """Input of a batch: files of science alerts, and lines of manifests of ingest."""
    # the files' names alone: a batch reads what it needs of them, once
    files = science.select(F.col("_metadata.file_path").alias("file"))
    manifests = notices.select(F.col("value").alias("manifest"))
    return files.unionByName(manifests, allowMissingColumns=True)


def batch_writer(
    settings: Settings,
    night: str,
    run: str,
    science: StructType,
    level: int = logging.INFO,
) -> Callable[[DataFrame, int], None]:
    """Return what `foreachBatch` calls: match, write, hand over; once for a batch.

    What it did is logged at `level`.
    """
    own, told = Ledger(settings.root, STAGE), Ledger(settings.root, ANNOUNCED)
    fence = Fence.take(settings.root, STAGE)
    earlier = own.manifests()  # one process runs a stage: no other adds to them
    there = set(told.names())
    _tell(told, [m for m in earlier if m.name not in there])
    compacted = Ledger(
        settings.root, alert_files.STAGE
    ).manifests()  # before a start, only
    matching = _Matching(settings, night, run, science)
    past: EarlierBatches | None = None

    def process(arrived: DataFrame, batch: int) -> None:
        nonlocal past
        fence.check()
        if own.has(run, batch):
            return
        past = past or EarlierBatches.of(
            arrived.sparkSession, settings, earlier, compacted
        )
        manifest = matching.batch(past, arrived, batch)
        fence.check()
        own.commit(manifest)
        _tell(told, [manifest])
        past = past.plus(manifest)
        _LOG.log(level, _DONE, manifest.facts)
        for event, count in sorted(manifest.facts["beyond_cap"].items()):
            _LOG.log(level, _BEYOND, night, count, event)
        for event, count in sorted(manifest.facts["in_time_only"].items()):
            _LOG.log(level, _IN_TIME, night, count, event)

    return process


class _Matching:
    """Matches a batch and writes what it found, not yet handed over."""

    def __init__(
        self, settings: Settings, night: str, run: str, science: StructType
    ) -> None:
        self._settings, self._night, self._run = settings, night, run
        self._science = science
        self._own = Ledger(settings.root, STAGE)
        self._live = EventCache(settings)
        scorer = scorer_of(settings)
        self._rules = Rules(settings.credible_level, settings.cell_order, scorer)

    def batch(self, past: EarlierBatches, arrived: DataFrame, number: int) -> Manifest:
        """Match what arrived with all that was there, and give what is to commit."""
        notices, files = _contents(arrived)
        arriving = tuple(sorted(set(event_files(notices)) - set(past.event_files)))
        alerts = self._alerts(past, files, number)
        span = span_of(open_store(self._settings.root), alerts.files)
        inputs = Inputs(past, alerts, span, *_known(self._live, past, arriving, span))
        found = incremental.coincidences(inputs, self._rules)
        coincidences = NOTHING
        if found is not None:
            few = found.coalesce(1)
            coincidences = self._own.write(few, "coincidences", self._run, number)
        facts = {
            "night": self._night,
            "survey": self._settings.survey,
            "event_files": arriving,
            "coincidences": coincidences.rows,
            "beyond_cap": incremental.beyond_cap(inputs, self._rules),
            "in_time_only": incremental.in_time_only(inputs),
            **_told_of(inputs),
        }
        tables = {"alerts": alerts.files, "coincidences": coincidences.files}
        return Manifest(STAGE, self._run, number, tables, facts)

    def _alerts(self, past: EarlierBatches, files: list[str], number: int) -> Written:
        """Write those alerts of the files that are new."""
        if not files:
            return NOTHING
        packets = past.spark.read.schema(self._science).parquet(*files)
        thin = thin_alerts.thin(packets, self._settings.survey, self._night)
        fresh = new_alerts(thin, past.alerts_of(self._night)).coalesce(2)
        return self._own.write(fresh, "alerts", self._run, number)


def _known(
    live: EventCache,
    past: EarlierBatches,
    arriving: tuple[str, ...],
    span: TimeRange | None,
) -> tuple[KnownEvents, KnownEvents]:
    """Know the notices of before a batch, and with those that arrive in it."""
    files = past.event_files
    days = None if span is None else span.whole_days()
    before = live.of(past.spark, files, None if arriving else days)
    if not arriving:
        return before, before
    return before, live.of(past.spark, [*files, *arriving], days)


def _tell(told: Ledger, manifests: Iterable[Manifest]) -> None:
    """Hand the manifests that hold coincidences to route.

    Most batches find none: route need not look at them. A process that is killed just
    before this does it when it starts again.
    """
    for manifest in manifests:
        found = manifest.tables.get("coincidences")
        if found:
            # not of its alerts: they may be another file's by now
            told.commit(replace(manifest, tables={"coincidences": found}))


def _told_of(inputs: Inputs) -> dict[str, Any]:
    return {
        "alerts": inputs.alerts.rows,
        "span_us": inputs.span,
        "live_notices": sum(b.span is not None for b in inputs.now.digest.values()),
        "unplaced_notices": len(summary.unplaced(inputs.now.digest)),
    }


def _contents(arrived: DataFrame) -> tuple[list[Manifest], list[str]]:
    """Manifests of ingest that arrived, and the files of science alerts that did."""
    lines, files = arrived.agg(
        F.collect_list("manifest"), F.collect_set("file")
    ).first()
    # Spark tells names encoded, reads them plain
    return [ledger.parse(line) for line in lines], sorted(map(unquote, files))
