# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Column functions of time: moments, delays, and what was there before."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.columns import as_column as _column
from fink_voevent.times import leap_seconds

JD_UNIX_EPOCH = 2440587.5
MJD_UNIX_EPOCH = 40587.0
DAY_US = 86_400_000_000


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
    leaps = leap_seconds()
    last_us, last_s = leaps[-1]
    # The list is gone through for old times only: as one condition a leap second it
    # makes methods that are too large for Spark to fuse.
    told = ", ".join(f"struct({at}L AS at, {seconds} AS s)" for at, seconds in leaps)
    earlier = F.aggregate(
        F.expr(f"array({told})"),
        F.lit(0),
        lambda held, leap: F.when(utc_us >= leap["at"], leap["s"]).otherwise(held),
    )
    return utc_us + F.when(utc_us >= last_us, last_s).otherwise(earlier) * 10**6


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
