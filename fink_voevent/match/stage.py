# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The matching stage of one night: incremental matching of new alerts and new notices.

Both inputs are sources of one streaming query. So Spark's offset log fixes the input of
each batch, and a replay has the same input. A batch is matched with the
alerts of all nights: coincidences reported on earlier nights are updated, withdrawn or
retracted by the batches of later nights. A run with a new checkpoint, of another night
or after a checkpoint is lost, makes no pair again.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

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
from fink_voevent.match.earlier_batches import EarlierBatches, event_files, time_range
from fink_voevent.match.incremental import Inputs, Matcher
from fink_voevent.score.probability import load_scorer
from fink_voevent.spark.queries import start_stage, stream_files, stream_manifests
from fink_voevent.spark.unreadable import without_unreadable
from fink_voevent.store import alert_files
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.lease import Fence
from fink_voevent.store.ledger import NOTHING, Ledger, Manifest, Written, run_name
from fink_voevent.store.unread import UnreadFiles
from fink_voevent.tables.schema import column_names
from fink_voevent.tables.times import TimeRange

_LOG = logging.getLogger(__name__)
STAGE = "match"
ANNOUNCED = "announced"  # ledger of the batches with coincidences, which route reads
QUERY = "voevent_match"  # name of the streaming query
_NIGHT = re.compile(r"/science/(\d{8})/")  # in the path of a file of science alerts
_DONE = (
    "match %(night)s: %(alerts)d new alerts, %(live_notices)d live notices,"
    " %(coincidences)d coincidences"
)
_BEYOND_CAP = (
    "match %s: %d more alerts in the region of %s, outside the part that is matched"
    " (VOEVENT_CAP_DEG2)"
)
_IN_TIME_ONLY = (
    "match %s: %d alerts in the window of %s, in time only: its sky map is not fetched"
    " yet"
)


def new_alerts(thin: DataFrame, seen: DataFrame) -> DataFrame:
    """Select the alerts that are new, each once.

    Parameters
    ----------
    thin : DataFrame
        Thin alerts of a batch: the columns of the table alerts. An alert may occur
        several times.
    seen : DataFrame
        Alerts of earlier batches, with `alert_id`.

    Returns
    -------
    DataFrame
        The columns of the table alerts. Of an alert that occurs several times, the row
        with the first `packet_file` and `alert_time` is kept.
    """
    window = Window.partitionBy("alert_id").orderBy("packet_file", "alert_time")
    ranked = thin.withColumn("_rank", F.row_number().over(window))
    once = ranked.where("_rank = 1").drop("_rank")
    return once.join(seen.select("alert_id"), "alert_id", "left_anti").select(
        column_names("alerts")
    )


def start(
    spark: SparkSession,
    settings: Settings,
    night: str,
    folder: str,
    science: StructType,
    **trigger: Any,
) -> StreamingQuery:
    """Start the stage for a night.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
    night : str
        YYYYMMDD.
    folder : str
        Folder in which Fink stores the science alerts of the night.
    science : StructType
        Their schema.
    **trigger
        Arguments of Spark's `trigger`; by default a batch every `trigger_s` seconds.
    """
    root = settings.root
    notices = stream_manifests(spark, Ledger(root, ingest_stage.STAGE))
    Ledger(root, STAGE).prepare()
    checkpoint = f"{root}/checkpoints/{STAGE}/{settings.survey}/{night}"
    process = batch_writer(settings, night, run_name(checkpoint), science)
    rows = arrivals(stream_files(spark, folder), notices)
    return start_stage(QUERY, rows, process, checkpoint, settings, **trigger)


def arrivals(files: DataFrame, notices: DataFrame) -> DataFrame:
    """Input of the stage, from files of science alerts and the manifests of ingest.

    Parameters
    ----------
    files : DataFrame
        URIs of the files, one a row, in the column `path`.
    notices : DataFrame
        Manifests of ingest, one a row, in the column `value`.

    Returns
    -------
    DataFrame
        The columns `path` and `manifest`; one of the two is null in each row.
    """
    manifests = notices.select(F.col("value").alias("manifest"))
    return files.unionByName(manifests, allowMissingColumns=True)


def batch_writer(
    settings: Settings,
    night: str,
    run: str,
    science: StructType,
    level: int = logging.INFO,
) -> Callable[[DataFrame, int], None]:
    """Return the function that matches a batch, for Spark's `foreachBatch`.

    It takes the `arrivals` of a batch and its number. It writes the new alerts and the
    coincidences, and commits them; a batch that is committed already is skipped.

    Parameters
    ----------
    settings : Settings
    night : str
        YYYYMMDD.
    run : str
        Identity of the checkpoint: `ledger.run_name`.
    science : StructType
        Schema of the science alerts.
    level : int, optional
        Level of the log messages.
    """
    own, announced = Ledger(settings.root, STAGE), Ledger(settings.root, ANNOUNCED)
    fence = Fence.take(settings.root, STAGE)
    # Read once: only one process runs a stage, so that no other one adds manifests.
    matched = own.manifests()
    is_announced = set(announced.names())
    _announce(announced, [m for m in matched if m.name not in is_announced])
    # Alerts are compacted before a night starts, never meanwhile.
    compacted = Ledger(settings.root, alert_files.STAGE).manifests()
    matching = _Matching(settings, night, run, science)
    earlier: EarlierBatches | None = None

    def process(arrived: DataFrame, batch: int) -> None:
        nonlocal earlier
        fence.check()
        if own.has(run, batch):
            return
        earlier = earlier or EarlierBatches.from_manifests(
            arrived.sparkSession, settings, matched, compacted
        )
        manifest, was_read = matching.batch(earlier, arrived, batch)
        fence.check()
        own.commit(manifest)
        matching.unread.remove(was_read)
        _announce(announced, [manifest])
        earlier = earlier.with_batch(manifest)
        _LOG.log(level, _DONE, manifest.facts)
        for event, count in sorted(manifest.facts["beyond_cap"].items()):
            _LOG.log(level, _BEYOND_CAP, night, count, event)
        for event, count in sorted(manifest.facts["in_time_only"].items()):
            _LOG.log(level, _IN_TIME_ONLY, night, count, event)

    return process


