# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The current events, as a batch needs them: summaries of all, and rows of some.

The driver keeps an index of all notices and a summary of all events. Rows, with
regions and sky maps, are read only for the events that can match the alerts of tonight
or that new notices can change. So a batch takes the same time after years of notices.
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

FEW = 200  # so many events are all kept in memory


def tenses(settings: Settings) -> tuple[str, ...]:
    """Tenses of the notices that are matched."""
    extra = ("test", "injection") if settings.allow_tests else ()
    return ("observation", *extra)


def with_window_and_cap(latest: DataFrame, settings: Settings) -> DataFrame:
    """Rows of `versions.latest` with the window and the cap of the settings.

    The column `cap_level` is added: see `area_cap.with_cap`.
    """
    windowed = versions.with_window(latest, parse_window(settings.window))
    return area_cap.with_cap(windowed, settings.cap_deg2, settings.credible_level)


def with_maps(events: DataFrame, maps: DataFrame) -> DataFrame:
    """Give events the sky maps that were fetched for them, as their regions.

    Parameters
    ----------
    events : DataFrame
        Rows of the table events.
    maps : DataFrame
        Rows of the table maps, one for each `skymap_url`.

    Returns
    -------
    DataFrame
        The columns of `events`. If a map was fetched for an event that has none,
        `skymap_sha256`, `cells` and `pixels` are those of the map.
    """
    columns = ("skymap_sha256", "cells", "pixels")
    fetched = maps.select("skymap_url", *[F.col(c).alias(f"_{c}") for c in columns])
    missing_map = F.when(F.col("skymap_sha256").isNull(), F.col("skymap_url"))
    joined = events.withColumn("_url", missing_map).join(
        F.broadcast(fetched.withColumnRenamed("skymap_url", "_url")), "_url", "left"
    )
    merged = {c: F.coalesce(f"_{c}", c) for c in columns}
    return joined.withColumns(merged).select(events.columns)


@dataclass(frozen=True)
class EventReader:
    """Reads the tables events and maps.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
    """

    spark: SparkSession
    settings: Settings

    def index(self, files: Sequence[str]) -> EventIndex:
        """Index of the notices and maps in files, which are relative to the root."""
        return index.read_index(self.settings.root, files, tenses(self.settings))

    def latest(self, notices: EventIndex, names: Mapping[str, str]) -> DataFrame:
        """Rows of `versions.latest` from these notices, with window and cap.

        `names` are those of events, as `versions.latest` takes them.
        """
        root = self.settings.root
        rows = dataframes.read_files(self.spark, root, "events", notices.event_files)
        wanted = sorted({entry.event_id for entry in notices.entries})
        events = versions.select_events(rows, wanted)  # files have other notices too
        if notices.maps:
            fetched = sorted(notices.maps.values())
            maps = dataframes.read_files(self.spark, root, "maps", fetched)
            events = with_maps(events, maps)
        renamed = {name: names[name] for name in wanted if name in names}
        latest = versions.latest(events, tenses(self.settings), renamed)
        return with_window_and_cap(latest, self.settings)

    def rows(self, notices: EventIndex, events: Collection[str]) -> DataFrame:
        """Rows of some events, as `latest` of all notices would have them."""
        around = notices.select(notices.around(events))
        return versions.select_events(self.latest(around, notices.roots), events)


