# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Filter for waves of low significance."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

HBASE_SUPPORT = False
DESCRIPTION = (
    "What gw_bronze would select, of waves to which their publisher gives a low"
    " significance. These go to no other topic."
)


def gw_subthreshold(
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
) -> pd.Series:
    """Select alerts by `blocks.subthreshold`.

    Examples
    --------
    >>> columns = blocks.example("gw", "gw")
    >>> columns["event_significant"] = pd.Series([False, None])
    >>> gw_subthreshold(**blocks.of(gw_subthreshold, columns)).tolist()
    [True, False]
    """
    return blocks.subthreshold(
        "gw", messenger, event_significant, quality, candidate_nature
    )
