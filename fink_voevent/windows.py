# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Windows of time around an event, as an operator writes them."""

from __future__ import annotations


def parse_window(text: str) -> tuple[float, float] | None:
    """(before, after) in days of ``BEFORE,AFTER``; None where empty."""
    if not text:
        return None
    try:
        before, after = (float(p) for p in text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is not BEFORE,AFTER in days, as 1,7") from None
    if not (-before <= after and abs(before) < 1e6 and abs(after) < 1e6):
        raise ValueError(f"{text!r}: the window is empty or beyond a million days")
    return before, after
