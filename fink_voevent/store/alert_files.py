# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The files of thin alerts: one set for each batch or, once compacted, each night."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fink_voevent.store.ledger import Manifest
from fink_voevent.tables.times import TimeRange

STAGE = "compact"  # its manifests list the compacted files


class AlertFiles(NamedTuple):
    """A set of files with thin alerts of one night.

    Parameters
    ----------
    night : str
        YYYYMMDD.
    span : TimeRange or None
        First and last time of the alerts; None if there are no alerts.
    files : tuple of str
        Paths relative to the root.
    manifests : tuple of str
        Names of the manifests of match that committed the alerts.
    is_sorted : bool
        Whether the alerts are sorted by HEALPix index.
    is_thinned : bool
        Whether only the alerts that coincide with an event are left.
    """

    night: str
    span: TimeRange | None
    files: tuple[str, ...]
    manifests: tuple[str, ...]
    is_sorted: bool
    is_thinned: bool


def alert_files(
    matched: Iterable[Manifest], compacted: Iterable[Manifest]
) -> list[AlertFiles]:
    """Return the files of all committed alerts; each alert is in one set.

    Parameters
    ----------
    matched, compacted : iterable of Manifest
        Manifests of match, and of compaction, of one survey.
    """
    newest = newest_of_nights(compacted)
    replaced = {name for m in newest.values() for name in m.facts["replaces"]}
    nights = [_file_set(m, m.facts["replaces"]) for m in newest.values()]
    batches = [_file_set(m, [m.name]) for m in matched if m.name not in replaced]
    return nights + batches


def newest_of_nights(compacted: Iterable[Manifest]) -> dict[str, Manifest]:
    """Return the last compaction of each night: it contains the earlier ones."""
    return {m.facts["night"]: m for m in sorted(compacted, key=lambda m: m.batch)}


def _file_set(manifest: Manifest, names: Iterable[str]) -> AlertFiles:
    edges_us = manifest.facts["span_us"]
    return AlertFiles(
        manifest.facts["night"],
        TimeRange(*edges_us) if edges_us else None,
        tuple(manifest.tables.get("alerts", ())),
        tuple(names),
        manifest.stage == STAGE,
        manifest.facts.get("old", False),
    )
