# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Silver filter for high-energy neutrinos."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

HBASE_SUPPORT = False
DESCRIPTION = blocks.silver_description("neutrino")


def neutrino_silver(
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
    candidate_class: pd.Series,
    expected_unrelated: pd.Series,
    reports_candidate: pd.Series,
) -> pd.Series:
    """Select alerts that coincide with high-energy neutrinos, by `blocks.silver`.

    Examples
    --------
    >>> columns = blocks.example("neutrino", "frb")
    >>> neutrino_silver(**blocks.of(neutrino_silver, columns)).tolist()
    [True, False]
    """
    selected = blocks.silver(
        "neutrino",
        messenger,
        event_significant,
        quality,
        candidate_nature,
        candidate_class,
        expected_unrelated,
    )
    return selected & blocks.is_known_to_be(reports_candidate, value=True)
