# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Times in microseconds since 1970 (UTC), as in the tables, and nights."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import erfa
import numpy as np
import numpy.typing as npt

DAY_US = 86_400_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class TimeRange(NamedTuple):
    """A range of times, both ends included (microseconds since 1970, UTC)."""

    first_us: int
    last_us: int

    def whole_days(self) -> TimeRange:
        """Return the range in whole days: equal for most batches of a night."""
        day = DAY_US
        return TimeRange(self.first_us // day * day, -(-self.last_us // day) * day)

    def overlaps(self, other: TimeRange) -> bool:
        """Whether the ranges have a moment in common."""
        return self.first_us <= other.last_us and self.last_us >= other.first_us


def microseconds(moment: datetime) -> int:
    """Return microseconds since 1970 (UTC); a moment without a zone is UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def days_between(first: str, last: str) -> int:
    """Return the days from one night to another; negative if that is earlier.

    Parameters
    ----------
    first, last : str
        YYYYMMDD.

    >>> days_between("20231231", "20240102")
    2
    """
    moments = [datetime.strptime(night, "%Y%m%d") for night in (first, last)]  # noqa: DTZ007 - only days
    return (moments[1] - moments[0]).days


def leap_seconds() -> list[tuple[int, int]]:
    """Leap seconds since 1972, from erfa's table.

    Returns
    -------
    list of (int, int)
        UTC (microseconds since 1970) of each change, and TAI - UTC (s) from then on.
    """
    table = erfa.leap_seconds.get()
    table = table[table["year"] >= 1972]
    return [
        (
            int(datetime(row["year"], row["month"], 1, tzinfo=timezone.utc).timestamp())
            * 10**6,
            round(float(row["tai_utc"])),
        )
        for row in np.atleast_1d(table)
    ]


def elapsed_us(moments_us: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Microseconds of TAI since 1970 of moments in UTC; a difference is elapsed time.

    Parameters
    ----------
    moments_us : ndarray of int64
        Microseconds since 1970 (UTC).
    """
    changes, seconds = np.array(leap_seconds(), np.int64).T
    offsets = np.concatenate([[0], seconds]) * 10**6
    return moments_us + offsets[np.searchsorted(changes, moments_us, side="right")]
