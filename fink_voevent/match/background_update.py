# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The background rates by class are measured again after each night.

This is done when the next night begins, before alerts of past nights are removed.
"""

from __future__ import annotations

import logging

from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError
from fink_voevent.match.complete_nights import complete_nights
from fink_voevent.score import background, class_counts, class_rates
from fink_voevent.score.class_rates import ClassSnapshot
from fink_voevent.store.batches import BatchLog
from fink_voevent.store.delta import Tables

_LOG = logging.getLogger(__name__)
# The last nights that are counted: rates change with the seasons and with the survey.
MOST_NIGHTS = 30


def update(settings: Settings, today: str) -> ClassSnapshot | None:
    """Measure the rates of the last complete nights, and write them if they are new.

    One line of the log says from when silver and gold can fire: a warning, if the rates
    are upper limits because few nights were counted.

    Parameters
    ----------
    settings : Settings
        `root` and `survey`.
    today : str
        YYYYMMDD: see `complete_nights`.

    Returns
    -------
    ClassSnapshot or None
        The newest rates; None if no night is complete yet.
    """
    tables, store = Tables(settings.root), background.folder(settings.root)
    survey = settings.survey
    nights = complete_nights(tables, survey, today)[-MOST_NIGHTS:]
    snapshot = class_rates.newest(store, survey)
    if nights and not _is_of(snapshot, nights):
        last = BatchLog(tables, "match").last_done()
        try:
            counts = class_counts.count_table(tables, survey, nights, last)
        except InputError as error:
            _LOG.warning("nights up to %s are not counted: %s", nights[-1], error)
        else:
            snapshot = class_rates.measure(counts)
            class_rates.save(snapshot, store)
    is_sure = snapshot is not None and not snapshot.is_upper_limit
    level = logging.INFO if is_sure else logging.WARNING
    _LOG.log(level, "%s", class_rates.readiness(snapshot, survey))
    return snapshot


def _is_of(snapshot: ClassSnapshot | None, nights: list[str]) -> bool:
    """Whether a snapshot is of these nights, or of later or more ones."""
    if snapshot is None or snapshot.last_night < nights[-1]:
        return False
    return snapshot.nights >= len(nights)