class _Matching:
    """Matches a batch and writes its results, without committing them."""

    def __init__(
        self, settings: Settings, night: str, run: str, science: StructType
    ) -> None:
        self._settings, self._night, self._run = settings, night, run
        self._science = science
        self._own = Ledger(settings.root, STAGE)
        self.unread = UnreadFiles(settings.root, f"{STAGE}-{settings.survey}")
        self._events = EventCache(settings)
        scorer = load_scorer(settings)
        self._matcher = Matcher(settings.credible_level, settings.cell_order, scorer)

    def batch(
        self, earlier: EarlierBatches, arrived: DataFrame, number: int
    ) -> tuple[Manifest, list[str]]:
        """Match the `arrivals` of a batch.

        Returns
        -------
        Manifest
            To be committed.
        list of str
            Files of science alerts that were read.
        """
        ingested = Ledger(self._settings.root, ingest_stage.STAGE)
        notices, files = _contents(ingested, arrived)
        new_events = tuple(sorted(set(event_files(notices)) - set(earlier.event_files)))
        alerts, was_read = self._alerts(earlier, files, number)
        times = time_range(open_store(self._settings.root), alerts.files)
        known = _known_events(self._events, earlier, new_events, times)
        inputs = Inputs(earlier, alerts, times, *known)
        found = incremental.coincidences(inputs, self._matcher)
        coincidences = NOTHING
        if found is not None:
            one_file = found.coalesce(1)
            coincidences = self._own.write(one_file, "coincidences", self._run, number)
        summaries = inputs.now.summaries
        facts = {
            "night": self._night,
            "survey": self._settings.survey,
            "event_files": new_events,
            "coincidences": coincidences.rows,
            "beyond_cap": incremental.count_beyond_cap(inputs, self._matcher),
            "in_time_only": incremental.count_in_time_only(inputs),
            "alerts": alerts.rows,
            "span_us": times,
            "live_notices": sum(s.span is not None for s in summaries.values()),
            "unplaced_notices": len(summary.unplaced(summaries)),
        }
        tables = {"alerts": alerts.files, "coincidences": coincidences.files}
        return Manifest(STAGE, self._run, number, tables, facts), was_read

    def _alerts(
        self, earlier: EarlierBatches, files: list[str], number: int
    ) -> tuple[Written, list[str]]:
        """Write the new alerts of files of science alerts; return the files read too.

        Among the files are those of earlier batches and nights that could not be read
        then. Those that cannot be read now are left out.
        """
        written = NOTHING

        def read(paths: Sequence[str]) -> DataFrame:
            nights: dict[str, list[str]] = {}
            for path in paths:
                nights.setdefault(self._night_of(path), []).append(path)
            return functools.reduce(
                DataFrame.unionByName,
                (self._thin(earlier.spark, *item) for item in sorted(nights.items())),
            )

        def write(paths: Sequence[str]) -> None:
            nonlocal written
            written = NOTHING
            if paths:
                nights = {self._night, *map(self._night_of, paths)}
                new = new_alerts(read(paths), earlier.alerts_in_nights(*nights))
                written = self._own.write(new.coalesce(2), "alerts", self._run, number)

        was_read = without_unreadable(files, read, write, self.unread)
        return written, was_read

    def _thin(self, spark: SparkSession, night: str, paths: list[str]) -> DataFrame:
        packets = spark.read.schema(self._science).parquet(*paths)
        return thin_alerts.thin(packets, self._settings.survey, night)

    def _night_of(self, path: str) -> str:
        """Night of a file of science alerts, YYYYMMDD."""
        found = _NIGHT.search(path)
        return found[1] if found else self._night


def _known_events(
    cache: EventCache,
    earlier: EarlierBatches,
    new_files: tuple[str, ...],
    times: TimeRange | None,
) -> tuple[KnownEvents, KnownEvents]:
    """Events as the notices before this batch have them, and with those of the batch.

    `new_files` are the files of the new notices, `times` those of the new alerts.
    """
    files = earlier.event_files
    days = None if times is None else times.whole_days()
    before = cache.read(earlier.spark, files, None if new_files else days)
    if not new_files:
        return before, before
    return before, cache.read(earlier.spark, [*files, *new_files], days)


def _announce(announced: Ledger, manifests: Iterable[Manifest]) -> None:
    """Commit the manifests that have coincidences to the ledger that route reads.

    Most batches have none, so that route need not look at them. If the process is
    killed before this is done, the next start does it.
    """
    for manifest in manifests:
        found = manifest.tables.get("coincidences")
        if found:
            # Without the files of alerts, which a compaction may have replaced.
            announced.commit(replace(manifest, tables={"coincidences": found}))


def _contents(ingested: Ledger, arrived: DataFrame) -> tuple[list[Manifest], list[str]]:
    """Manifests of ingest, and paths of the files of science alerts, in `arrivals`."""
    lines, files = arrived.agg(
        F.collect_list("manifest"), F.collect_set("path")
    ).first()
    return ingested.of_lines(lines), sorted(files)
