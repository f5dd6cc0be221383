# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Gold filter for gravitational-wave events."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

HBASE_SUPPORT = False
DESCRIPTION = blocks.gold_description("gw")


def gw_gold(
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
    candidate_class: pd.Series,
    expected_unrelated: pd.Series,
    candidate_span: pd.Series,
    fast_rise: pd.Series,
    reports_candidate: pd.Series,
) -> pd.Series:
    """Select alerts that coincide with gravitational-wave events, by `blocks.gold`.

    Examples
    --------
    >>> columns = blocks.example("gw", "frb")
    >>> gw_gold(**blocks.of(gw_gold, columns)).tolist()
    [True, False]
    """
    selected = blocks.gold(
        "gw",
        messenger,
        event_significant,
        quality,
        candidate_nature,
        candidate_class,
        expected_unrelated,
        candidate_span,
        fast_rise,
    )
    return selected & blocks.is_known_to_be(reports_candidate, value=True)
