# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Times of notices, in any scale and with any fault, as UTC with microseconds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone

from fink_voevent import limits

UTC = timezone.utc
MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
TJD_TO_MJD = 40000  # truncated Julian day of GCN
MAX_AGE = timedelta(days=400)  # of a trigger when its notice is issued
# A time of an event or of an issue outside of this range is a mistake of the publisher.
# Moreover, Parquet and Spark count days before 1900 differently.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
SCALES = ("utc", "tt", "tai", "tdb", "tcb", "gps")
GPS_BEHIND_TAI = timedelta(seconds=19)
_ISO = re.compile(
    r"\s*(\d{4})-(\d\d?)-(\d\d?)"
    r"(?:[T ]+(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d*))?)?)?"
    r"\s*(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?\s*$",
    re.IGNORECASE | re.ASCII,
)


def parse_iso(text: str | None) -> datetime | None:
    """Return the time of an ISO 8601 text as publishers write it.

    A text without a time zone is UTC. Digits beyond the microsecond are cut off. Second
    60 is the first second of the next minute.

    Returns
    -------
    datetime or None
        UTC. None if it is not a time, is longer than `limits.TIME_CHARS`, or lies
        outside 1900-2200.
    """
    text = (text or "").strip()
    # The expression takes a time that is quadratic in the number of blanks.
    found = _ISO.match(text) if len(text) <= limits.TIME_CHARS else None
    if found is None:
        return None
    year, month, day = (int(found[i]) for i in (1, 2, 3))
    hour, minute, second = (int(found[i] or 0) for i in (4, 5, 6))
    micro = int((found[7] or "0")[:6].ljust(6, "0"))
    leap = timedelta(seconds=1) if second == 60 else timedelta(0)
    try:
        moment = datetime(
            year, month, day, hour, minute, min(second, 59), micro, tzinfo=UTC
        )
        moment += leap - _zone_offset(found[8])
    except (ValueError, OverflowError):
        return None
    return moment if EARLIEST <= moment <= LATEST else None


def _zone_offset(text: str | None) -> timedelta:
    """Offset from UTC of a time zone, as ``+02:00``; zero for Z, UTC and none."""
    if not text or text[0] not in "+-":
        return timedelta(0)
    digits = text[1:].replace(":", "")
    value = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
    return value if text[0] == "+" else -value


def time_scale(coord_system: str) -> str:
    """Return the time scale of an AstroCoordSystem, as ``TT-ICRS-TOPO``.

    Returns
    -------
    str
        One of `SCALES`; ``utc`` if the scale is missing or not one of them.
    """
    scale = coord_system.partition("-")[0].lower()
    return scale if scale in SCALES else "utc"


def to_utc(moments: Sequence[datetime], scales: Sequence[str]) -> list[datetime]:
    """Convert times of other time scales to UTC.

    The light travel time is not corrected.

    Parameters
    ----------
    moments : sequence of datetime
        Times in the given scales; their time zone is ignored.
    scales : sequence of str
        The scale of each, one of `SCALES`.

    Returns
    -------
    list of datetime
        UTC, in the same order.
    """
    converted = list(moments)
    if set(scales) <= {"utc"}:
        return converted
    from astropy.time import Time  # slow to load

    # All times of a scale are converted at once, because each call of astropy is slow.
    for scale in set(scales) - {"utc"}:
        places = [i for i, s in enumerate(scales) if s == scale]
        offset = GPS_BEHIND_TAI if scale == "gps" else timedelta(0)
        written = [moments[i].replace(tzinfo=None) + offset for i in places]
        utc = Time(written, scale="tai" if scale == "gps" else scale).utc
        found = utc.to_datetime(timezone=UTC, leap_second_strict="silent")
        for place, moment in zip(places, found, strict=True):
            converted[place] = moment
    return converted


def from_tjd(params: Mapping[str, str], issued: datetime | None) -> datetime | None:
    """Return the time of the first pair of Params ``*_TJD`` and ``*_SOD``.

    Parameters
    ----------
    params : mapping
        Values of the Params by name: truncated Julian day, and second of the day (UTC).
    issued : datetime or None
        When the notice was issued.

    Returns
    -------
    datetime or None
        UTC. None if there is no such pair, or if its time lies outside 1900-2200, is
        more than a day after the issue or more than `MAX_AGE` before it, because a few
        published days are wrong.
    """
    for name, days in params.items():
        if not name.endswith("TJD"):
            continue
        seconds = params.get(name[:-3] + "SOD")
        try:
            moment = MJD_EPOCH + timedelta(
                days=int(days) + TJD_TO_MJD, seconds=float(seconds or "nan")
            )
        except (ValueError, OverflowError):
            continue
        if not EARLIEST <= moment <= LATEST:
            continue
        if issued is None or -timedelta(days=1) <= issued - moment <= MAX_AGE:
            return moment
    return None
