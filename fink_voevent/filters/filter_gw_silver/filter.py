# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Surprising alerts in the sky map of a gravitational-wave event."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

DESCRIPTION = (
    "As gw_bronze, not active before the event, and a chance probability of 0.01 or "
    "less: of 100 events, chance sends one. Without a background rate nothing "
    "passes."
)


def gw_silver(
    messenger: pd.Series,
    quality: pd.Series,
    extragalactic: pd.Series,
    p_chance: pd.Series,
    prior_activity: pd.Series,
) -> pd.Series:
    """Select by `messenger` gw and `blocks.is_silver`; a null messenger fails.

    Examples
    --------
    >>> gw_silver(
    ...     pd.Series(["gw"] * 3),
    ...     pd.Series([0.9, 0.9, 0.9]),
    ...     pd.Series([None, None, None]),
    ...     pd.Series([0.001, 0.5, 0.5]),
    ...     pd.Series(["new", "new", "active"]),
    ... ).tolist()
    [True, False, False]
    """
    bronze = blocks.is_bronze(quality, extragalactic)
    silver = blocks.is_silver(p_chance, prior_activity)
    return blocks.is_messenger(messenger, "gw") & bronze & silver
