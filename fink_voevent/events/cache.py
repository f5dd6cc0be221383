# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The notices that hold, as a batch needs them: who they are, and some of their rows.

Of all notices ever, the driver keeps a census and a digest. Rows, with regions and sky
maps, are read of those events that tonight's alerts can meet, or that new notices can
change: so a batch takes the same time after years.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.config.settings import Settings, parse_window
from fink_voevent.events import area_cap, index, regions, summary, versions
from fink_voevent.events.index import EventIndex
from fink_voevent.events.regions import RegionTables
from fink_voevent.events.summary import Summary
from fink_voevent.spark import dataframes
from fink_voevent.tables.coincidences import PAIR_EVENT_COLUMNS
from fink_voevent.tables.times import TimeRange

FEW = 200  # events, that are all held


def tenses(settings: Settings) -> tuple[str, ...]:
    """Tenses of notices that are matched."""
    extra = ("test", "injection") if settings.allow_tests else ()
    return ("observation", *extra)


def chosen_parts(latest: DataFrame, settings: Settings) -> DataFrame:
    """Rows of `versions.latest` with the windows and caps of the settings."""
    windowed = versions.with_window(latest, parse_window(settings.window))
    return area_cap.with_cap(windowed, settings.cap_deg2, settings.credible_level)


def with_maps(events: DataFrame, maps: DataFrame) -> DataFrame:
    """Events with the sky maps that were fetched for them: the map is the region."""
    columns = ("skymap_sha256", "cells", "pixels")
    fetched = maps.select("skymap_url", *[F.col(c).alias(f"_{c}") for c in columns])
    lacking = F.when(F.col("skymap_sha256").isNull(), F.col("skymap_url"))
    joined = events.withColumn("_url", lacking).join(
        F.broadcast(fetched.withColumnRenamed("skymap_url", "_url")), "_url", "left"
    )
    merged = {c: F.coalesce(f"_{c}", c) for c in columns}
    return joined.withColumns(merged).select(events.columns)


@dataclass(frozen=True)
class EventReader:
    """Reads rows of notices."""

    spark: SparkSession
    settings: Settings

    def census(self, files: Sequence[str]) -> EventIndex:
        """Census of files of events, and of maps."""
        return index.read_index(self.settings.root, files, tenses(self.settings))

    def latest(self, notices: EventIndex, names: Mapping[str, str]) -> DataFrame:
        """`versions.latest` of these notices, windows applied; `names` as it has."""
        root = self.settings.root
        files = notices.event_files
        told = dataframes.read_files(self.spark, root, "events", files)
        here = sorted({entry.event_id for entry in notices.entries})
        events = versions.of_events(told, here)  # a file holds other notices too
        if notices.maps:
            fetched = sorted(notices.maps.values())
            maps = dataframes.read_files(self.spark, root, "maps", fetched)
            events = with_maps(events, maps)
        renamed = {name: names[name] for name in here if name in names}
        latest = versions.latest(events, tenses(self.settings), renamed)
        return chosen_parts(latest, self.settings)

    def rows(self, notices: EventIndex, events: Collection[str]) -> DataFrame:
        """Rows of some events, of `latest` of all."""
        around = notices.of(notices.around(events))
        return versions.of_events(self.latest(around, notices.roots), events)


