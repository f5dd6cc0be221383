# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What earlier batches of any night handed over, and which of it a batch can meet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame, SparkSession

from fink_voevent import ledger
from fink_voevent.digest import Span
from fink_voevent.ledger import Manifest
from fink_voevent.settings import Settings
from fink_voevent.storage import Store
from fink_voevent.times import microseconds


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

    def read_files(self, table: str, files: Sequence[str]) -> DataFrame:
        """Rows of data files of a table."""
        return ledger.read_files(self.spark, self.settings.root, table, files)

    def _read(self, table: str, manifests: Iterable[Manifest]) -> DataFrame:
        return ledger.read(self.spark, self.settings.root, table, manifests)


def _is_of(manifest: Manifest, night: str) -> bool:
    return bool(manifest.facts["night"] == night)


def _overlap(manifest: Manifest, span: Span) -> bool:
    held = manifest.facts["span_us"]
    return bool(held) and Span(*held).overlaps(span)


def event_files(manifests: list[Manifest]) -> list[str]:
    """Files of events, and of their maps, that these manifests hand over, sorted."""
    tables = ("events", "maps")
    return sorted(f for m in manifests for t in tables for f in m.tables.get(t, ()))


def span_of(store: Store, files: Iterable[str]) -> Span | None:
    """Span of times of the thin alerts in files, by their footers; None without any."""
    edges = [store.edges(name, "alert_time") for name in files]
    if not edges:
        return None
    return Span(
        min(microseconds(first) for first, _ in edges),
        max(microseconds(last) for _, last in edges),
    )
