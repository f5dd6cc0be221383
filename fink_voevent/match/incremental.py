# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The delta join: what new alerts and new notices add to what was told.

With dA and dE of a batch, A and E of the batches before::

    pairs(dA, latest(E + dE))  +  pairs(A, latest(E + dE) where its notice is in dE)

Each pair is made by exactly one side, in either order of arrival.
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
    """What a batch matches.

    Parameters
    ----------
    past : EarlierBatches
        Of the batches before it.
    alerts : Written
        Thin alerts of this batch.
    span : TimeRange or None
        Times of those; None where there is none.
    before, now : Known
        The notices known before this batch, and to it.
    """

    past: EarlierBatches
    alerts: Written
    span: TimeRange | None
    before: KnownEvents
    now: KnownEvents


@dataclass(frozen=True)
class Rules:
    """How alerts and notices are met.

    Parameters
    ----------
    credible_level
        See `pairing.pairs`.
    cell_order
        See `summary.order`.
    scorer : Scorer or None
        Gives the chance probabilities, where a background rate is known.
    """

    credible_level: float
    cell_order: int
    scorer: Scorer | None

    def met(
        self, alerts: DataFrame, live: DataFrame, among: RegionTables, batch: int
    ) -> DataFrame:
        """Pairs of alerts with notices, which are given as regions too."""
        found = pairing.match_regions(alerts, among, batch)
        return found if self.scorer is None else self.scorer.score(found, live)

    def beyond(
        self, alerts: DataFrame, live: DataFrame, large: Summary
    ) -> dict[str, int]:
        """Count alerts within the credible level, but beyond the cap, by event."""
        order = summary.order(large, self.cell_order)
        return pairing.count_beyond_cap(alerts, live, self.credible_level, order)


def coincidences(inputs: Inputs, rules: Rules) -> DataFrame | None:
    """Coincidences of one batch; None where nothing of it can coincide."""
    # without anything new nothing is planned: Spark takes its time for it
    sides = (_of_new_alerts(inputs, rules), _of_new_notices(inputs, rules))
    found = [side for side in sides if side is not None]
    return _union(found) if found else None


def _union(frames: Iterable[DataFrame]) -> DataFrame:
    return functools.reduce(DataFrame.unionByName, frames)


def beyond_cap(inputs: Inputs, rules: Rules) -> dict[str, int]:
    """Alerts of one batch, by event, that the cap alone leaves out (see `area_cap`)."""
    return _counts(inputs, summary.capped, rules.beyond)


def in_time_only(inputs: Inputs) -> dict[str, int]:
    """Alerts of one batch, by event that awaits its map, in its whole window."""
    return _counts(
        inputs, summary.unplaced, lambda alerts, live, _: time_only.counts(alerts, live)
    )


def _counts(
    inputs: Inputs,
    chosen: Callable[[Summary], Summary],
    count: Callable[[DataFrame, DataFrame, Summary], dict[str, int]],
) -> dict[str, int]:
    """Count new alerts by chosen events, and all alerts by those that changed."""
    now, before, past = inputs.now, inputs.before, inputs.past
    counts: Counter[str] = Counter()
    if inputs.span is not None:
        some = summary.within(chosen(now.digest), inputs.span.whole_days())
        if some:
            fresh = past.read_files("alerts", inputs.alerts.files)
            counts.update(count(fresh, now.rows(sorted(some)), some))
    changed = summary.changed(now.digest, before.digest)
    some = chosen(summary.chosen(now.digest, changed))
    if some:
        seen = past.alerts_within(summary.reach(some), summary.sky(some))
        counts.update(count(seen, now.rows(sorted(some)), some))
    return dict(counts)


def _of_new_alerts(inputs: Inputs, rules: Rules) -> DataFrame | None:
    """Pairs of the alerts of this batch with all notices."""
    if inputs.span is None:
        return None
    now, days = inputs.now, inputs.span.whole_days()  # as many batches have
    brief = summary.within(now.digest, days)
    unplaced = summary.within(summary.unplaced(now.digest), days)
    if not (brief or unplaced):
        return None
    fresh = inputs.past.read_files("alerts", inputs.alerts.files)
    found = []
    if brief:
        order = summary.order(brief, rules.cell_order)
        among = now.regions(days, order, rules.credible_level)
        live = now.reachable(days)
        found.append(rules.met(fresh, live, among, inputs.past.number))
    if unplaced:
        alone = now.rows(sorted(unplaced))
        found.append(time_only.pairs(fresh, alone, inputs.past.number))
    return pairing.with_status(_union(found), "new")


def _of_new_notices(inputs: Inputs, rules: Rules) -> DataFrame | None:
    """Pairs that the notices of this batch make, renew or take back."""
    now, before, past = inputs.now, inputs.before, inputs.past
    events = summary.changed(now.digest, before.digest)
    # events that are another's now: a notice between the two came
    renamed = sorted(before.digest.keys() - now.digest.keys())
    if not (events or renamed):
        return None
    brief = summary.chosen(now.digest, events)
    unplaced = summary.unplaced(brief)
    within = {**brief, **unplaced}
    span = summary.reach(within)
    known = [event for event in events if event in before.digest] + renamed
    if span is None and not known:
        return None
    changed = now.rows(events)
    live, order = versions.matchable(changed), summary.order(brief, rules.cell_order)
    among = regions.region_tables(live, PAIR_EVENT_COLUMNS, order, rules.credible_level)
    seen = past.alerts_within(span, summary.sky(within))
    again = rules.met(seen, live, among, past.number)
    if unplaced:
        alone = now.rows(sorted(unplaced))
        again = again.unionByName(time_only.pairs(seen, alone, past.number))
    if not known:  # then nothing was told of them yet
        return pairing.with_status(again, "new")
    told = revisions.view(versions.of_events(past.coincidences(), known))
    if renamed:  # their last notice as it was says what is withdrawn
        changed = changed.unionByName(before.rows(renamed))
    return revisions.revise(again, told, changed, past.number)
