# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What earlier batches of any night handed over, and which of it a batch can meet."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import ledger, udf
from fink_voevent.ledger import Manifest
from fink_voevent.settings import Settings

MARGIN_US = 1_000_000  # windows are in elapsed time, leap seconds counted


class Span(NamedTuple):
    """First and last time of some alerts, microseconds of UTC since 1970."""

    first_us: int
    last_us: int


@dataclass(frozen=True)
class Past:
    """All that was handed over before a batch, of any night of the survey.

    No other run adds to it meanwhile: one process at a time runs the stages (`lease`).
    """

    spark: SparkSession
    settings: Settings
    manifests: tuple[Manifest, ...]

    @property
    def event_files(self) -> list[str]:
        """Event files that were matched with the alerts of all these batches."""
        return sorted({f for m in self.manifests for f in m.facts["event_files"]})

    def alerts_of(self, night: str) -> DataFrame:
        """Thin alerts of a night."""
        return self._read("alerts", (m for m in self.manifests if _is_of(m, night)))

    def alerts_within(self, span: Span | None) -> DataFrame:
        """Thin alerts of the batches that have some in a span of time."""
        inside = (m for m in self.manifests if span and _overlap(m, span))
        return self._read("alerts", inside)

    def coincidences(self) -> DataFrame:
        """Rows of the journal."""
        return self._read("coincidences", self.manifests)

    def _read(self, table: str, manifests: Iterable[Manifest]) -> DataFrame:
        return ledger.read(self.spark, self.settings.root, table, manifests)


def _is_of(manifest: Manifest, night: str) -> bool:
    return bool(manifest.facts["night"] == night)


def _overlap(manifest: Manifest, span: Span) -> bool:
    held = manifest.facts["span_us"]
    return bool(held) and held[0] <= span.last_us and held[1] >= span.first_us


def event_files(manifests: list[Manifest]) -> list[str]:
    """Files of events, and of their maps, that these manifests hand over, sorted."""
    tables = ("events", "maps")
    return sorted(f for m in manifests for t in tables for f in m.tables.get(t, ()))


def span_of(alerts: DataFrame) -> Span:
    """Span of times of alerts; there is at least one."""
    first, last = alerts.agg(
        *[F.expr(f"{edge}(unix_micros(alert_time))") for edge in ("min", "max")]
    ).head()
    return Span(first, last)


def reach(events: DataFrame) -> Span | None:
    """Span of time that the windows of events hold; None where there is none."""
    begin, end = _window()
    first, last = events.agg(F.min(begin), F.max(end)).head()
    return None if first is None else Span(math.floor(first), math.ceil(last))


def reachable(live: DataFrame, span: Span) -> DataFrame:
    """Rows of `versions.matchable` whose window holds a moment of a span of alerts.

    Of the whole days that hold the span: they are the same for the batches of a night,
    for which Spark then compiles its code once.
    """
    begin, end = _window()
    first = span.first_us // udf.DAY_US * udf.DAY_US
    last = -(-span.last_us // udf.DAY_US) * udf.DAY_US
    return live.where((begin <= last) & (end >= first))


def _window() -> tuple[Column, Column]:
    """First and last microsecond at which an alert meets an event, with a margin."""
    moment, day_us = F.expr("unix_micros(event_time)"), float(udf.DAY_US)
    begin = moment - F.col("window_before") * day_us - MARGIN_US
    return begin, moment + F.col("window_after") * day_us + MARGIN_US
