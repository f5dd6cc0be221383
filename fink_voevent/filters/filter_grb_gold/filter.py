# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Surprising alerts of a gamma-ray burst whose brightness changes fast."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks
from fink_voevent.filters.filter_grb_silver.filter import grb_silver

DESCRIPTION = (
    "As grb_silver, and the brightness changes by 0.3 mag a day or more in a band, "
    "fading or rising."
)


def grb_gold(
    messenger: pd.Series,
    quality: pd.Series,
    extragalactic: pd.Series,
    p_chance: pd.Series,
    prior_activity: pd.Series,
    magnitude_rate: pd.Series,
) -> pd.Series:
    """Select by `grb_silver` and `blocks.is_fast`.

    Examples
    --------
    >>> grb_gold(
    ...     pd.Series(["grb"] * 3),
    ...     pd.Series([0.9, 0.9, 0.9]),
    ...     pd.Series([None, None, None]),
    ...     pd.Series([0.001, 0.001, 0.001]),
    ...     pd.Series(["new", "new", "new"]),
    ...     pd.Series([1.2, 0.1, None]),
    ... ).tolist()
    [True, False, False]
    """
    surprising = grb_silver(messenger, quality, extragalactic, p_chance, prior_activity)
    return surprising & blocks.is_fast(magnitude_rate)
