# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Column functions of time: moments, delays, and what was there before."""

from __future__ import annotations

from datetime import datetime, timezone

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.columns import as_column as _column
from fink_voevent.times import leap_seconds

JD_UNIX_EPOCH = 2440587.5
MJD_UNIX_EPOCH = 40587.0
DAY_US = 86_400_000_000
EPOCH_YEAR = 1970


def _offset_s(month: int) -> int:
    """TAI - UTC (s) of a month; leap seconds come at the end of one."""
    since = datetime(EPOCH_YEAR + month // 12, month % 12 + 1, 1, tzinfo=timezone.utc)
    held = [s for at_us, s in leap_seconds() if at_us <= since.timestamp() * 1e6]
    return held[-1] if held else 0


def _months() -> int:
    """Count the months until the last leap second."""
    last = datetime.fromtimestamp(leap_seconds()[-1][0] / 1e6, timezone.utc)
    return (last.year - EPOCH_YEAR) * 12 + last.month


# A table of months: a condition for each leap second makes methods that are too large
# for Spark to fuse, and what goes through a list is not fused at all.
_OFFSETS = tuple(map(_offset_s, range(_months())))
_LEAPS_BY_MONTH = f"array({', '.join(map(str, _OFFSETS))})"


def time_of_jd(jd: Column | str | float) -> Column:
    """Timestamp of a Julian date in UTC, to the microsecond."""
    return _timestamp((_column(jd) - JD_UNIX_EPOCH) * float(DAY_US))


def time_of_mjd_tai(mjd: Column | str | float) -> Column:
    """UTC timestamp of a modified Julian date in TAI (Rubin), to the microsecond."""
    exact = (_column(mjd) - MJD_UNIX_EPOCH) * float(DAY_US)
    tai_us = F.when(~F.isnan(exact), F.round(exact).cast("bigint"))
    offset = F.lit(0)
    for since_us, seconds in leap_seconds():
        offset = F.when(tai_us >= since_us + seconds * 10**6, seconds).otherwise(offset)
    return F.call_udf("timestamp_micros", tai_us - offset * 10**6)


def _timestamp(microseconds: Column) -> Column:
    usable = ~F.isnan(microseconds)
    rounded = F.round(microseconds).cast("bigint")
    return F.when(usable, F.call_udf("timestamp_micros", rounded))


def elapsed_us(time: Column) -> Column:
    """Microseconds of TAI since 1970: differences are elapsed time, leaps and all."""
    utc_us = F.call_udf("unix_micros", time)
    last_us, last_s = leap_seconds()[-1]
    earlier = F.element_at(F.expr(_LEAPS_BY_MONTH), _month(utc_us))
    return utc_us + F.when(utc_us >= last_us, last_s).otherwise(earlier) * 10**6


def _month(utc_us: Column) -> Column:
    """Count the months since 1970, this one too: 1 at least, at most those known."""
    days = F.floor(utc_us / float(DAY_US)).cast("int")
    date = F.call_udf("date_from_unix_date", F.greatest(days, F.lit(0)))
    number = (F.year(date) - EPOCH_YEAR) * 12 + F.month(date)
    return F.least(number, F.lit(len(_OFFSETS)))


def delay(alert_time: Column | str, event_time: Column | str) -> Column:
    """Elapsed time from event to alert (d); negative where the alert came first."""
    alert, event = _column(alert_time), _column(event_time)
    return (elapsed_us(alert) - elapsed_us(event)) / float(DAY_US)


def prior_activity(
    first_detection: Column | str,
    last_non_detection: Column | str,
    event_time: Column | str,
) -> Column:
    """Tell new, unknown or active: whether the object was there before the event.

    active: detected before the event. new: first detected at the event or later, and a
    non-detection before that is on record. unknown: no first detection is known, or
    nobody is known to have looked before it.
    """
    first, limit, event = map(
        _column, (first_detection, last_non_detection, event_time)
    )
    return (
        F.when(first < event, "active")
        .when(first.isNotNull() & limit.isNotNull(), "new")
        .otherwise("unknown")
    )
