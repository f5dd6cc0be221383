# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Bronze filter for high-energy neutrinos."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

HBASE_SUPPORT = False
DESCRIPTION = blocks.bronze_description("neutrino", "a high-energy neutrino")


def neutrino_bronze(
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
) -> pd.Series:
    """Select alerts that coincide with high-energy neutrinos, by `blocks.bronze`.

    Examples
    --------
    >>> columns = blocks.example("neutrino", "frb")
    >>> neutrino_bronze(**blocks.of(neutrino_bronze, columns)).tolist()
    [True, False]
    """
    return blocks.bronze(
        "neutrino", messenger, event_significant, quality, candidate_nature
    )
