# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A span of time."""

from __future__ import annotations

from typing import NamedTuple

from fink_voevent.udf_times import DAY_US


class Span(NamedTuple):
    """First and last moment, microseconds of UTC since 1970."""

    first_us: int
    last_us: int

    def whole_days(self) -> Span:
        """Span of the days that hold it: the same for the batches of a night."""
        day = DAY_US
        return Span(self.first_us // day * day, -(-self.last_us // day) * day)

    def overlaps(self, other: Span) -> bool:
        """Whether both hold a moment."""
        return self.first_us <= other.last_us and self.last_us >= other.first_us
