# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Events by their time, in buckets of equal length."""

from __future__ import annotations

from collections.abc import Iterator


class TimeBuckets:
    """Names by their time: adding and removing one takes the same time for any number.

    Parameters
    ----------
    width_us : int
        Length of a bucket, microseconds.
    """

    def __init__(self, width_us: int) -> None:
        self._width_us = width_us
        self._buckets: dict[int, set[str]] = {}

    def add(self, name: str, time_us: int) -> None:
        """Add a name at a time."""
        self._buckets.setdefault(time_us // self._width_us, set()).add(name)

    def remove(self, name: str, time_us: int) -> None:
        """Remove a name that was added at this time."""
        number = time_us // self._width_us
        self._buckets[number].remove(name)
        if not self._buckets[number]:
            del self._buckets[number]

    def near(self, first_us: int, last_us: int) -> Iterator[str]:
        """Names with a time from `first_us` to `last_us`, and others in their buckets.

        It takes as much time as there are such names, at any length of the range.
        """
        first, last = first_us // self._width_us, last_us // self._width_us
        if last - first < len(self._buckets):
            for number in range(first, last + 1):
                yield from self._buckets.get(number, ())
            return
        for number, names in self._buckets.items():
            if first <= number <= last:
                yield from names
