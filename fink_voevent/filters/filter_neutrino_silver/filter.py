# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Silver filter for high-energy neutrinos."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

DESCRIPTION = blocks.silver_description("neutrino_bronze")


def neutrino_silver(
    messenger: pd.Series,
    quality: pd.Series,
    extragalactic: pd.Series,
    p_chance: pd.Series,
    prior_activity: pd.Series,
) -> pd.Series:
    """Select alerts that coincide with high-energy neutrinos, by `blocks.silver`.

    Examples
    --------
    >>> neutrino_silver(**blocks.silver_example("neutrino", "grb")).tolist()
    [True, False]
    """
    return blocks.silver(
        "neutrino", messenger, quality, extragalactic, p_chance, prior_activity
    )
