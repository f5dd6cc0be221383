# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The candidates that a batch changes: computed again, and committed.

The coincidences of a batch say which objects and events it changes. All coincidences of
these are read again from the table, without Spark, so that a candidate does not depend
on the batches.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame

from fink_voevent.config.settings import Settings
from fink_voevent.events import regions
from fink_voevent.events.event_state import States
from fink_voevent.score import background, candidates, class_rates, reports
from fink_voevent.score.candidate_scores import CandidateScorer, EventRegion
from fink_voevent.score.candidates import KEYS, RANK_COLUMNS, VALID
from fink_voevent.store.delta import Tables
from fink_voevent.store.table_statistics import TIME_MARGIN_US
from fink_voevent.tables.column import TIME

TABLE = "candidates"
# Alerts up to this long before an event are read again, or in the window if that is
# longer. So what is withdrawn of earlier versions of the event is read too; its window
# is hardly ever as long, and if it was, a withdrawn candidate may list fewer alerts.
SHORTEST_REACH_DAYS, LONGEST_REACH_DAYS = 60.0, 10_000.0  # no alert is as old
MOST_CHANGE = timedelta(days=1)  # of the time of an event by a later notice
STATISTICS_MARGIN = timedelta(microseconds=TIME_MARGIN_US)
_BATCH = pc.field("batch")


@dataclass(frozen=True)
class Judge:
    """Scores the candidates of events.

    Parameters
    ----------
    states : States
        The events, by `event_id`.
    rows : callable
        Returns rows of events as `versions.latest` does, given some of the states.
    credible_level : float
        To which regions are matched, 0-1.
    scorer : CandidateScorer or None
        None without background rates: then nothing is scored.
    """

    states: States
    rows: Callable[[States], DataFrame]
    credible_level: float
    scorer: CandidateScorer | None

    def from_coincidences(self, journal: pa.Table, batch: int) -> pa.Table:
        """Compute and score the candidates of coincidences.

        Parameters
        ----------
        journal, batch
            As of `candidates.from_coincidences`.
        """
        states = self.states_of(journal)
        windows = {
            event: (state.notice.window_before, state.notice.window_after)
            for event, state in states.items()
        }
        found = candidates.from_coincidences(journal, batch, windows)
        if self.scorer is None:
            return found
        region_ids = {e: s.region_id for e, s in states.items() if s.region_id}
        return self.scorer.score(found, region_ids, windows, self._read)

    def states_of(self, rows: pa.Table) -> States:
        """Return the states of the events of rows; of old names there are none."""
        events = pc.unique(rows["event_id"]).to_pylist()
        return {event: self.states[event] for event in events if event in self.states}

    def _read(self, events: Collection[str]) -> Iterator[EventRegion]:
        """Read the regions of events: the only query of Spark, for new regions."""
        rows = self.rows({event: self.states[event] for event in events})
        limited = rows.withColumn("_limit", regions.limit(rows, self.credible_level))
        columns = ["event_ra", "event_dec", "fisher", "ellipse", "pixels"]
        # an operator's own notices may come without this column
        columns += [c for c in ("pixel_distances",) if c in limited.columns]
        for row in limited.select("region_id", "_limit", *columns).toLocalIterator():
            region = row.asDict(recursive=True)
            yield EventRegion(row["region_id"], region, row["_limit"])


def load_scorer(settings: Settings) -> CandidateScorer | None:
    """Scorer with the newest rates by class of the survey; None if there are none."""
    store = background.folder(settings.root)
    snapshot = class_rates.newest(store, settings.survey)
    return None if snapshot is None else CandidateScorer(snapshot)


