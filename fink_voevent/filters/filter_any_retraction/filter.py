# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Coincidences that are taken back."""

from __future__ import annotations

import pandas as pd

from fink_voevent.filters import blocks

DESCRIPTION = (
    "Coincidences that are taken back, of any messenger: withdrawn, since a better "
    "position no longer holds the alert, or retracted with the event."
)


def any_retraction(status: pd.Series) -> pd.Series:
    """Select what is withdrawn or retracted; a null fails.

    Examples
    --------
    >>> any_retraction(pd.Series(["new", "withdrawn", "retracted", None])).tolist()
    [False, True, True, False]
    """
    return blocks.is_taken_back(status)
