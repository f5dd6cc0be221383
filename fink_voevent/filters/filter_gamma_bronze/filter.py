# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Bronze filter for gamma-ray transients and flares."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

HBASE_SUPPORT = False
DESCRIPTION = blocks.bronze_description("gamma", "a gamma-ray transient or flare")


def gamma_bronze(
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
) -> pd.Series:
    """Select alerts that coincide with gamma-ray flares, by `blocks.bronze`.

    Examples
    --------
    >>> columns = blocks.example("gamma", "frb")
    >>> gamma_bronze(**blocks.of(gamma_bronze, columns)).tolist()
    [True, False]
    """
    return blocks.bronze(
        "gamma", messenger, event_significant, quality, candidate_nature
    )