def write(tables: Tables, stage: str, batch: int, judge: Judge) -> None:
    """Compute and commit the candidates of the coincidences of a batch.

    Parameters
    ----------
    tables : Tables
        With the coincidences of the batch.
    stage : str
    batch : int
        Number of the batch. If its candidates are committed already, nothing is done.
    judge : Judge
    """
    if tables.has(TABLE, stage, batch):
        return
    columns = [*KEYS, "alert_id", "alert_time", "event_time"]
    changed = tables.rows_of("coincidences", columns, batch, batch)
    if not changed.num_rows:
        return
    days_before = max(
        (s.notice.window_before for s in judge.states_of(changed).values()),
        default=SHORTEST_REACH_DAYS,
    )
    journal = _coincidences(tables, changed, batch, days_before)
    scored = judge.from_coincidences(journal, batch)
    if not scored.num_rows:  # all coincide in time only, as a sky map is missing
        return
    earlier = _earlier(tables, scored, batch)
    is_changed = _is_among(earlier, scored)
    is_valid = pc.is_in(earlier["status"], value_set=pa.array(VALID))
    others = earlier.filter(pc.and_(is_valid, pc.invert(is_changed)))
    ranked = candidates.ranked(scored, others)
    before = earlier.filter(is_changed)
    rows = reports.with_reports(ranked, journal, batch, before)
    tables.append_rows(TABLE, rows, stage, batch)


def new_by_class(tables: Tables, batch: int) -> dict[str, int]:
    """Count the candidates by class that a batch has found first."""
    rows = tables.rows_of(TABLE, ["class", "status"], batch, batch)
    new = rows.filter(pc.field("status") == "new")
    counts = new.group_by("class", use_threads=False).aggregate([([], "count_all")])
    return {
        row["class"]: row["count_all"] for row in counts.sort_by("class").to_pylist()
    }


def _coincidences(
    tables: Tables, changed: pa.Table, batch: int, days_before: float
) -> pa.Table:
    """Return all coincidences, up to a batch, of the candidates of some.

    Files of alerts that are too old for the events are left out, by their statistics.
    """
    events = pc.unique(changed["event_id"])
    objects = pc.unique(changed["object_id"]).drop_null()
    alone = changed.filter(pc.field("object_id").is_null())["alert_id"].combine_chunks()
    of_objects = pc.field("object_id").isin(objects)
    if len(alone):
        of_objects |= pc.field("object_id").is_null() & pc.field("alert_id").isin(alone)
    where = (_BATCH <= batch) & pc.field("event_id").isin(events) & of_objects
    days = min(max(days_before, SHORTEST_REACH_DAYS), LONGEST_REACH_DAYS)
    reach = timedelta(days=days) + MOST_CHANGE
    first = pc.min(changed["event_time"]).as_py() - reach
    first = min(first, pc.min(changed["alert_time"]).as_py() - STATISTICS_MARGIN)
    where &= pc.field("alert_time") >= pa.scalar(first, TIME)
    journal = tables.arrow("coincidences", candidates.JOURNAL_COLUMNS, where)
    # of an object that two events have, one of them may not have changed
    return journal.filter(_is_among(journal, changed))


def _earlier(tables: Tables, changed: pa.Table, batch: int) -> pa.Table:
    """Return the last rows before a batch of all candidates of some events."""
    events = pc.unique(changed["event_id"])
    where = (_BATCH < batch) & pc.field("event_id").isin(events)
    first = pc.min(changed["event_time"]).as_py() - MOST_CHANGE
    where &= pc.field("event_time") >= pa.scalar(first, TIME)
    columns = dict.fromkeys((*RANK_COLUMNS, *reports.STATE_COLUMNS, "batch"))
    return candidates.view(tables.arrow(TABLE, list(columns), where))


def _is_among(rows: pa.Table, others: pa.Table) -> pa.ChunkedArray:
    """Whether the candidate of each row is among those of other rows."""
    return pc.is_in(_keys(rows), value_set=_keys(others).combine_chunks())


def _keys(rows: pa.Table) -> pa.ChunkedArray:
    names = rows["object_id"]
    if "alert_id" in rows.column_names:
        names = candidates.object_names(rows)
    return pc.binary_join_element_wise(rows["survey"], names, rows["event_id"], "\n")
