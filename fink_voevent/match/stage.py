# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The matching stage: incremental matching of new alerts and new notices.

A batch has as input files of science alerts of a night, and batches of ingest and of
sky maps. It is matched with the alerts of all nights: coincidences reported on earlier
nights are updated, withdrawn or retracted by the batches of later nights.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812
from pyspark.sql.types import StructType

from fink_voevent.alerts import thin_alerts
from fink_voevent.config.settings import Settings
from fink_voevent.errors import StorageError
from fink_voevent.events.cache import EventCache, Until
from fink_voevent.ingest import skymaps
from fink_voevent.ingest import stage as ingest_stage
from fink_voevent.match import candidates, incremental
from fink_voevent.match.earlier_batches import EarlierBatches, alert_times
from fink_voevent.match.incremental import Inputs, Matcher
from fink_voevent.score.probability import load_scorer
from fink_voevent.spark import dataframes
from fink_voevent.spark.queries import FileStream
from fink_voevent.spark.unreadable import without_unreadable
from fink_voevent.store import upkeep
from fink_voevent.store.batches import FIRST, Batch, BatchLog, FileSource, Input
from fink_voevent.store.delta import NOTHING, Tables, Written, clean_staging
from fink_voevent.store.unread import UnreadFiles, due
from fink_voevent.tables.schema import column_names

_LOG = logging.getLogger(__name__)
STAGE = "match"
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
    wake: Callable[[], Any] = lambda: None,
) -> MatchStage:
    """Start the stage for a night: find its science alerts, and those that come.

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
    wake : callable, optional
        Called after files were found.
    """
    name = f"{STAGE}-{night}"
    files = FileStream(spark, name, folder, settings.trigger_s, wake)
    try:
        return MatchStage(spark, settings, night, files, science)
    except BaseException:
        files.stop()
        raise


