# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Bronze filter for high-energy neutrinos."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

DESCRIPTION = (
    blocks.bronze_description("a high-energy neutrino")
    + " Objects that were active before the neutrino pass too, such as blazars and"
    " tidal disruptions."
)


def neutrino_bronze(
    messenger: pd.Series, quality: pd.Series, extragalactic: pd.Series
) -> pd.Series:
    """Select alerts that coincide with high-energy neutrinos, by `blocks.bronze`.

    Examples
    --------
    >>> messenger = pd.Series(["neutrino", "neutrino", "grb"])
    >>> quality, unknown = pd.Series([0.9, 0.1, 0.9]), pd.Series([None] * 3)
    >>> neutrino_bronze(messenger, quality, unknown).tolist()
    [True, False, False]
    """
    return blocks.bronze("neutrino", messenger, quality, extragalactic)
