# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The notices that hold, kept in memory from batch to batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import digest, ledger, match, regions, versions
from fink_voevent.digest import Digest, Span
from fink_voevent.regions import Regions
from fink_voevent.settings import Settings, parse_window


def tenses(settings: Settings) -> tuple[str, ...]:
    """Tenses of notices that are matched."""
    extra = ("test", "injection") if settings.allow_tests else ()
    return ("observation", *extra)


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
class Known:
    """`versions.latest` of some notices, in memory, and its digest."""

    latest: DataFrame
    digest: Digest
    _regions: dict[tuple[Span, int, float], Regions] = field(default_factory=dict)

    def reachable(self, span: Span) -> DataFrame:
        """Events that an alert of a span of time can meet."""
        return versions.matchable(digest.reachable(self.latest, span))

    def regions(self, span: Span, order: int, credible_level: float) -> Regions:
        """Regions of those, in memory too: most batches of a night meet the same."""
        key = (span, order, credible_level)
        if key not in self._regions:
            self._let_go()
            made = regions.of(self.reachable(span), match.TOLD, order, credible_level)
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
class Live:
    """`versions.latest` of event files, windows applied.

    Most batches bring alerts alone: the notices are then those of the batch before, and
    nothing of them is read again. Of two sets of files asked for in turn both are kept,
    as a batch with notices compares what held before it with what holds now.
    """

    settings: Settings
    _kept: dict[tuple[str, ...], Known] = field(default_factory=dict)

    def of(self, spark: SparkSession, files: Sequence[str]) -> Known:
        """Latest notices of these files."""
        key = tuple(sorted(files))
        if key not in self._kept:
            while len(self._kept) > 1:
                self._kept.pop(next(iter(self._kept))).unpersist()
            latest = self._read(spark, key).persist()
            self._kept[key] = Known(latest, digest.of(latest) if key else {})
        return self._kept[key]

    def _read(self, spark: SparkSession, files: tuple[str, ...]) -> DataFrame:
        root = self.settings.root
        is_map = {f: f.startswith("maps/") for f in files}
        told = [f for f in files if not is_map[f]]
        events = ledger.read_files(spark, root, "events", told)
        if any(is_map.values()):
            fetched = [f for f in files if is_map[f]]
            events = with_maps(events, ledger.read_files(spark, root, "maps", fetched))
        latest = versions.latest(events, tenses(self.settings))
        return versions.with_window(latest, parse_window(self.settings.window))
