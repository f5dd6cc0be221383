# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What earlier batches of any night handed over, and which of it a batch can meet."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf
from fink_voevent.config.settings import Settings
from fink_voevent.events.regions import SKY_ORDER
from fink_voevent.spark import dataframes
from fink_voevent.spark.codegen import stage_end
from fink_voevent.store import alert_files
from fink_voevent.store.alert_files import AlertFiles
from fink_voevent.store.filesystem import Store
from fink_voevent.store.ledger import Manifest
from fink_voevent.tables.times import TimeRange, days_between, microseconds


@dataclass(frozen=True)
class EarlierBatches:
    """All that was handed over before a batch, of any night of the survey.

    No other run adds to it meanwhile: one process at a time runs the stages (`lease`).
    """

    spark: SparkSession
    settings: Settings
    manifests: tuple[Manifest, ...]
    pieces: tuple[AlertFiles, ...]
    number: int  # of batches, of any survey

    @classmethod
    def of(
        cls,
        spark: SparkSession,
        settings: Settings,
        matched: Iterable[Manifest],
        compacted: Iterable[Manifest],
    ) -> EarlierBatches:
        """Past of manifests, of any survey."""
        every = list(matched)
        own = tuple(of_survey(every, settings.survey))
        alerts = alert_files.alert_files(own, of_survey(compacted, settings.survey))
        return cls(spark, settings, own, tuple(alerts), len(every))

    def plus(self, manifest: Manifest) -> EarlierBatches:
        """Past with one more batch, of the survey."""
        return replace(
            self,
            manifests=(*self.manifests, manifest),
            pieces=(*self.pieces, *alert_files.alert_files([manifest], [])),
            number=self.number + 1,
        )

    @property
    def event_files(self) -> list[str]:
        """Event files that were matched with the alerts of all these batches."""
        return sorted({f for m in self.manifests for f in m.facts["event_files"]})

    def alerts_of(self, *nights: str) -> DataFrame:
        """Thin alerts of nights."""
        return self._alerts(piece for piece in self.pieces if piece.night in nights)

    def whole_nights(self, today: str) -> list[str]:
        """Nights of which all alerts are kept, and that no longer go on, sorted.

        The last one may go on for a day: a night can cross midnight.
        """
        held = {piece.night for piece in self.pieces}
        thinned = {piece.night for piece in self.pieces if piece.is_thinned}
        last = max(held, default="")
        ended = [n for n in held if n < last or days_between(n, today) > 1]
        return sorted(set(ended) - thinned)

    def alerts_within(self, span: TimeRange | None, sky: int) -> DataFrame:
        """Thin alerts of pieces that have some in a span of time.

        Of those that are sorted, what lies outside of `sky` (see
        `summary.EventSummary`) need not be read, and is left out.
        """
        inside = [p for p in self.pieces if span and p.span and p.span.overlaps(span)]
        alerts = self._alerts(inside)
        # for a few alerts Spark's making of code for this very filter costs more
        return within(alerts, sky) if any(p.is_sorted for p in inside) else alerts

    def coincidences(self) -> DataFrame:
        """Rows of the journal."""
        root = self.settings.root
        return dataframes.read(self.spark, root, "coincidences", self.manifests)

    def read_files(self, table: str, files: Sequence[str]) -> DataFrame:
        """Rows of data files of a table."""
        return dataframes.read_files(self.spark, self.settings.root, table, files)

    def _alerts(self, pieces: Iterable[AlertFiles]) -> DataFrame:
        return self.read_files("alerts", [f for piece in pieces for f in piece.files])


def of_survey(manifests: Iterable[Manifest], survey: str) -> list[Manifest]:
    """Those of a survey."""
    return [m for m in manifests if m.facts["survey"] == survey]


def within(alerts: DataFrame, sky: int) -> DataFrame:
    """Thin alerts of a `sky`; what follows is code of its own, as this can be long."""
    return stage_end(alerts.where(in_sky(sky)))


def in_sky(sky: int) -> Column:
    """Whether a thin alert lies in the cells of a `sky` (see `summary.EventSummary`).

    As ranges of the index, by which Spark leaves out what it need not read of files
    that are sorted.
    """
    size = 1 << 2 * (udf.ORDER - SKY_ORDER)
    cells = [cell for cell in range(sky.bit_length()) if sky >> cell & 1]
    index = F.col("hpx29")
    inside = [(index >= cell * size) & (index < (cell + 1) * size) for cell in cells]
    return functools.reduce(operator.or_, inside, F.lit(False))  # noqa: FBT003


def event_files(manifests: list[Manifest]) -> list[str]:
    """Files of events, and of their maps, that these manifests hand over, sorted."""
    tables = ("events", "maps")
    return sorted(f for m in manifests for t in tables for f in m.tables.get(t, ()))


def span_of(store: Store, files: Iterable[str]) -> TimeRange | None:
    """Span of times of the thin alerts in files, by their footers; None without any."""
    edges = [store.edges(name, "alert_time") for name in files]
    if not edges:
        return None
    return TimeRange(
        min(microseconds(first) for first, _ in edges),
        max(microseconds(last) for _, last in edges),
    )
