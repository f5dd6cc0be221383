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

from fink_voevent.events import regions, summary, versions
from fink_voevent.events.cache import KnownEvents
from fink_voevent.events.regions import RegionTables
from fink_voevent.events.summary import Summary
from fink_voevent.match import pairing, revisions, time_only
from fink_voevent.match.earlier_batches import EarlierBatches
from fink_voevent.score.probability import Scorer
from fink_voevent.store.ledger import Written
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
    before : KnownEvents
        Events as the notices before this batch have them.
    now : KnownEvents
        Events with the notices of this batch.
    """

    earlier: EarlierBatches
    alerts: Written
    times: TimeRange | None
    before: KnownEvents
    now: KnownEvents

    @property
    def batch(self) -> int:
        """Number of this batch, which its coincidences have in `batch`."""
        return self.earlier.number

    def new_alerts(self) -> DataFrame:
        """Thin alerts of this batch: the columns of the table alerts."""
        return self.earlier.read_files("alerts", self.alerts.files)


@dataclass(frozen=True)
class Matcher:
    """Matches alerts with events, and scores the pairs.

    Parameters
    ----------
    credible_level : float
        0-1: see `pairing.pairs`.
    cell_order : int
        HEALPix order of the pre-selection; 0 to choose it: see `summary.order`.
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
        self, alerts: DataFrame, events: DataFrame, summaries: Summary
    ) -> dict[str, int]:
        """Count alerts that the cap alone leaves out: see `pairing.count_beyond_cap`.

        Parameters
        ----------
        alerts, events : DataFrame
            As of `pairs`.
        summaries : Summary
            Of the same events.
        """
        order = summary.order(summaries, self.cell_order)
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
    now, days = inputs.now, inputs.times.whole_days()
    summaries = summary.within(now.summaries, days)
    unplaced = summary.within(summary.unplaced(now.summaries), days)
    if not (summaries or unplaced):
        return None
    alerts = inputs.new_alerts()
    found = []
    if summaries:
        order = summary.order(summaries, matcher.cell_order)
        tables = now.regions(days, order, matcher.credible_level)
        events = now.reachable(days)
        found.append(matcher.pairs(alerts, events, tables, inputs.batch))
    if unplaced:
        without_map = now.rows(sorted(unplaced))
        found.append(time_only.pairs(alerts, without_map, inputs.batch))
    return pairing.with_status(_union(found), "new")


def _from_new_notices(inputs: Inputs, matcher: Matcher) -> DataFrame | None:
    """Coincidences of the events that this batch changes with the alerts before it."""
    now, before, earlier = inputs.now, inputs.before, inputs.earlier
    changed = summary.changed(now.summaries, before.summaries)
    # Names that are no longer used: a notice of this batch shows that the notices with
    # this name belong to another event.
    renamed = sorted(before.summaries.keys() - now.summaries.keys())
    if not (changed or renamed):
        return None
    summaries = summary.select(now.summaries, changed)
    unplaced = summary.unplaced(summaries)
    places = {**summaries, **unplaced}
    times = summary.time_range(places)
    not_new = [event for event in changed if event in before.summaries] + renamed
    if times is None and not not_new:
        return None
    rows = now.rows(changed)
    events = versions.matchable(rows)
    order = summary.order(summaries, matcher.cell_order)
    tables = regions.region_tables(
        events, PAIR_EVENT_COLUMNS, order, matcher.credible_level
    )
    alerts = earlier.alerts_within(times, summary.sky_cells(places))
    pairs = matcher.pairs(alerts, events, tables, inputs.batch)
    if unplaced:
        without_map = now.rows(sorted(unplaced))
        pairs = pairs.unionByName(time_only.pairs(alerts, without_map, inputs.batch))
    if not not_new:  # then no pair of these events has been reported
        return pairing.with_status(pairs, "new")
    journal = versions.select_events(earlier.coincidences(), not_new)
    if renamed:  # withdrawn pairs have the identity of the last notice of these
        rows = rows.unionByName(before.rows(renamed))
    return revisions.revise(pairs, revisions.view(journal), rows, inputs.batch)


def count_beyond_cap(inputs: Inputs, matcher: Matcher) -> dict[str, int]:
    """Count the alerts that the cap alone leaves out (see `area_cap`), by `event_id`.

    Counted are the alerts of this batch, and for events that this batch changes also
    those of the batches before.
    """
    return _count(inputs, summary.capped, matcher.count_beyond_cap)


def count_in_time_only(inputs: Inputs) -> dict[str, int]:
    """Count the alerts in the whole windows of events without their map, by `event_id`.

    The same alerts are counted as by `count_beyond_cap`.
    """
    return _count(
        inputs,
        summary.unplaced,
        lambda alerts, events, _: time_only.count_alerts(alerts, events),
    )


def _count(
    inputs: Inputs,
    choose: Callable[[Summary], Summary],
    count: Callable[[DataFrame, DataFrame, Summary], dict[str, int]],
) -> dict[str, int]:
    """Count new alerts by chosen events, and earlier alerts by those that changed."""
    now, before, earlier = inputs.now, inputs.before, inputs.earlier
    counts: Counter[str] = Counter()
    if inputs.times is not None:
        chosen = summary.within(choose(now.summaries), inputs.times.whole_days())
        if chosen:
            events = now.rows(sorted(chosen))
            counts.update(count(inputs.new_alerts(), events, chosen))
    changed = summary.changed(now.summaries, before.summaries)
    chosen = choose(summary.select(now.summaries, changed))
    if chosen:
        times, sky = summary.time_range(chosen), summary.sky_cells(chosen)
        alerts = earlier.alerts_within(times, sky)
        counts.update(count(alerts, now.rows(sorted(chosen)), chosen))
    return dict(counts)
