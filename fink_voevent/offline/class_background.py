# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Background rates by class of a DataFrame of thin alerts."""

from __future__ import annotations

from pyspark.sql import DataFrame

from fink_voevent.config.settings import Settings
from fink_voevent.score import background, class_counts, class_rates
from fink_voevent.score.class_rates import ClassSnapshot
from fink_voevent.store.delta import staging_folder
from fink_voevent.store.filesystem import open_store


def measure(alerts: DataFrame, settings: Settings) -> ClassSnapshot:
    """Measure the rates by class of whole nights, and write them.

    Parameters
    ----------
    alerts : DataFrame
        Thin alerts of whole nights, each once, with the columns
        `class_counts.COLUMNS`; optional ones may be missing.
    settings : Settings
        `root` and `survey`.

    Raises
    ------
    InputError
        If there are no alerts.
    """
    folder = staging_folder(settings.root, "background")
    staged = open_store(folder)
    present = [name for name in class_counts.COLUMNS if name in alerts.columns]
    try:
        alerts.select(present).write.parquet(folder)
        files = staged.relative_files(".parquet")
        counts = class_counts.count(map(staged.read_table, files), settings.survey)
    finally:
        staged.remove()
    snapshot = class_rates.measure(counts)
    class_rates.save(snapshot, background.folder(settings.root))
    return snapshot
