# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Alerts and coincidences committed by earlier batches, of all nights."""

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
    """All that was committed before a batch, of any night of the survey.

    No other run adds to it meanwhile: one process at a time runs a stage (see `lease`).

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
    manifests : tuple of Manifest
        Of match, of the survey.
    pieces : tuple of AlertFiles
        Files of their thin alerts.
    number : int
        How many batches there are, of any survey: the number of the next one.
    """

    spark: SparkSession
    settings: Settings
    manifests: tuple[Manifest, ...]
    pieces: tuple[AlertFiles, ...]
    number: int

    @classmethod
    def from_manifests(
        cls,
        spark: SparkSession,
        settings: Settings,
        matched: Iterable[Manifest],
        compacted: Iterable[Manifest],
    ) -> EarlierBatches:
        """Earlier batches from the manifests of match and of compaction.

        Parameters
        ----------
        spark : SparkSession
        settings : Settings
        matched, compacted : iterable of Manifest
            Of any survey.
        """
        every = list(matched)
        own = tuple(select_survey(every, settings.survey))
        alerts = alert_files.alert_files(own, select_survey(compacted, settings.survey))
        return cls(spark, settings, own, tuple(alerts), len(every))

    def with_batch(self, manifest: Manifest) -> EarlierBatches:
        """Return these batches and one more, of the same survey."""
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

    def alerts_in_nights(self, *nights: str) -> DataFrame:
        """Thin alerts of nights (YYYYMMDD): the columns of the table alerts."""
        return self._alerts(piece for piece in self.pieces if piece.night in nights)

    def complete_nights(self, today: str) -> list[str]:
        """Nights that are over and of which all alerts are kept, sorted.

        The last night may go on until the day after: a night can cross midnight UTC.

        Parameters
        ----------
        today : str
            YYYYMMDD.
        """
        nights = {piece.night for piece in self.pieces}
        thinned = {piece.night for piece in self.pieces if piece.is_thinned}
        last = max(nights, default="")
        ended = [n for n in nights if n < last or days_between(n, today) > 1]
        return sorted(set(ended) - thinned)

    def alerts_within(self, times: TimeRange | None, sky: int) -> DataFrame:
        """Thin alerts of all files that have an alert in a range of time.

        From files that are sorted by place, only alerts in `sky` are read and returned.

        Parameters
        ----------
        times : TimeRange or None
            None for no alerts.
        sky : int
            Cells as bits: see `summary.EventSummary`.

        Returns
        -------
        DataFrame
            The columns of the table alerts.
        """
        inside = [p for p in self.pieces if times and p.span and p.span.overlaps(times)]
        alerts = self._alerts(inside)
        # Spark takes longer to compile this filter than to read a few unsorted files.
        if any(p.is_sorted for p in inside):
            return alerts_in_sky(alerts, sky)
        return alerts

    def coincidences(self) -> DataFrame:
        """Rows of the table coincidences."""
        root = self.settings.root
        return dataframes.read(self.spark, root, "coincidences", self.manifests)

    def read_files(self, table: str, files: Sequence[str]) -> DataFrame:
        """Rows of data files of a table, the files relative to the root."""
        return dataframes.read_files(self.spark, self.settings.root, table, files)

    def _alerts(self, pieces: Iterable[AlertFiles]) -> DataFrame:
        return self.read_files("alerts", [f for piece in pieces for f in piece.files])


def select_survey(manifests: Iterable[Manifest], survey: str) -> list[Manifest]:
    """Manifests of one survey."""
    return [m for m in manifests if m.facts["survey"] == survey]


def alerts_in_sky(alerts: DataFrame, sky: int) -> DataFrame:
    """Select the alerts in a part of the sky.

    Parameters
    ----------
    alerts : DataFrame
        With `hpx29`.
    sky : int
        Cells as bits: see `summary.EventSummary`.

    Returns
    -------
    DataFrame
        The columns of `alerts`.
    """
    # The filter can be long: the rest of the query goes into another method.
    return stage_end(alerts.where(_in_sky(sky)))


def _in_sky(sky: int) -> Column:
    """Whether an alert lies in cells, as ranges of `hpx29`.

    From ranges Spark knows which parts of sorted files it need not read.
    """
    size = 1 << 2 * (udf.ORDER - SKY_ORDER)
    cells = [cell for cell in range(sky.bit_length()) if sky >> cell & 1]
    index = F.col("hpx29")
    inside = [(index >= cell * size) & (index < (cell + 1) * size) for cell in cells]
    return functools.reduce(operator.or_, inside, F.lit(False))  # noqa: FBT003


def event_files(manifests: list[Manifest]) -> list[str]:
    """Files of events, and of their sky maps, that manifests of ingest name, sorted."""
    tables = ("events", "maps")
    return sorted(f for m in manifests for t in tables for f in m.tables.get(t, ()))


def time_range(store: Store, files: Iterable[str]) -> TimeRange | None:
    """Range of `alert_time` in files of thin alerts, from their Parquet footers.

    None if there are no files. The files are relative to the folder of the store.
    """
    edges = [store.value_range(name, "alert_time") for name in files]
    if not edges:
        return None
    return TimeRange(
        min(microseconds(first) for first, _ in edges),
        max(microseconds(last) for _, last in edges),
    )
