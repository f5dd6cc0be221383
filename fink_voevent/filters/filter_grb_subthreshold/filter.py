# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Filter for triggers that are probably no bursts."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

HBASE_SUPPORT = False
DESCRIPTION = (
    "What grb_bronze would select, of triggers that are probably no bursts, by the"
    " class that their publisher gives. These go to no other topic."
)


def grb_subthreshold(
    messenger: pd.Series,
    event_significant: pd.Series,
    quality: pd.Series,
    candidate_nature: pd.Series,
) -> pd.Series:
    """Select alerts by `blocks.subthreshold`.

    Examples
    --------
    >>> columns = blocks.example("grb", "grb")
    >>> columns["event_significant"] = pd.Series([False, None])
    >>> grb_subthreshold(**blocks.of(grb_subthreshold, columns)).tolist()
    [True, False]
    """
    return blocks.subthreshold(
        "grb", messenger, event_significant, quality, candidate_nature
    )
