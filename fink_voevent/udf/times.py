# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Column functions of times: timestamps, elapsed time, and activity before an event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.spark.columns import as_column as _column
from fink_voevent.tables.times import DAY_US, leap_seconds

JD_UNIX_EPOCH = 2440587.5
MJD_UNIX_EPOCH = 40587.0
INTERVAL_US = 180 * DAY_US  # leap seconds are further apart than this
NEVER_US = 2**62


class Steps(NamedTuple):
    """TAI - UTC as SQL arrays, one element for each `INTERVAL_US` since 1970.

    A condition for each leap second makes methods that are too large for Spark to fuse,
    and a function over a list is not fused at all.

    Parameters
    ----------
    changes_us : str
        When the offset changes within an interval; `NEVER_US` if it does not.
    offsets_us : str
        The offset at the start of an interval.
    last : int
        Number of the last interval.
    """

    changes_us: str
    offsets_us: str
    last: int


def _steps(changes: list[tuple[int, int]]) -> Steps:
    """Tabulate changes: the moment, and the offset from then on; both microseconds."""
    last = changes[-1][0] // INTERVAL_US + 1
    starts = [n * INTERVAL_US for n in range(last + 1)]
    offsets = [[o for at, o in changes if at <= start][-1:] or [0] for start in starts]
    moments = dict.fromkeys(range(last + 1), NEVER_US)
    moments |= {at // INTERVAL_US: at for at, _ in changes if at % INTERVAL_US}
    return Steps(_array(moments.values()), _array(o for (o,) in offsets), last)


def _array(values: Iterable[int]) -> str:
    return f"array({', '.join(f'{value}L' for value in values)})"


_CHANGES = [(at_us, seconds * 10**6) for at_us, seconds in leap_seconds()]
_BY_UTC = _steps(_CHANGES)
_BY_TAI = _steps([(at_us + offset_us, offset_us) for at_us, offset_us in _CHANGES])


def _offset_us(moment_us: Column, steps: Steps) -> Column:
    """TAI - UTC (microseconds) at a moment, microseconds since 1970 on its scale."""
    interval = F.floor(moment_us / float(INTERVAL_US)).cast("int")
    interval = F.greatest(F.lit(0), F.least(interval, F.lit(steps.last)))
    later = F.when(moment_us >= F.expr(steps.changes_us)[interval], 1).otherwise(0)
    return F.expr(steps.offsets_us)[interval + later]


def time_of_jd(jd: Column | str | float) -> Column:
    """Timestamp of a Julian date in UTC, to the microsecond."""
    return _timestamp((_column(jd) - JD_UNIX_EPOCH) * float(DAY_US))


def time_of_mjd_tai(mjd: Column | str | float) -> Column:
    """UTC timestamp of a modified Julian date in TAI (Rubin), to the microsecond."""
    exact = (_column(mjd) - MJD_UNIX_EPOCH) * float(DAY_US)
    tai_us = F.when(~F.isnan(exact), F.round(exact).cast("bigint"))
    return F.call_udf("timestamp_micros", tai_us - _offset_us(tai_us, _BY_TAI))


def _timestamp(microseconds: Column) -> Column:
    usable = ~F.isnan(microseconds)
    rounded = F.round(microseconds).cast("bigint")
    return F.when(usable, F.call_udf("timestamp_micros", rounded))


def elapsed_us(time: Column) -> Column:
    """Microseconds of TAI since 1970; a difference is elapsed time."""
    utc_us = F.call_udf("unix_micros", time)
    return utc_us + _offset_us(utc_us, _BY_UTC)


def delay(alert_time: Column | str, event_time: Column | str) -> Column:
    """Elapsed time from event to alert (d); negative if the alert came first."""
    alert, event = _column(alert_time), _column(event_time)
    return (elapsed_us(alert) - elapsed_us(event)) / float(DAY_US)


def prior_activity(
    first_detection: Column | str,
    last_non_detection: Column | str,
    event_time: Column | str,
) -> Column:
    """Whether an object was seen before an event: ``new``, ``active`` or ``unknown``.

    Parameters
    ----------
    first_detection, last_non_detection, event_time : Column or name of a column
        Timestamps. Null is not known.

    Returns
    -------
    Column of str
        ``active``: detected before the event. ``new``: first detected at the event or
        later, with an upper limit before that. ``unknown``: no first detection or no
        upper limit is known.
    """
    first, limit, event = map(
        _column, (first_detection, last_non_detection, event_time)
    )
    return (
        F.when(first < event, "active")
        .when(first.isNotNull() & limit.isNotNull(), "new")
        .otherwise("unknown")
    )
