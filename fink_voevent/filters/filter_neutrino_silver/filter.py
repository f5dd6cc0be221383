# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Surprising alerts in the region of a high-energy neutrino."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

DESCRIPTION = (
    "As neutrino_bronze, not active before the event, and a chance probability of "
    "0.01 or less: of 100 events, chance sends one. Without a background rate "
    "nothing passes."
)


def neutrino_silver(
    messenger: pd.Series,
    quality: pd.Series,
    extragalactic: pd.Series,
    p_chance: pd.Series,
    prior_activity: pd.Series,
) -> pd.Series:
    """Select by `messenger` neutrino and `blocks.is_silver`; a null messenger fails.

    Examples
    --------
    >>> neutrino_silver(
    ...     pd.Series(["neutrino"] * 3),
    ...     pd.Series([0.9, 0.9, 0.9]),
    ...     pd.Series([None, None, None]),
    ...     pd.Series([0.001, 0.5, 0.5]),
    ...     pd.Series(["new", "new", "active"]),
    ... ).tolist()
    [True, False, False]
    """
    bronze = blocks.is_bronze(quality, extragalactic)
    silver = blocks.is_silver(p_chance, prior_activity)
    return blocks.is_messenger(messenger, "neutrino") & bronze & silver
