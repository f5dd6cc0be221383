# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Reusable conditions of filters: Series to Series of bool, never null."""

from __future__ import annotations

import pandas as pd

BRONZE_QUALITY = 0.5  # drb or reliability; below, most alerts are artefacts


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
