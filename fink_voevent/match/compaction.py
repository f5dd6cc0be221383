# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Thin alerts of nights that are over, made one: few files, sorted by place.

A night of small batches leaves hundreds of files, all over the sky. Of files sorted by
HEALPix index, a late notice reads the part that it can meet. Where alerts are kept for
some days only, those of older nights go, but for what coincides: an update of its
notice must find it.

A compaction counts once its manifest is in place. What it replaced is removed when the
next process starts: until then someone may be reading it.
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
from fink_voevent.tables.schema import names
from fink_voevent.tables.times import days_between

_LOG = logging.getLogger(__name__)
MOST_FILES = 4  # of a night that is left as it is
ROWS = 250_000  # of a file, about: a task sorts so many in memory, or reads them


def compact(
    spark: SparkSession, settings: Settings, matched: Iterable[Manifest], tonight: str
) -> Iterator[str]:
    """Make the alerts of past nights one each; give each night once it is done.

    Parameters
    ----------
    spark : SparkSession
    settings : Settings
    matched : iterable of Manifest
        Of match.
    tonight : str
        YYYYMMDD: the night that goes on, which is left as it is.
    """
    own = earlier_batches.of_survey(matched, settings.survey)
    compacted = Ledger(settings.root, STAGE).manifests()
    made = earlier_batches.of_survey(compacted, settings.survey)
    _remove_replaced(settings, own, made)
    newest = newest_of_nights(made)
    pairs = dataframes.read(spark, settings.root, "coincidences", own).select(
        "alert_id"
    )
    for night, held in sorted(_by_night(alert_files(own, made)).items()):
        before = newest.get(night)
        old = _is_old(night, tonight, settings.keep_days)
        was_old = before is not None and before.facts["old"]
        if night == tonight or not _is_due(held, old and not was_old):
            continue
        files = [f for piece in held for f in piece.files]
        alerts = dataframes.read_files(spark, settings.root, "alerts", files)
        if old:
            alerts = alerts.join(pairs, "alert_id", "left_semi").select(names("alerts"))
        _make_one(settings, held, alerts, {"night": night, "old": old})
        yield night


def by_place(alerts: DataFrame) -> DataFrame:
    """Alerts sorted by HEALPix index, in partitions of about `ROWS`."""
    count = alerts.count() // ROWS + 1
    return alerts.repartitionByRange(count, "hpx29").sortWithinPartitions("hpx29")


def _by_night(alerts: Iterable[AlertFiles]) -> dict[str, list[AlertFiles]]:
    nights: dict[str, list[AlertFiles]] = {}
    for piece in alerts:
        nights.setdefault(piece.night, []).append(piece)
    return nights


def _is_due(held: Sequence[AlertFiles], has_grown_old: bool) -> bool:
    files = sum(len(piece.files) for piece in held)
    added = any(piece.files and not piece.is_sorted for piece in held)
    return files > 0 and (has_grown_old or (added and files > MOST_FILES))


def _is_old(night: str, tonight: str, keep_days: int) -> bool:
    """Whether a night is more days ago than alerts are kept."""
    return 0 < keep_days < days_between(night, tonight)


def _make_one(
    settings: Settings,
    held: Sequence[AlertFiles],
    alerts: DataFrame,
    facts: dict[str, Any],
) -> None:
    """Hand over alerts in the place of pieces."""
    own = Ledger(settings.root, STAGE)
    own.prepare()
    run, number = f"{STAGE}-{settings.survey}", len(own.manifests())
    written = own.write(by_place(alerts), "alerts", run, number)
    spans = [piece.span for piece in held if piece.span is not None]
    facts |= {
        "survey": settings.survey,
        "alerts": written.rows,
        "span_us": [min(s.first_us for s in spans), max(s.last_us for s in spans)],
        "replaces": sorted({name for piece in held for name in piece.of}),
    }
    own.commit(Manifest(STAGE, run, number, {"alerts": written.files}, facts))
    before = sum(len(piece.files) for piece in held)
    _LOG.info(
        "compact %s: %d alerts in %d files, which were %d",
        *(facts["night"], written.rows, len(written.files), before),
    )


def _remove_replaced(
    settings: Settings, matched: Sequence[Manifest], made: Sequence[Manifest]
) -> None:
    """Remove the files of what compactions have replaced."""
    newest = newest_of_nights(made)
    replaced = {name for m in newest.values() for name in m.facts["replaces"]}
    gone = [m for m in matched if m.name in replaced]
    gone += [m for m in made if m is not newest[m.facts["night"]]]
    files = {f for m in gone for f in m.tables.get("alerts", ())}
    merging.forget(settings.root, "alerts", files)
    there = open_store(settings.root).at("alerts").files(".parquet")
    folders = {str(PurePosixPath(info.path).parent) for info in there}
    for manifest in gone:
        owner = Ledger(settings.root, manifest.stage)
        folder = open_store(owner.data_folder("alerts", manifest.run, manifest.batch))
        if folder.path in folders:
            folder.remove()
