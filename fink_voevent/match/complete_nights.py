# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Nights that are over and of which all alerts are kept, without Spark."""

from __future__ import annotations

from fink_voevent.store.batches import BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.tables.times import days_between

THIN = "thin"  # name in the table batches


def thinned_nights(tables: Tables) -> set[str]:
    """Nights of which only the alerts of coincidences are kept."""
    return BatchLog(tables, THIN).nights()


def complete_nights(tables: Tables, survey: str, today: str) -> list[str]:
    """Nights that are over and of which all alerts are kept, sorted.

    The last night may go on until the day after: a night can cross midnight UTC.

    Parameters
    ----------
    tables : Tables
    survey : str
        Empty for the nights of any survey.
    today : str
        YYYYMMDD.
    """
    nights = BatchLog(tables, "match").nights(survey)
    last = max(nights, default="")
    ended = {n for n in nights if n < last or days_between(n, today) > 1}
    return sorted(ended - thinned_nights(tables))
