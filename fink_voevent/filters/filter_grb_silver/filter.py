# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Silver filter for gamma-ray bursts."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

DESCRIPTION = blocks.silver_description("grb_bronze")


def grb_silver(
    messenger: pd.Series,
    quality: pd.Series,
    extragalactic: pd.Series,
    p_chance: pd.Series,
    prior_activity: pd.Series,
) -> pd.Series:
    """Select alerts that coincide with gamma-ray bursts, by `blocks.silver`.

    Examples
    --------
    >>> grb_silver(**blocks.silver_example("grb", "gw")).tolist()
    [True, False]
    """
    return blocks.silver(
        "grb", messenger, quality, extragalactic, p_chance, prior_activity
    )
