# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Filter for coincidences that are withdrawn or retracted."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

DESCRIPTION = (
    "Coincidences of any messenger that are withdrawn, because a better position no"
    " longer contains the alert, or retracted together with the event."
)


def any_retraction(status: pd.Series) -> pd.Series:
    """Select coincidences that are withdrawn or retracted.

    Examples
    --------
    >>> any_retraction(pd.Series(["new", "withdrawn", "retracted", None])).tolist()
    [False, True, True, False]
    """
    return blocks.is_withdrawn_or_retracted(status)
