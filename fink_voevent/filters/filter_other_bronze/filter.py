# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Bronze filter for events of no other topic."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

HBASE_SUPPORT = False
DESCRIPTION = blocks.bronze_description("other", "any other event")


def other_bronze(
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
) -> pd.Series:
    """Select alerts that coincide with events of no other topic, by `blocks.bronze`.

    Examples
    --------
    >>> columns = blocks.example("optical", "frb")
    >>> other_bronze(**blocks.of(other_bronze, columns)).tolist()
    [True, False]
    """
    return blocks.bronze(
        "other", messenger, event_significant, quality, candidate_nature
    )