@dataclass(frozen=True)
class KnownEvents:
    """All events of some files: an index, summaries, and rows of some of them.

    Parameters
    ----------
    reader : EventReader
    index : EventIndex
        All notices.
    summaries : Summary
        All events.
    in_memory : frozenset of str
        Events whose rows are in memory.
    latest : DataFrame
        Rows of `versions.latest` of these events, with window and cap.
    """

    reader: EventReader
    index: EventIndex
    summaries: Summary
    in_memory: frozenset[str]
    latest: DataFrame
    _regions: dict[tuple[TimeRange, int, float], RegionTables] = field(
        default_factory=dict
    )

    @classmethod
    def read(cls, reader: EventReader, files: Sequence[str]) -> KnownEvents:
        """Read all notices of files."""
        notices = reader.index(files)
        every = reader.latest(notices, notices.roots)
        if len(notices.members) > FEW:
            summaries, none = summary.summarise(every), every.limit(0).persist()
            return cls(reader, notices, summaries, frozenset(), none)
        every.persist()
        summaries = summary.summarise(every)
        return cls(reader, notices, summaries, frozenset(notices.members), every)

    def with_files(self, files: Sequence[str], span: TimeRange | None) -> KnownEvents:
        """Add files, and load the rows of events that they change or `span` reaches."""
        new = self.reader.index(files)
        notices = self.index.plus(new)
        changed = notices.changed(self.index, new)
        loaded = frozenset(changed | (self._within(span) & notices.members.keys()))
        latest = self.reader.rows(notices, loaded).persist()
        kept = {e: s for e, s in self.summaries.items() if e in notices.members}
        summaries = kept | summary.summarise(latest)
        return KnownEvents(self.reader, notices, summaries, loaded, latest)

    def with_rows(self, span: TimeRange | None) -> KnownEvents:
        """Load the rows of events with a window that overlaps a range of time."""
        wanted = self._within(span)
        if wanted <= self.in_memory:
            return self
        self.unpersist()
        loaded = self.in_memory | wanted
        latest = self.reader.rows(self.index, loaded).persist()
        return replace(self, in_memory=loaded, latest=latest, _regions={})

    def _within(self, span: TimeRange | None) -> frozenset[str]:
        if span is None:
            return frozenset()
        without_map = summary.within(summary.unplaced(self.summaries), span)
        return frozenset(summary.within(self.summaries, span)) | frozenset(without_map)

    def rows(self, events: Collection[str]) -> DataFrame:
        """Rows of `versions.latest` of some events, with window and cap."""
        if self.in_memory.issuperset(events):
            return versions.select_events(self.latest, events)
        return self.reader.rows(self.index, events)

    def reachable(self, span: TimeRange) -> DataFrame:
        """Matchable events in memory with a window that overlaps a range of time."""
        return versions.matchable(summary.reachable(self.latest, span))

    def regions(
        self, span: TimeRange, order: int, credible_level: float
    ) -> RegionTables:
        """Regions of `reachable`, kept in memory: a night's batches share them.

        Parameters
        ----------
        span : TimeRange
        order, credible_level
            See `regions.region_tables`.
        """
        key = (span, order, credible_level)
        if key not in self._regions:
            self._unpersist_regions()
            tables = regions.region_tables(
                self.reachable(span), PAIR_EVENT_COLUMNS, order, credible_level
            )
            self._regions[key] = tables.persist()
        return self._regions[key]

    def unpersist(self) -> None:
        """Remove rows and regions from memory."""
        self._unpersist_regions()
        self.latest.unpersist()

    def _unpersist_regions(self) -> None:
        while self._regions:
            self._regions.popitem()[1].unpersist()


@dataclass
class EventCache:
    """Keeps the `KnownEvents` of event files from batch to batch.

    Most batches bring alerts alone: their notices are those of the batch before, and
    are not read again. Two sets of files are kept, because a batch with new notices
    compares the events with and without them.

    Parameters
    ----------
    settings : Settings
    """

    settings: Settings
    _kept: dict[frozenset[str], KnownEvents] = field(default_factory=dict)

    def read(
        self, spark: SparkSession, files: Sequence[str], span: TimeRange | None
    ) -> KnownEvents:
        """Events of files, with rows in memory of those that a range of time reaches.

        Parameters
        ----------
        spark : SparkSession
        files : sequence of str
            Of events and maps, relative to the root.
        span : TimeRange or None
            Times of the alerts to match; None if there are none.
        """
        key = frozenset(files)
        known = self._kept.pop(key, None)
        if known is None:
            known = self._read_new(EventReader(spark, self.settings), key, span)
        while len(self._kept) > 1:
            self._kept.pop(next(iter(self._kept))).unpersist()
        self._kept[key] = known.with_rows(span)
        return self._kept[key]

    def _read_new(
        self, reader: EventReader, files: frozenset[str], span: TimeRange | None
    ) -> KnownEvents:
        """Read the files that are not among those of a kept set."""
        parts = [kept for kept in self._kept if kept <= files]
        if not parts:
            return KnownEvents.read(reader, sorted(files))
        largest = max(parts, key=len)
        return self._kept[largest].with_files(sorted(files - largest), span)
