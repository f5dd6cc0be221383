# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Real, possibly extragalactic alerts in the sky map of a gravitational-wave event."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

DESCRIPTION = (
    "Alerts in the region and time window of a gravitational-wave event: quality "
    "0.5 or more, not a known star, asteroid or other object of the Galaxy or "
    "nearer."
)


def gw_bronze(
    messenger: pd.Series, quality: pd.Series, extragalactic: pd.Series
) -> pd.Series:
    """Select by `messenger` gw and the cut `blocks.is_bronze`; a null messenger fails.

    Examples
    --------
    >>> gw_bronze(
    ...     pd.Series(["gw", "gw", None]),
    ...     pd.Series([0.5, 0.49, 0.9]),
    ...     pd.Series([None, True, True]),
    ... ).tolist()
    [True, False, False]
    """
    bronze = blocks.is_bronze(quality, extragalactic)
    return blocks.is_messenger(messenger, "gw") & bronze
