# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Matching on data at rest: a past night of alerts, and notices from files.

The functions are those of the services, so that pairs and identifiers are the same.
"""

from __future__ import annotations

import functools
import logging
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.alerts import thin_alerts
from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError
from fink_voevent.events import event_state
from fink_voevent.events.event_state import States
from fink_voevent.filters.discover import discover
from fink_voevent.match import candidates as match_candidates
from fink_voevent.match import night_change, pairing, time_only
from fink_voevent.match import stage as match_stage
from fink_voevent.match.candidates import Judge
from fink_voevent.match.complete_nights import complete_nights
from fink_voevent.match.earlier_batches import EarlierBatches
from fink_voevent.offline import candidates
from fink_voevent.offline import scramble as scrambling
from fink_voevent.offline.notices import ReadNotices, read_notices
from fink_voevent.score import candidates as score_candidates
from fink_voevent.score.candidates import JOURNAL_COLUMNS
from fink_voevent.score.classes import CLASSES
from fink_voevent.score.probability import load_scorer
from fink_voevent.score.reports import with_reports
from fink_voevent.spark.dataframes import spark_schema
from fink_voevent.store.batches import BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.times import TimeRange

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class MatchSummary:
    """Counts of one run of `match_night`.

    Parameters
    ----------
    documents : int
        Documents that were read.
    events : int
        Notices among them.
    live : int
        Events that an alert can match: with a region and a time, and not retracted.
    alerts : int
        Alerts that were searched.
    coincidences : int
        Pairs that were found.
    candidates : dict of str to int
        By class, objects in these pairs.
    beyond_cap : dict of str to int
        By event, alerts in its region that only `cap_deg2` left out: see `area_cap`.
    in_time_only : dict of str to int
        By event without its sky map, alerts in its window: see `time_only`.
    span : TimeRange or None, optional
        Times of the first and the last alert; None if there is no alert.
    covering : int, optional
        Events whose window overlaps `span`.
    """

    documents: int
    events: int
    live: int
    alerts: int
    coincidences: int
    candidates: dict[str, int]
    beyond_cap: dict[str, int]
    in_time_only: dict[str, int]
    span: TimeRange | None = None
    covering: int = 0


def match_night(
    spark: SparkSession,
    settings: Settings,
    alerts: str,
    notices: Iterable[str],
    out: Path,
    formats: Iterable[str] = ("parquet",),
) -> MatchSummary:
    """Match a folder of Fink's science alerts with notices and write the coincidences.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
        `survey`, `credible_level`, `window`, `cell_order`, `streams`, `allow_tests`.
    alerts : str
        Folder of science alerts in Parquet: a night of ``science/`` or of the archive.
    notices : iterable of str
        Paths of files, folders, tar archives or landing folders.
    out : Path
        Folder for ``coincidences.parquet`` and ``candidates.parquet`` (and ``.csv``),
        which are replaced; the columns are those of the tables, and of candidates also
        `topics`, the names of the filters that they pass.
    formats : iterable of {"parquet", "csv"}

    Raises
    ------
    InputError
        If the input is missing or not what it should be.
    """
    science = _science(spark, alerts)
    _LOG.info("reading the notices")
    with tempfile.TemporaryDirectory(prefix="fink_voevent-") as scratch:
        notices_read = read_notices(spark, settings, notices, Path(scratch))
        thin = match_stage.new_alerts(
            thin_alerts.thin(science, settings.survey),
            spark.createDataFrame([], spark_schema("alerts")),
        ).persist()
        states = notices_read.current.states
        placed = event_state.matchable(states)
        live = notices_read.rows(placed).persist()
        pairs = _placed(thin, live, settings, placed)
        unplaced = event_state.awaiting_map(states)
        span = _time_range(thin)
        _LOG.info(
            "%d documents read; matching %d events with the alerts",
            notices_read.documents,
            len(placed) + len(unplaced),
        )
        without_map = notices_read.rows(unplaced)
        if unplaced:
            pairs = pairs.unionByName(time_only.pairs(thin, without_map))
        found = pairing.with_status(pairs, "new").orderBy(
            "event_id", F.asc_nulls_last("credible_level"), "alert_id"
        )
        rows = _write(found, Path(scratch), out, formats)
        scorer = match_candidates.load_scorer(settings)
        judge = Judge(states, notices_read.rows, settings.credible_level, scorer)
        judged = _candidates(rows, settings, judge)
        _write_candidates(judged, out, formats)
        counts = MatchSummary(
            notices_read.documents,
            notices_read.notices,
            len(placed),
            thin.count(),
            rows.num_rows,
            _counts(judged),
            _beyond(thin, notices_read, settings, event_state.capped(states)),
            time_only.count_alerts(thin, without_map) if unplaced else {},
            span,
            0
            if span is None
            else len(event_state.within({**placed, **unplaced}, span)),
        )
        for frame in (thin, live):
            frame.unpersist()
    return counts


def _time_range(thin: DataFrame) -> TimeRange | None:
    """Return the times of the first and the last alert; None if there is none."""
    moments = [F.unix_micros(f("alert_time")) for f in (F.min, F.max)]
    first, last = thin.agg(*moments).head()
    return None if first is None else TimeRange(first, last)


def _placed(
    thin: DataFrame, live: DataFrame, settings: Settings, states: States
) -> DataFrame:
    """Pairs of thin alerts with events, scored if background rates are known."""
    order = event_state.order(states, settings.cell_order)
    pairs = pairing.pairs(thin, live, settings.credible_level, order)
    scorer = load_scorer(settings)
    return pairs if scorer is None else scorer.score(pairs, live)


def _beyond(
    thin: DataFrame, notices: ReadNotices, settings: Settings, large: States
) -> dict[str, int]:
    if not large:
        return {}
    order = event_state.order(large, settings.cell_order)
    events = notices.rows(large)
    return pairing.count_beyond_cap(thin, events, settings.credible_level, order)


def scramble(
    spark: SparkSession,
    settings: Settings,
    alerts: Iterable[str],
    notices: Iterable[str],
    shifts_days: Iterable[int],
) -> scrambling.ScrambleCounts:
    """Match notices that were moved on the sky with the alerts of past nights.

    Raises
    ------
    InputError
        If the input is missing, or no background rate is known.
    """
    scorer = load_scorer(settings)
    if scorer is None:
        raise InputError(
            f"no background rate of {settings.survey} in {settings.root}/background:"
            " make it with fink_voevent background"
        )
    thin = past_alerts(spark, settings, alerts).persist()
    with tempfile.TemporaryDirectory(prefix="fink_voevent-") as scratch:
        found = read_notices(spark, settings, notices, Path(scratch))
        placed = event_state.matchable(found.current.states)
        order = event_state.order(placed, settings.cell_order)
        live = found.rows(placed)
        counts = scrambling.measure(thin, live, scorer, shifts_days, order)
        thin.unpersist()
    return counts


def past_alerts(
    spark: SparkSession, settings: Settings, folders: Iterable[str]
) -> DataFrame:
    """Thin alerts of past nights, from science folders or from the table alerts.

    From the table, complete nights are taken: no night that may still go on, and none
    of which only the alerts of coincidences are kept.

    Returns
    -------
    DataFrame
        Columns of the table alerts, each alert once.

    Raises
    ------
    InputError
        If a folder is missing or not of the survey, or the table has no complete night.
    """
    parts = [thin_alerts.thin(_science(spark, f), settings.survey) for f in folders]
    if not parts:
        return _matched_alerts(spark, settings)
    together = functools.reduce(DataFrame.unionByName, parts)
    return match_stage.new_alerts(
        together, spark.createDataFrame([], spark_schema("alerts"))
    )


def _matched_alerts(spark: SparkSession, settings: Settings) -> DataFrame:
    tables = Tables(settings.root)
    nights = complete_nights(tables, settings.survey, night_change.today())
    if not nights:
        raise InputError(
            f"no complete night of {settings.survey} in {settings.root}: give nights"
            " with --alerts"
        )
    last = BatchLog(tables, match_stage.STAGE).last_done()
    past = EarlierBatches(spark, tables, settings, last + 1)
    return past.alerts_in_nights(*nights)


def _science(spark: SparkSession, location: str) -> DataFrame:
    try:
        return spark.read.parquet(location)
    except AnalysisException as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"no science alerts at {location}: {reason}") from None


def _write(
    found: DataFrame, scratch: Path, out: Path, formats: Iterable[str]
) -> pa.Table:
    """Write one file of each format into `out`, and return the rows."""
    parts = scratch / "parquet"
    found.coalesce(1).write.parquet(parts.as_uri())
    written = next(iter(parts.glob("*.parquet")))
    store = open_store(str(out))
    for kind in dict.fromkeys(("parquet", *formats)):
        if kind == "csv":
            again = found.sparkSession.read.parquet(parts.as_uri())
            text = F.array_join("related_event_ids", " ")  # CSV has no lists
            again = again.withColumn("related_event_ids", text)
            again.coalesce(1).write.csv((scratch / "csv").as_uri(), header=True)
            part = next(iter((scratch / "csv").glob("*.csv")))
        else:
            part = written
        content = part.read_bytes()
        store.write(f"coincidences.{kind}", lambda stream, c=content: stream.write(c))  # type: ignore[misc]
    return pq.read_table(written)


def _candidates(coincidences: pa.Table, settings: Settings, judge: Judge) -> pa.Table:
    """Candidates of coincidences, by event and rank, with the filters they pass."""
    journal = coincidences.select(JOURNAL_COLUMNS)
    ranked = score_candidates.ranked(judge.from_coincidences(journal, 0))
    reported = with_reports(ranked, journal, 0)
    by_rank = reported.sort_by([("event_id", "ascending"), ("rank", "ascending")])
    filters = discover(settings.filters).filters
    return candidates.with_topics(by_rank, coincidences, filters)


def _write_candidates(found: pa.Table, out: Path, formats: Iterable[str]) -> None:
    store = open_store(str(out))
    store.write("candidates.parquet", lambda stream: pq.write_table(found, stream))
    if "csv" in formats:
        flat = candidates.without_lists(found)
        store.write("candidates.csv", lambda stream: csv.write_csv(flat, stream))


def _counts(found: pa.Table) -> dict[str, int]:
    """Count candidates by class, in the order of `CLASSES`."""
    names = Counter(found["class"].to_pylist())
    return {name: names[name] for name in CLASSES if names[name]}
