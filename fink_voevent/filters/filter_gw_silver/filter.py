# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Silver filter for gravitational-wave events."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

DESCRIPTION = blocks.silver_description("gw_bronze")


def gw_silver(
    messenger: pd.Series,
    quality: pd.Series,
    extragalactic: pd.Series,
    p_chance: pd.Series,
    prior_activity: pd.Series,
) -> pd.Series:
    """Select alerts that coincide with gravitational-wave events, by `blocks.silver`.

    Examples
    --------
    >>> gw_silver(**blocks.silver_example("gw", "grb")).tolist()
    [True, False]
    """
    return blocks.silver(
        "gw", messenger, quality, extragalactic, p_chance, prior_activity
    )
