# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Times of notices, in every scale and state of repair, as UTC with microseconds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone

from astropy.time import Time

UTC = timezone.utc
MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
TJD_TO_MJD = 40000  # truncated Julian day of GCN
MAX_AGE = timedelta(days=400)  # a trigger is not older than this when it is issued
# A time of an event or of an issue beyond these is a fault of its writer; Parquet and
# Spark count days before 1900 in two ways.
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
SCALES = ("utc", "tt", "tai", "tdb", "tcb", "gps")
GPS_BEHIND_TAI = timedelta(seconds=19)
_ISO = re.compile(
    r"\s*(\d{4})-(\d\d?)-(\d\d?)(?:[T ]+(\d\d?):(\d\d):(\d\d)(?:[.,](\d*))?)?"
    r"\s*(Z|UTC|[+-]\d\d:?\d\d)?\s*$",
    re.IGNORECASE,
)


def parse_iso(text: str | None) -> datetime | None:
    """Time of an ISO 8601 text as published; None where it is none, or not of our age.

    Without a zone it is UTC. Digits beyond the microsecond are cut; second 60 is the
    first of the next minute.
    """
    found = _ISO.match(text or "")
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
        moment += leap - _zone(found[8])
    except (ValueError, OverflowError):
        return None
    return moment if EARLIEST <= moment <= LATEST else None


def _zone(text: str | None) -> timedelta:
    if not text or text[0] not in "+-":
        return timedelta(0)
    digits = text[1:].replace(":", "")
    value = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return value if text[0] == "+" else -value


def scale_of(coord_system: str) -> str:
    """Time scale of an AstroCoordSystem, as ``TT-ICRS-TOPO``, in lower case.

    One of `SCALES`; utc where it says another or none.
    """
    scale = coord_system.partition("-")[0].lower()
    return scale if scale in SCALES else "utc"


def to_utc(moments: Sequence[datetime], scales: Sequence[str]) -> list[datetime]:
    """UTC of moments written in other time scales, all of a scale at once.

    Parameters
    ----------
    moments : sequence of datetime
        Their fields are those written; their zone is not read.
    scales : sequence of str
        Of `SCALES`, one for each. Light travel time is not corrected.
    """
    done = list(moments)
    for scale in set(scales) - {"utc"}:
        places = [i for i, s in enumerate(scales) if s == scale]
        offset = GPS_BEHIND_TAI if scale == "gps" else timedelta(0)
        written = [moments[i].replace(tzinfo=None) + offset for i in places]
        utc = Time(written, scale="tai" if scale == "gps" else scale).utc
        found = utc.to_datetime(timezone=UTC, leap_second_strict="silent")
        for place, moment in zip(places, found, strict=True):
            done[place] = moment
    return done


def from_tjd(params: Mapping[str, str], issued: datetime | None) -> datetime | None:
    """Time of the first pair ``*_TJD``, ``*_SOD`` of a notice's Params.

    None where there is no pair, or where it lies after the issue or more than
    `MAX_AGE` before: a few published TJD are absurd.
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
        if issued is None or -timedelta(days=1) <= issued - moment <= MAX_AGE:
            return moment
    return None
