# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The notices that hold, kept in memory from batch to batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pyspark.sql import DataFrame, SparkSession

from fink_voevent import ledger, versions
from fink_voevent.settings import Settings, parse_window


def tenses(settings: Settings) -> tuple[str, ...]:
    """Tenses of notices that are matched."""
    extra = ("test", "injection") if settings.allow_tests else ()
    return ("observation", *extra)


@dataclass
class Live:
    """`versions.latest` of event files, windows applied.

    Most batches bring alerts alone: the notices are then those of the batch before, and
    nothing of them is read again. Of two sets of files asked for in turn both are kept,
    as a batch with notices compares what held before it with what holds now.
    """

    settings: Settings
    _kept: dict[tuple[str, ...], DataFrame] = field(default_factory=dict)

    def of(self, spark: SparkSession, files: Sequence[str]) -> DataFrame:
        """Latest notices of these files, in memory."""
        key = tuple(sorted(files))
        if key not in self._kept:
            while len(self._kept) > 1:
                self._kept.pop(next(iter(self._kept))).unpersist()
            self._kept[key] = self._read(spark, key).persist()
        return self._kept[key]

    def _read(self, spark: SparkSession, files: tuple[str, ...]) -> DataFrame:
        events = ledger.read_files(spark, self.settings.root, "events", files)
        latest = versions.latest(events, tenses(self.settings))
        return versions.with_window(latest, parse_window(self.settings.window))
