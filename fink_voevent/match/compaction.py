# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Compact the thin alerts of nights that are over: few files, sorted by place.

A night of small batches leaves hundreds of files, each with alerts all over the sky.
From files that are sorted by HEALPix index, a late notice reads only the part that it
can match. If alerts are kept for a limited number of days, those of older nights are
removed, except for alerts that coincide with an event: an update of its notice needs
them.

A compaction counts once its manifest is in place. The files that it replaces are
removed at the next start of the process, because a reader may still use them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from fink_voevent.config.settings import Settings
from fink_voevent.match import earlier_batches
from fink_voevent.spark import dataframes
from fink_voevent.store import merging
from fink_voevent.store.alert_files import (
    STAGE,
    AlertFiles,
    alert_files,
    newest_of_nights,
)
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.ledger import Ledger, Manifest
from fink_voevent.tables.schema import column_names
from fink_voevent.tables.times import days_between

_LOG = logging.getLogger(__name__)
MOST_FILES = 4  # a night with no more files than these is left as it is
ROWS = 250_000  # about as many rows a file: one task sorts, or reads, them in memory


def compact(
    spark: SparkSession, settings: Settings, matched: Iterable[Manifest], tonight: str
) -> Iterator[str]:
    """Compact the alerts of past nights, and yield each night once it is done.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
    matched : iterable of Manifest
        Of match, of any survey.
    tonight : str
        YYYYMMDD: the night that goes on, which is left as it is.

    Yields
    ------
    str
        YYYYMMDD.
    """
    own = earlier_batches.select_survey(matched, settings.survey)
    every = Ledger(settings.root, STAGE).manifests()
    compacted = earlier_batches.select_survey(every, settings.survey)
    _remove_replaced(settings, own, compacted)
    newest = newest_of_nights(compacted)
    pairs = dataframes.read(spark, settings.root, "coincidences", own).select(
        "alert_id"
    )
    for night, pieces in sorted(_by_night(alert_files(own, compacted)).items()):
        last = newest.get(night)
        is_old = 0 < settings.keep_days < days_between(night, tonight)
        was_old = last is not None and last.facts["old"]
        if night == tonight or not _is_due(pieces, is_old and not was_old):
            continue
        files = [f for piece in pieces for f in piece.files]
        alerts = dataframes.read_files(spark, settings.root, "alerts", files)
        if is_old:
            alerts = alerts.join(pairs, "alert_id", "left_semi").select(
                column_names("alerts")
            )
        _replace(settings, pieces, alerts, {"night": night, "old": is_old})
        yield night


def sort_by_place(alerts: DataFrame) -> DataFrame:
    """Sort alerts by `hpx29`, in partitions of about `ROWS` rows."""
    count = alerts.count() // ROWS + 1
    return alerts.repartitionByRange(count, "hpx29").sortWithinPartitions("hpx29")


def _by_night(alerts: Iterable[AlertFiles]) -> dict[str, list[AlertFiles]]:
    nights: dict[str, list[AlertFiles]] = {}
    for piece in alerts:
        nights.setdefault(piece.night, []).append(piece)
    return nights


def _is_due(pieces: Sequence[AlertFiles], has_become_old: bool) -> bool:
    """Whether a night has alerts to remove, or too many files since its last time."""
    files = sum(len(piece.files) for piece in pieces)
    has_unsorted = any(piece.files and not piece.is_sorted for piece in pieces)
    return files > 0 and (has_become_old or (has_unsorted and files > MOST_FILES))


def _replace(
    settings: Settings,
    pieces: Sequence[AlertFiles],
    alerts: DataFrame,
    facts: dict[str, Any],
) -> None:
    """Write and commit alerts in the place of the files of a night."""
    own = Ledger(settings.root, STAGE)
    own.prepare()
    run, number = f"{STAGE}-{settings.survey}", len(own.manifests())
    written = own.write(sort_by_place(alerts), "alerts", run, number)
    times = [piece.span for piece in pieces if piece.span is not None]
    facts |= {
        "survey": settings.survey,
        "alerts": written.rows,
        "span_us": [min(t.first_us for t in times), max(t.last_us for t in times)],
        "replaces": sorted({name for piece in pieces for name in piece.manifests}),
    }
    own.commit(Manifest(STAGE, run, number, {"alerts": written.files}, facts))
    before = sum(len(piece.files) for piece in pieces)
    _LOG.info(
        "compact %s: %d alerts in %d files, before in %d",
        *(facts["night"], written.rows, len(written.files), before),
    )


def _remove_replaced(
    settings: Settings, matched: Sequence[Manifest], compacted: Sequence[Manifest]
) -> None:
    """Remove the files that compactions have replaced."""
    newest = newest_of_nights(compacted)
    names_replaced = {name for m in newest.values() for name in m.facts["replaces"]}
    replaced = [m for m in matched if m.name in names_replaced]
    replaced += [m for m in compacted if m is not newest[m.facts["night"]]]
    files = {f for m in replaced for f in m.tables.get("alerts", ())}
    merging.forget(settings.root, "alerts", files)
    existing = open_store(settings.root).subfolder("alerts").files(".parquet")
    folders = {str(PurePosixPath(info.path).parent) for info in existing}
    for manifest in replaced:
        owner = Ledger(settings.root, manifest.stage)
        folder = open_store(owner.data_folder("alerts", manifest.run, manifest.batch))
        if folder.path in folders:
            folder.remove()
