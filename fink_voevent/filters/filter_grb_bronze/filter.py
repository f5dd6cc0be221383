# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Bronze filter for gamma-ray bursts."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

HBASE_SUPPORT = False
DESCRIPTION = blocks.bronze_description("grb", "a gamma-ray burst")


def grb_bronze(
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
) -> pd.Series:
    """Select alerts that coincide with gamma-ray bursts, by `blocks.bronze`.

    Examples
    --------
    >>> columns = blocks.example("grb", "frb")
    >>> grb_bronze(**blocks.of(grb_bronze, columns)).tolist()
    [True, False]
    """
    return blocks.bronze("grb", messenger, event_significant, quality, candidate_nature)
