# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Bronze filter for nearby supernovae."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

HBASE_SUPPORT = False
DESCRIPTION = blocks.bronze_description(
    "supernova", "a burst of neutrinos of a nearby supernova"
)


def supernova_bronze(
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
) -> pd.Series:
    """Select alerts that coincide with nearby supernovae, by `blocks.bronze`.

    Examples
    --------
    >>> columns = blocks.example("supernova", "frb")
    >>> supernova_bronze(**blocks.of(supernova_bronze, columns)).tolist()
    [True, False]
    """
    return blocks.bronze(
        "supernova", messenger, event_significant, quality, candidate_nature
    )
