# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The files of thin alerts: one set for each batch or, once compacted, each night."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fink_voevent.store.ledger import Manifest
from fink_voevent.tables.times import TimeRange

STAGE = "compact"  # its manifests list what was compacted


class AlertFiles(NamedTuple):
    """Thin alerts in one set of files.

    Parameters
    ----------
    night : str
        YYYYMMDD.
    span : TimeRange or None
        Times of the alerts; None if there are none.
    files : tuple of str
        Relative to the root.
    manifests : tuple of str
        Names of the manifests of match that committed them.
    is_sorted : bool
        By HEALPix index.
    is_thinned : bool
        Only the alerts that coincide with an event are kept.
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
    """Return the sets of files of what match committed, each alert in one of them.

    Parameters
    ----------
    matched, compacted : iterable of Manifest
        Of one survey.
    """
    newest = newest_of_nights(compacted)
    made_one = {name for m in newest.values() for name in m.facts["replaces"]}
    whole = [_piece(m, m.facts["replaces"]) for m in newest.values()]
    left = [_piece(m, [m.name]) for m in matched if m.name not in made_one]
    return whole + left


def newest_of_nights(compacted: Iterable[Manifest]) -> dict[str, Manifest]:
    """Return the last compaction of each night: it contains the earlier ones."""
    return {m.facts["night"]: m for m in sorted(compacted, key=lambda m: m.batch)}


def _piece(manifest: Manifest, of: Iterable[str]) -> AlertFiles:
    edges_us = manifest.facts["span_us"]
    return AlertFiles(
        manifest.facts["night"],
        TimeRange(*edges_us) if edges_us else None,
        tuple(manifest.tables.get("alerts", ())),
        tuple(of),
        manifest.stage == STAGE,
        manifest.facts.get("old", False),
    )
