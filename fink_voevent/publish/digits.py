# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Write numbers for people: as many digits as were measured.

Values that we compute from an error have the digits of that error; others have a number
of significant digits. Trailing zeros are significant, and are kept.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from decimal import Decimal

# Numbers in this range are written without an exponent.
SMALLEST_PLAIN, LARGEST_PLAIN = 1e-6, 1e7
MOST_DECIMALS = 15  # a float has no more
_HALF_MS = timedelta(microseconds=500)


def significant(value: float, digits: int) -> str:
    """Write a finite number with some significant digits.

    Parameters
    ----------
    value : float
    digits : int
        Number of significant digits, 1 or more.

    Returns
    -------
    str
        With an exponent if the absolute value is outside of `SMALLEST_PLAIN` to
        `LARGEST_PLAIN`, and not 0.
    """
    if value == 0:
        return "0"
    text = f"{value:.{digits - 1}e}"
    if SMALLEST_PLAIN <= abs(float(text)) < LARGEST_PLAIN:
        return format(Decimal(text), "f")
    return text


def decimals(error: float) -> int:
    """Return the number of decimals of a value with an error, at least 0.

    The last decimal is that of the second digit of the error, so that rounding changes
    the value by a twentieth of the error at most. An error that is not finite and
    positive gives `MOST_DECIMALS`.
    """
    if not (math.isfinite(error) and error > 0):
        return MOST_DECIMALS
    return min(max(0, 1 - math.floor(math.log10(error))), MOST_DECIMALS)


def fixed(value: float, count: int) -> str:
    """Write a finite number with some decimals; 0 has no sign."""
    text = f"{value:.{count}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def longitude(value: float, count: int) -> str:
    """Write an angle of 0 to 360 degrees with some decimals; 360 becomes 0."""
    text = fixed(value, count)
    return fixed(0.0, count) if float(text) == 360 else text


def moment(time: datetime) -> str:
    """Write a time to the nearest millisecond, ISO 8601 without its time zone."""
    try:
        nearest = time + _HALF_MS
    except OverflowError:  # the last millisecond of the year 9999
        nearest = time
    return nearest.replace(tzinfo=None).isoformat(timespec="milliseconds")