class MatchStage:
    """The stage of one night, batch by batch: see `store.batches.Stage`.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
    night : str
        YYYYMMDD.
    files : FileSource
        Files of science alerts of the night.
    science : StructType
        Schema of the science alerts.
    level : int, optional
        Level of the log messages.

    Raises
    ------
    StorageError
        If a batch of another survey was interrupted.
    """

    def __init__(
        self,
        spark: SparkSession,
        settings: Settings,
        night: str,
        files: FileSource,
        science: StructType,
        level: int = logging.INFO,
    ) -> None:
        self._spark, self._settings, self.night = spark, settings, night
        self.files, self._science, self._level = files, science, level
        self._tables = Tables(settings.root)
        self.log = BatchLog(self._tables, STAGE)
        self._unread = UnreadFiles(settings.root, f"{STAGE}-{settings.survey}")
        scorer = load_scorer(settings)
        self._matcher = Matcher(settings.credible_level, settings.cell_order, scorer)
        clean_staging(settings.root, STAGE)
        interrupted = self.log.unfinished()
        if interrupted and interrupted.input.survey != settings.survey:
            raise StorageError(
                f"a batch of {interrupted.input.survey} was interrupted in"
                f" {settings.root}: let voevent_match finish it first, with"
                f" VOEVENT_SURVEY={interrupted.input.survey}"
            )
        self._events = EventCache(spark, self._tables, settings)
        self._judge = candidates.Judge(
            self._events.current.states,
            self._events.rows,
            settings.credible_level,
            candidates.load_scorer(settings),
        )
        # Notices up to here are matched, or are known to change nothing.
        self._looked = self._until_before(self.log.last_done() + 1)
        self._events.advance(self._looked)
        self._waiting: dict[str, None] = {}  # files, in order
        self._processed = self.log.files_of_night(night)
        if interrupted:  # its files are in the record already
            self._processed -= set(interrupted.input.files)

    def _until_before(self, number: int) -> Until:
        """Notices that the batch of our survey before another batch has read."""
        last = self.log.newest_planned(self._settings.survey, before=number)
        return Until() if last is None else _until(last.input)

    def next_input(self) -> Input | None:
        """Return the new files and notices; None if there are none."""
        unread = self._unread.files()
        left_out = {file.path for file in unread}
        found = [f for f in self.files.take() if f not in left_out]
        found = [f for f in found if f not in self._processed] + due(unread)
        self._waiting |= dict.fromkeys(found)
        done = Until(
            self.log.last_done(ingest_stage.STAGE), self.log.last_done(skymaps.STAGE)
        )
        if not self._waiting and not self._has_notices(self._looked, done):
            self._looked = done
            return None
        until = {ingest_stage.STAGE: done.ingest, skymaps.STAGE: done.maps}
        return Input(tuple(self._waiting), until, self.night, self._settings.survey)

    def _has_notices(self, after: Until, until: Until) -> bool:
        """Whether batches have recorded events, sky maps or what makes them count."""
        for table, first, last in (
            ("events", after.ingest + 1, until.ingest),
            ("copies", after.ingest + 1, until.ingest),
            ("trust", after.ingest + 1, until.ingest),
            ("maps", after.maps + 1, until.maps),
        ):
            if last < first:
                continue
            if self._tables.rows_of(table, ["batch"], first, last).num_rows:
                return True
        return False

    def process(self, batch: Batch) -> Mapping[str, Any]:
        """Match a batch: write its new alerts, coincidences and candidates."""
        number, until = batch.number, _until(batch.input)
        earlier = EarlierBatches(self._spark, self._tables, self._settings, number)
        alerts = self._alerts(earlier, batch)
        times = alert_times(self._tables, number) if alerts.rows else None
        changes = self._events.advance(until)
        inputs = Inputs(earlier, alerts, times, self._events, changes)
        coincidences = NOTHING
        if self._tables.has("coincidences", STAGE, number):
            coincidences = self._tables.written("coincidences", number)
        elif (found := incremental.coincidences(inputs, self._matcher)) is not None:
            coincidences = dataframes.append(
                self._tables, "coincidences", found.coalesce(1), STAGE, number
            )
        candidates.write(self._tables, STAGE, number, self._judge)
        return {
            "night": batch.input.night,
            "survey": batch.input.survey,
            "coincidences": coincidences.rows,
            "candidates": candidates.new_by_class(self._tables, number),
            "beyond_cap": incremental.count_beyond_cap(inputs, self._matcher),
            "in_time_only": incremental.count_in_time_only(inputs),
            "alerts": alerts.rows,
            "live_notices": self._events.current.matchable,
            "unplaced_notices": self._events.current.awaiting_map,
        }

    def finished(self, batch: Batch, facts: Mapping[str, Any]) -> None:
        """Keep in mind what was processed, and log what was found."""
        self._looked = _until(batch.input)
        for file in batch.input.files:
            self._waiting.pop(file, None)
        if batch.input.night == self.night:
            self._processed.update(batch.input.files)
        for table in ("alerts", "coincidences", candidates.TABLE):
            upkeep.compact_if_due(self._tables, table)
        _LOG.log(self._level, _DONE, facts)
        for event, count in sorted(facts["beyond_cap"].items()):
            _LOG.log(self._level, _BEYOND_CAP, facts["night"], count, event)
        for event, count in sorted(facts["in_time_only"].items()):
            _LOG.log(self._level, _IN_TIME_ONLY, facts["night"], count, event)

    def _alerts(self, earlier: EarlierBatches, batch: Batch) -> Written:
        """Write the new alerts of a batch.

        Files that cannot be read now are left out, and tried again later: see
        `UnreadFiles`.
        """
        if self._tables.has("alerts", STAGE, batch.number):
            return self._tables.written("alerts", batch.number)
        written = NOTHING

        def read(paths: Sequence[str]) -> DataFrame:
            nights: dict[str, list[str]] = {}
            for path in paths:
                night = _night_of(path) or batch.input.night
                nights.setdefault(night, []).append(path)
            return functools.reduce(
                DataFrame.unionByName,
                (self._thin(*item) for item in sorted(nights.items())),
            )

        def write(paths: Sequence[str]) -> None:
            nonlocal written
            written = NOTHING
            if paths:
                nights = {_night_of(path) or batch.input.night for path in paths}
                new = new_alerts(read(paths), earlier.alerts_in_nights(*nights))
                written = dataframes.append(
                    self._tables, "alerts", new.coalesce(2), STAGE, batch.number
                )

        was_read = without_unreadable(batch.input.files, read, write, self._unread)
        self._unread.remove(was_read)
        return written

    def _thin(self, night: str, paths: list[str]) -> DataFrame:
        packets = self._spark.read.schema(self._science).parquet(*paths)
        return thin_alerts.thin(packets, self._settings.survey, night)


def _until(planned: Input) -> Until:
    """Notices that a batch reads."""
    return Until(
        planned.until.get(ingest_stage.STAGE, FIRST - 1),
        planned.until.get(skymaps.STAGE, FIRST - 1),
    )


def _night_of(path: str) -> str:
    """Night of a file of science alerts, YYYYMMDD; empty if its path has none."""
    found = _NIGHT.search(path)
    return found[1] if found else ""
