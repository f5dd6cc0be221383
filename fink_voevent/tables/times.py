# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Times in microseconds since 1970 (UTC), as in the tables, and nights."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

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
