# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The light curve of an object from its alert packets, as plain measurements."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from fink_voevent.alerts.surveys import NJY_ZERO_POINT, ZTF_BANDS

DETECTION, NEGATIVE, LIMIT = "detection", "negative", "limit"
FORCED_SIGMA = 5.0  # forced photometry with a lower signal-to-noise is a limit
MAGNITUDE_OF_RATIO = 2.5 / math.log(10)
_JD_1970, _MJD_1970 = 2440587.5, 40587.0
_TAI_UTC_D = 37.0 / 86400.0  # since 2017; Rubin's first alert is of 2024
_1970 = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Measurement(NamedTuple):
    """One measurement of an object in difference images.

    Parameters
    ----------
    time : datetime
        Middle of the exposure, UTC.
    magnitude : float
        AB; of a limit, the faintest magnitude that would have been detected (5 sigma).
    error : float or None
        One sigma (mag); None if it is not known.
    band : str
        Filter of the exposure; empty if it is not known.
    kind : {"detection", "negative", "limit"}
        A negative detection is fainter than the reference image.
    """

    time: datetime
    magnitude: float
    error: float | None
    band: str
    kind: str


@dataclass(frozen=True)
class LightCurve:
    """Measurements of one object, in the order of time.

    Parameters
    ----------
    measurements : tuple of Measurement
    is_complete : bool
        Whether they are from packets, with limits; otherwise only the alerts that are
        on record are known.
    """

    measurements: tuple[Measurement, ...]
    is_complete: bool

    def detections(self) -> list[Measurement]:
        """Return the measurements that are positive detections."""
        return [one for one in self.measurements if one.kind == DETECTION]


def from_packets(packets: Iterable[Mapping[str, Any]]) -> LightCurve:
    """Return the light curve of an object from its packets, each measurement once.

    Parameters
    ----------
    packets : iterable of mapping
        Packets of ZTF or Rubin, as Fink distributes them, of one object. What cannot
        be used in them is left out.
    """
    found: dict[tuple[datetime, str], Measurement] = {}
    for packet in packets:
        read = _ztf if isinstance(packet.get("candidate"), Mapping) else _rubin
        for one in read(packet):
            key = (one.time, one.band)
            if key not in found or found[key].kind == LIMIT:
                found[key] = one
    return LightCurve(tuple(sorted(found.values())), is_complete=True)


def from_rows(rows: Iterable[Mapping[str, Any]]) -> LightCurve:
    """Return the light curve of the alerts of an object that are on record.

    Parameters
    ----------
    rows : iterable of mapping
        Rows of the table coincidences: `alert_time`, `magnitude` and `band`.
    """
    found = {
        Measurement(
            row["alert_time"], row["magnitude"], None, row["band"] or "", DETECTION
        )
        for row in rows
        if _finite(row["magnitude"]) is not None
    }
    return LightCurve(tuple(sorted(found, key=lambda m: m[:2])), is_complete=False)


def _ztf(packet: Mapping[str, Any]) -> Iterator[Measurement]:
    for source in (*(packet.get("prv_candidates") or ()), packet["candidate"]):
        days = _finite(source.get("jd"))
        time = None if days is None else _moment(days - _JD_1970)
        band = ZTF_BANDS.get(source.get("fid"), "")
        magnitude = _finite(source.get("magpsf"))
        limit = _finite(source.get("diffmaglim"))
        if time is None:
            continue
        if magnitude is not None:
            is_negative = source.get("isdiffpos") in ("f", "0", 0, False)
            kind = NEGATIVE if is_negative else DETECTION
            error = _finite(source.get("sigmapsf"))
            yield Measurement(time, magnitude, error, band, kind)
        elif limit is not None and limit > 0:
            yield Measurement(time, limit, None, band, LIMIT)


def _rubin(packet: Mapping[str, Any]) -> Iterator[Measurement]:
    sources = [*(packet.get("prvDiaSources") or ()), packet.get("diaSource") or {}]
    for source in sources:
        yield from _rubin_source(source, is_forced=False)
    for source in packet.get("prvDiaForcedSources") or ():
        yield from _rubin_source(source, is_forced=True)


def _rubin_source(
    source: Mapping[str, Any], *, is_forced: bool
) -> Iterator[Measurement]:
    days = _finite(source.get("midpointMjdTai"))
    flux, sigma = _finite(source.get("psfFlux")), _finite(source.get("psfFluxErr"))
    if days is None or flux is None:
        return
    time, band = _moment(days - _MJD_1970 - _TAI_UTC_D), source.get("band") or ""
    if time is None:
        return
    if is_forced and (sigma is None or abs(flux) < FORCED_SIGMA * sigma):
        if sigma is not None and sigma > 0:
            limit = NJY_ZERO_POINT - 2.5 * math.log10(FORCED_SIGMA * sigma)
            yield Measurement(time, limit, None, band, LIMIT)
    elif flux != 0:
        magnitude = NJY_ZERO_POINT - 2.5 * math.log10(abs(flux))
        error = None if not sigma else MAGNITUDE_OF_RATIO * sigma / abs(flux)
        kind = DETECTION if flux > 0 else NEGATIVE
        yield Measurement(time, magnitude, error, band, kind)


def _moment(days_since_1970: float) -> datetime | None:
    """Return a time (UTC) to the millisecond; None outside of the range of years."""
    try:
        return _1970 + timedelta(seconds=round(days_since_1970 * 86400.0, 3))
    except OverflowError:
        return None


def _finite(value: Any) -> float | None:
    """Return a number; None if it is null or not finite."""
    if value is None or not math.isfinite(value):
        return None
    return float(value)
