# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Gold filter for gamma-ray bursts."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

DESCRIPTION = (
    "Alerts that pass grb_silver, of objects whose brightness changes by"
    f" {blocks.FAST_MAG_PER_DAY} mag a day or more in a band, fading or rising."
)


def grb_gold(
    messenger: pd.Series,
    quality: pd.Series,
    extragalactic: pd.Series,
    p_chance: pd.Series,
    prior_activity: pd.Series,
    magnitude_rate: pd.Series,
) -> pd.Series:
    """Select alerts by `blocks.silver` and `blocks.is_fast`.

    Examples
    --------
    >>> columns = blocks.silver_example("grb", "grb", "gw")
    >>> grb_gold(**columns, magnitude_rate=pd.Series([1.2, 0.1, 1.2])).tolist()
    [True, False, False]
    """
    silver = blocks.silver(
        "grb", messenger, quality, extragalactic, p_chance, prior_activity
    )
    return silver & blocks.is_fast(magnitude_rate)
