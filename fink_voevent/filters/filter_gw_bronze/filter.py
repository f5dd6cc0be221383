# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Bronze filter for gravitational-wave events."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

HBASE_SUPPORT = False
DESCRIPTION = blocks.bronze_description("gw", "a gravitational-wave event")


def gw_bronze(
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
) -> pd.Series:
    """Select alerts that coincide with gravitational-wave events, by `blocks.bronze`.

    Examples
    --------
    >>> columns = blocks.example("gw", "frb")
    >>> gw_bronze(**blocks.of(gw_bronze, columns)).tolist()
    [True, False]
    """
    return blocks.bronze("gw", messenger, event_significant, quality, candidate_nature)
