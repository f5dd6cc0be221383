# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Incremental matching: the coincidences that the alerts and notices of a batch add.

With dA and dE the alerts and notices of a batch, and A and E those of all batches
before it, a batch makes the pairs::

    pairs(dA, latest(E + dE))  +  pairs(A, those of latest(E + dE) that dE changes)

So each pair is made once, whether its alert or its notice arrives first.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pyspark.sql import DataFrame

from fink_voevent.events import event_state, regions, versions
from fink_voevent.events.cache import EventCache
from fink_voevent.events.event_state import Changes, States
from fink_voevent.events.regions import RegionTables
from fink_voevent.match import pairing, revisions, time_only
from fink_voevent.match.earlier_batches import EarlierBatches
from fink_voevent.score.probability import Scorer
from fink_voevent.spark import dataframes
from fink_voevent.store.delta import Written
from fink_voevent.tables.coincidences import PAIR_EVENT_COLUMNS
from fink_voevent.tables.times import TimeRange


@dataclass(frozen=True)
class Inputs:
    """Input of the matching of one batch.

    Parameters
    ----------
    earlier : EarlierBatches
        The batches before this one.
    alerts : Written
        Thin alerts of this batch.
    times : TimeRange or None
        Times of these alerts; None if there are no alerts.
    events : EventCache
        Events with the notices of this batch.
    changes : Changes
        Events that these notices change.
    """

    earlier: EarlierBatches
    alerts: Written
    times: TimeRange | None
    events: EventCache
    changes: Changes

    @property
    def batch(self) -> int:
        """Number of this batch, which its coincidences have in `batch`."""
        return self.earlier.number

    def new_alerts(self) -> DataFrame:
        """Thin alerts of this batch: the columns of the table alerts."""
        return dataframes.read_files(
            self.earlier.spark,
            self.earlier.tables,
            "alerts",
            self.alerts.paths,
            self.batch,
            self.batch,
        )


@dataclass(frozen=True)
class Matcher:
    """Matches alerts with events, and scores the pairs.

    Parameters
    ----------
    credible_level : float
        0-1: see `pairing.pairs`.
    cell_order : int
        HEALPix order of the pre-selection; 0 to choose it: see `event_state.order`.
    scorer : Scorer or None
        Computes the chance probabilities, if there is a background rate.
    """

    credible_level: float
    cell_order: int
    scorer: Scorer | None

    def pairs(
        self, alerts: DataFrame, events: DataFrame, tables: RegionTables, batch: int
    ) -> DataFrame:
        """Match alerts with events.

        Parameters
        ----------
        alerts : DataFrame
            Thin alerts, each once.
        events : DataFrame
            Rows of `versions.matchable`.
        tables : RegionTables
            The regions of the same events: `regions.region_tables`.
        batch : int
            Number of the batch that records the pairs.

        Returns
        -------
        DataFrame
            Columns of the table coincidences, without `status`.
        """
        found = pairing.match_regions(alerts, tables, batch)
        return found if self.scorer is None else self.scorer.score(found, events)

    def count_beyond_cap(
        self, alerts: DataFrame, events: DataFrame, states: States
    ) -> dict[str, int]:
        """Count alerts that the cap alone leaves out: see `pairing.count_beyond_cap`.

        Parameters
        ----------
        alerts, events : DataFrame
            As of `pairs`.
        states : States
            Of the same events.
        """
        order = event_state.order(states, self.cell_order)
        return pairing.count_beyond_cap(alerts, events, self.credible_level, order)


def coincidences(inputs: Inputs, matcher: Matcher) -> DataFrame | None:
    """Coincidences of one batch.

    Returns
    -------
    DataFrame or None
        Columns of the table coincidences; None if nothing of this batch can coincide,
        so that Spark need not plan a query.
    """
    parts = (_from_new_alerts(inputs, matcher), _from_new_notices(inputs, matcher))
    found = [part for part in parts if part is not None]
    return _union(found) if found else None


