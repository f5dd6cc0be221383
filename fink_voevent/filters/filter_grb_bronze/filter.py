# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Bronze filter for gamma-ray bursts."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

DESCRIPTION = blocks.bronze_description("a gamma-ray burst")


def grb_bronze(
    messenger: pd.Series, quality: pd.Series, extragalactic: pd.Series
) -> pd.Series:
    """Select alerts that coincide with gamma-ray bursts, by `blocks.bronze`.

    Examples
    --------
    >>> quality, unknown = pd.Series([0.9, 0.1, 0.9]), pd.Series([None] * 3)
    >>> grb_bronze(pd.Series(["grb", "grb", "gw"]), quality, unknown).tolist()
    [True, False, False]
    """
    return blocks.bronze("grb", messenger, quality, extragalactic)
