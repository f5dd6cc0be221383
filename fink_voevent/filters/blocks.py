# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Reusable conditions of filters: Series to Series of bool, never null."""

from __future__ import annotations

import pandas as pd

BRONZE_QUALITY = 0.5  # drb or reliability; below, most alerts are artefacts

# Afterglows and kilonovae; few supernovae (Andreoni et al. 2021, ApJ 918, 63).
FAST_MAG_PER_DAY = 0.3
SILVER_CHANCE = 0.01  # one event in a hundred reaches it by chance


def is_messenger(messenger: pd.Series, name: str) -> pd.Series:
    """Whether the event's messenger is `name`; a null is not."""
    return messenger.eq(name).fillna(value=False).astype(bool)


def is_good(quality: pd.Series) -> pd.Series:
    """Whether the alert is real: quality of `BRONZE_QUALITY` or more; a null is not."""
    return quality.ge(BRONZE_QUALITY).fillna(value=False).astype(bool)


def may_be_extragalactic(extragalactic: pd.Series) -> pd.Series:
    """Whether nothing says that the object is of the Galaxy or nearer, as a null."""
    return ~extragalactic.eq(other=False).fillna(value=False).astype(bool)


def is_bronze(quality: pd.Series, extragalactic: pd.Series) -> pd.Series:
    """Whether an alert is real and may be extragalactic: the rule of every bronze."""
    return is_good(quality) & may_be_extragalactic(extragalactic)


def is_taken_back(status: pd.Series) -> pd.Series:
    """Whether a coincidence is withdrawn or retracted; a null is not."""
    return status.isin(["withdrawn", "retracted"])


def is_silver(p_chance: pd.Series, prior_activity: pd.Series) -> pd.Series:
    """Whether chance hardly gives the pair, and the object was not active before.

    A null `p_chance` (no background rate) or `prior_activity` fails.
    """
    surprising = p_chance.le(SILVER_CHANCE).fillna(value=False).astype(bool)
    quiet = prior_activity.isin(["new", "unknown"])
    return surprising & quiet


def is_fast(magnitude_rate: pd.Series) -> pd.Series:
    """Whether the brightness changes by `FAST_MAG_PER_DAY` or more, up or down.

    A null rate fails.
    """
    change = pd.to_numeric(magnitude_rate).abs()
    return change.ge(FAST_MAG_PER_DAY).fillna(value=False).astype(bool)
