# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Bronze filter for fast radio bursts."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

HBASE_SUPPORT = False
DESCRIPTION = blocks.bronze_description("frb", "a fast radio burst")


def frb_bronze(
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
) -> pd.Series:
    """Select alerts that coincide with fast radio bursts, by `blocks.bronze`.

    Examples
    --------
    >>> columns = blocks.example("frb", "grb")
    >>> frb_bronze(**blocks.of(frb_bronze, columns)).tolist()
    [True, False]
    """
    return blocks.bronze("frb", messenger, event_significant, quality, candidate_nature)