def _union(frames: Iterable[DataFrame]) -> DataFrame:
    return functools.reduce(DataFrame.unionByName, frames)


def _from_new_alerts(inputs: Inputs, matcher: Matcher) -> DataFrame | None:
    """Coincidences of the alerts of this batch with all events."""
    if inputs.times is None:
        return None
    # Whole days, which many batches have in common: so they share the cached regions.
    days = inputs.times.whole_days()
    states = inputs.events.current.within(days)
    placed = event_state.matchable(states)
    unplaced = event_state.awaiting_map(states)
    alerts = inputs.new_alerts()
    found = []
    if placed:
        near = inputs.events.near(days, placed, matcher.cell_order)
        found.append(matcher.pairs(alerts, near.rows, near.tables, inputs.batch))
    if unplaced:
        without_map = inputs.events.rows(unplaced)
        found.append(time_only.pairs(alerts, without_map, inputs.batch))
    return pairing.with_status(_union(found), "new") if found else None


def _from_new_notices(inputs: Inputs, matcher: Matcher) -> DataFrame | None:
    """Coincidences of the events that this batch changes with the alerts before it."""
    events, changes, earlier = inputs.events, inputs.changes, inputs.earlier
    times = event_state.time_range(changes.after)
    if times is None and not changes.not_new:
        return None
    rows = events.rows(changes.after)
    order = event_state.order(changes.after, matcher.cell_order)
    matchable = versions.matchable(rows)
    tables = regions.region_tables(
        matchable, PAIR_EVENT_COLUMNS, order, matcher.credible_level
    )
    alerts = earlier.alerts_within(times, event_state.sky_cells(changes.after))
    pairs = matcher.pairs(alerts, matchable, tables, inputs.batch)
    unplaced = event_state.awaiting_map(changes.after)
    if unplaced:
        without_map = events.rows(unplaced)
        pairs = pairs.unionByName(time_only.pairs(alerts, without_map, inputs.batch))
    if not changes.not_new:  # then no pair of these events has been reported
        return pairing.with_status(pairs, "new")
    journal = versions.select_events(earlier.coincidences(), changes.not_new)
    if changes.renamed:
        # Withdrawn pairs have the identity of the last notice of the old name.
        old = {event: changes.before[event] for event in changes.renamed}
        rows = rows.unionByName(events.rows(old))
    return revisions.revise(pairs, revisions.view(journal), rows, inputs.batch)


def count_beyond_cap(inputs: Inputs, matcher: Matcher) -> dict[str, int]:
    """Count the alerts that the cap alone leaves out (see `area_cap`), by `event_id`.

    Counted are the alerts of this batch, and for events that this batch changes also
    those of the batches before.
    """
    return _count(inputs, event_state.capped, matcher.count_beyond_cap)


def count_in_time_only(inputs: Inputs) -> dict[str, int]:
    """Count the alerts in the whole windows of events without their map, by `event_id`.

    The same alerts are counted as by `count_beyond_cap`.
    """
    return _count(
        inputs,
        event_state.awaiting_map,
        lambda alerts, events, _: time_only.count_alerts(alerts, events),
    )


def _count(
    inputs: Inputs,
    choose: Callable[[States], States],
    count: Callable[[DataFrame, DataFrame, States], dict[str, int]],
) -> dict[str, int]:
    """Count new alerts by chosen events, and earlier alerts by those that changed."""
    events, earlier = inputs.events, inputs.earlier
    counts: Counter[str] = Counter()
    if inputs.times is not None:
        chosen = choose(events.current.within(inputs.times.whole_days()))
        if chosen:
            counts.update(count(inputs.new_alerts(), events.rows(chosen), chosen))
    chosen = choose(inputs.changes.after)
    if chosen:
        times = event_state.time_range(chosen)
        alerts = earlier.alerts_within(times, event_state.sky_cells(chosen))
        counts.update(count(alerts, events.rows(chosen), chosen))
    return dict(counts)
