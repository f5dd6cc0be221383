# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Real, possibly extragalactic alerts in the region and window of a gamma-ray burst."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

DESCRIPTION = (
    "Alerts in the region and time window of a gamma-ray burst: quality 0.5 or more,"
    " not a known star, asteroid or other object of the Galaxy or nearer."
)


def grb_bronze(
    messenger: pd.Series, quality: pd.Series, extragalactic: pd.Series
) -> pd.Series:
    """Real, possibly extragalactic alerts that coincide with a gamma-ray burst.

    Parameters
    ----------
    messenger : Series of str
        Of the event; a null fails.
    quality : Series of float
        0-1; passes from 0.5; a null fails.
    extragalactic : Series of bool
        False fails; a null (nothing is known there) passes.

    Returns
    -------
    Series of bool

    Examples
    --------
    >>> grb_bronze(
    ...     pd.Series(["grb", "grb", "gw"]),
    ...     pd.Series([0.9, 0.1, 0.9]),
    ...     pd.Series([None, None, None]),
    ... ).tolist()
    [True, False, False]
    """
    bronze = blocks.is_bronze(quality, extragalactic)
    return blocks.is_messenger(messenger, "grb") & bronze
