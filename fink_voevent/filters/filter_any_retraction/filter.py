# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Filter for coincidences that are withdrawn or retracted."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

HBASE_SUPPORT = False
DESCRIPTION = (
    "Coincidences of any messenger that are withdrawn, because a better position no"
    " longer contains the alert, or retracted together with the event; not those of"
    " events of low significance, which have topics of their own."
)


def any_retraction(status: pd.Series, event_significant: pd.Series) -> pd.Series:
    """Select coincidences that are withdrawn or retracted.

    Examples
    --------
    >>> status = pd.Series(["new", "withdrawn", "retracted", None, "withdrawn"])
    >>> significant = pd.Series([None, None, True, None, False])
    >>> any_retraction(status, significant).tolist()
    [False, True, True, False, False]
    """
    is_low = blocks.is_known_to_be(event_significant, value=False)
    return blocks.is_withdrawn_or_retracted(status) & ~is_low
