# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Bronze filter for X-ray transients."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

HBASE_SUPPORT = False
DESCRIPTION = blocks.bronze_description("xray", "an X-ray transient")


def xray_bronze(
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
) -> pd.Series:
    """Select alerts that coincide with X-ray transients, by `blocks.bronze`.

    Examples
    --------
    >>> columns = blocks.example("xray", "frb")
    >>> xray_bronze(**blocks.of(xray_bronze, columns)).tolist()
    [True, False]
    """
    return blocks.bronze(
        "xray", messenger, event_significant, quality, candidate_nature
    )