@dataclass(frozen=True)
class KnownEvents:
    """What is known of the notices in some files.

    Parameters
    ----------
    source : Source
    census : Census
    digest : Digest
        Of all of their events.
    held : frozenset of str
        Events whose rows are in memory.
    latest : DataFrame
        Those.
    """

    source: EventReader
    census: EventIndex
    digest: Summary
    held: frozenset[str]
    latest: DataFrame
    _regions: dict[tuple[TimeRange, int, float], RegionTables] = field(
        default_factory=dict
    )

    @classmethod
    def at_first(cls, source: EventReader, files: Sequence[str]) -> KnownEvents:
        """Read all notices, once."""
        notices = source.census(files)
        every = source.latest(notices, notices.roots)
        if len(notices.members) > FEW:
            found = summary.summarise(every)
            return cls(source, notices, found, frozenset(), every.limit(0).persist())
        every.persist()
        return cls(
            source, notices, summary.summarise(every), frozenset(notices.members), every
        )

    def after(self, files: Sequence[str], span: TimeRange | None) -> KnownEvents:
        """Know more files too, holding what `holding` does and what they change."""
        new = self.source.census(files)
        notices = self.census.plus(new)
        changed = notices.changed(self.census, new)
        met = self._within(span) & notices.members.keys()
        latest = self.source.rows(notices, changed | met).persist()
        left = {e: b for e, b in self.digest.items() if e in notices.members}
        found = left | summary.summarise(latest)
        return KnownEvents(
            self.source, notices, found, frozenset(changed | met), latest
        )

    def holding(self, span: TimeRange | None) -> KnownEvents:
        """Know the same, with rows in memory of what alerts of a span can meet."""
        met = self._within(span)
        if met <= self.held:
            return self
        self.unpersist()
        held = self.held | met
        latest = self.source.rows(self.census, held).persist()
        return replace(self, held=held, latest=latest, _regions={})

    def _within(self, span: TimeRange | None) -> frozenset[str]:
        if span is None:
            return frozenset()
        alone = summary.within(summary.unplaced(self.digest), span)
        return frozenset(summary.within(self.digest, span)) | frozenset(alone)

    def rows(self, events: Collection[str]) -> DataFrame:
        """Rows of some events, of `versions.latest` of all."""
        if self.held.issuperset(events):
            return versions.of_events(self.latest, events)
        return self.source.rows(self.census, events)

    def reachable(self, span: TimeRange) -> DataFrame:
        """Events that an alert of a span of time can meet, of those that are held."""
        return versions.matchable(summary.reachable(self.latest, span))

    def regions(
        self, span: TimeRange, order: int, credible_level: float
    ) -> RegionTables:
        """Regions of those, in memory too: most batches of a night meet the same."""
        key = (span, order, credible_level)
        if key not in self._regions:
            self._let_go()
            made = regions.region_tables(
                self.reachable(span), PAIR_EVENT_COLUMNS, order, credible_level
            )
            self._regions[key] = made.persist()
        return self._regions[key]

    def unpersist(self) -> None:
        """Let go what is in memory."""
        self._let_go()
        self.latest.unpersist()

    def _let_go(self) -> None:
        while self._regions:
            self._regions.popitem()[1].unpersist()


@dataclass
class EventCache:
    """What is known of event files, from batch to batch.

    Most batches bring alerts alone: the notices are then those of the batch before, and
    nothing of them is read again. Of two sets of files asked for in turn both are kept,
    as a batch with notices compares what held before it with what holds now.
    """

    settings: Settings
    _kept: dict[frozenset[str], KnownEvents] = field(default_factory=dict)

    def of(
        self, spark: SparkSession, files: Sequence[str], span: TimeRange | None
    ) -> KnownEvents:
        """Know these files, and hold rows of what alerts of a span can meet."""
        key = frozenset(files)
        known = self._kept.pop(key, None)
        if known is None:
            known = self._learn(EventReader(spark, self.settings), key, span)
        while len(self._kept) > 1:
            self._kept.pop(next(iter(self._kept))).unpersist()
        self._kept[key] = known.holding(span)
        return self._kept[key]

    def _learn(
        self, source: EventReader, files: frozenset[str], span: TimeRange | None
    ) -> KnownEvents:
        """From what is known of some of the files, if of any."""
        parts = [held for held in self._kept if held <= files]
        if not parts:
            return KnownEvents.at_first(source, sorted(files))
        most = max(parts, key=len)
        return self._kept[most].after(sorted(files - most), span)
