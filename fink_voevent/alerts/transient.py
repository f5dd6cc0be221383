# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The properties of an alert that a VOEvent reports, from a packet or a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from astropy.time import Time

from fink_voevent.alerts.surveys import (
    ERROR_DEG,
    FAILED,
    FINK_PARTS,
    NJY_ZERO_POINT,
    UNKNOWN_TYPES,
    ZTF_BANDS,
)
from fink_voevent.errors import InputError

# A field can be of any type, and a number can be out of the range of times.
_UNUSABLE = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
MAGNITUDE_OF_RATIO = 2.5 / math.log(10)
# Radius that contains 68 % of a normal distribution of two coordinates, in units of the
# standard deviation of each: P(r) = 1 - exp(-r^2/2).
RADIUS_68 = math.sqrt(-2 * math.log(1 - 0.68))


@dataclass(frozen=True)
class Transient:
    """One detection of an optical object; None if a value is unknown.

    Parameters
    ----------
    survey : {"ztf", "rubin"}
    alert_id : int
        candid or diaSourceId.
    object_id : str or None
        objectId or diaObjectId.
    ra, dec : float
        Position (deg, ICRS).
    error : float
        Radius that contains 68 % (deg).
    time : datetime
        Middle of the exposure (UTC).
    magnitude, magnitude_error : float or None
        In the difference image (mag, AB).
    band : str or None
        Filter of the exposure.
    quality : float or None
        Score of the survey: real (1) or bogus (0).
    classification : str or None
        Class of the object according to Fink.
    fink_version : str or None
        Versions of fink-broker and fink-science that processed the alert.
    """

    survey: str
    alert_id: int
    object_id: str | None
    ra: float
    dec: float
    error: float
    time: datetime
    magnitude: float | None
    magnitude_error: float | None
    band: str | None
    quality: float | None
    classification: str | None
    fink_version: str | None

    @property
    def address(self) -> str | None:
        """Address of the object in Fink's portal; None if it has no identifier."""
        if self.object_id is None:
            return None
        return portal_address(self.survey, self.object_id)


def portal_address(survey: str, object_id: str) -> str:
    """Return the address of an object in Fink's portal."""
    site = "ztf.fink-portal.org" if survey == "ztf" else "lsst.fink-portal.org"
    name = quote(object_id, safe="", errors="replace")
    return f"https://{site}/{name}"


def from_packet(packet: Mapping[str, Any]) -> Transient:
    """Return the transient of an alert packet.

    Parameters
    ----------
    packet : mapping
        Alert packet of ZTF or Rubin, as the survey or Fink distributes it.

    Raises
    ------
    InputError
        If the packet is of neither survey, or has no position or time.
    """
    try:
        if isinstance(packet.get("candidate"), Mapping):
            return _ztf(packet)
        if isinstance(packet.get("diaSource"), Mapping):
            return _rubin(packet)
    except _UNUSABLE as error:
        raise InputError(f"the alert has no usable {error}") from None
    raise InputError("not an alert of ZTF (candidate) or of Rubin (diaSource)")


def from_coincidence(row: Mapping[str, Any]) -> Transient:
    """Return the transient of a row of the table ``routed``."""
    return Transient(
        survey=row["survey"],
        alert_id=row["alert_id"],
        object_id=row["object_id"],
        ra=row["alert_ra"],
        dec=row["alert_dec"],
        error=ERROR_DEG[row["survey"]],
        time=row["alert_time"],
        magnitude=_finite(row["magnitude"]),
        magnitude_error=None,
        band=row["band"],
        quality=_finite(row["quality"]),
        classification=row["classification"],
        fink_version=row["fink_version"],
    )


def _ztf(packet: Mapping[str, Any]) -> Transient:
    source = packet["candidate"]
    quality = _finite(source.get("drb"))
    return Transient(
        survey="ztf",
        alert_id=int(packet["candid"]),
        object_id=packet["objectId"],
        ra=_number(source, "ra"),
        dec=_number(source, "dec"),
        error=ERROR_DEG["ztf"],
        time=_utc(Time(_number(source, "jd"), format="jd", scale="utc")),
        magnitude=_finite(source.get("magpsf")),
        magnitude_error=_finite(source.get("sigmapsf")),
        band=ZTF_BANDS.get(source.get("fid")),
        quality=quality if quality is not None else _finite(source.get("rb")),
        classification=packet.get("finkclass") or _known(packet.get("cdsxmatch")),
        fink_version=_fink_version(packet),
    )


def _rubin(packet: Mapping[str, Any]) -> Transient:
    source = packet["diaSource"]
    flux, error = _finite(source.get("psfFlux")), _finite(source.get("psfFluxErr"))
    magnitude = magnitude_error = None
    if flux is not None and flux > 0:
        magnitude = NJY_ZERO_POINT - 2.5 * math.log10(flux)
        magnitude_error = MAGNITUDE_OF_RATIO * error / flux if error else None
    names = (source.get("diaObjectId"), source.get("ssObjectId"))
    errors = [_finite(source.get(name)) for name in ("raErr", "decErr")]
    known = [e for e in errors if e is not None and e > 0]
    return Transient(
        survey="rubin",
        alert_id=int(packet.get("diaSourceId") or source["diaSourceId"]),
        object_id=next((str(name) for name in names if name), None),
        ra=_number(source, "ra"),
        dec=_number(source, "dec"),
        error=RADIUS_68 * max(known) if known else ERROR_DEG["rubin"],
        time=_utc(
            Time(_number(source, "midpointMjdTai"), format="mjd", scale="tai").utc
        ),
        magnitude=magnitude,
        magnitude_error=magnitude_error,
        band=source.get("band"),
        quality=_finite(source.get("reliability")),
        classification=_known((packet.get("xm") or {}).get("simbad_otype")),
        fink_version=_fink_version(packet),
    )


def _known(simbad: str | None) -> str | None:
    """Return a SIMBAD type if it says what the object is, otherwise None."""
    if simbad is None or simbad.startswith(FAILED) or simbad in UNKNOWN_TYPES:
        return None
    return simbad


def _fink_version(packet: Mapping[str, Any]) -> str | None:
    parts = [(part, packet.get(f"fink_{part}_version")) for part in FINK_PARTS]
    return (
        ", ".join(f"fink-{part} {version}" for part, version in parts if version)
        or None
    )


def _number(source: Mapping[str, Any], name: str) -> float:
    """Return a field; raise KeyError if it is missing, null or not finite."""
    value = _finite(source[name])
    if value is None:
        raise KeyError(name)
    return value


def _finite(value: Any) -> float | None:
    """Return a number; None if it is null or not finite."""
    return float(value) if value is not None and math.isfinite(value) else None


def _utc(time: Time) -> datetime:
    moment: datetime = time.to_datetime(timezone.utc)
    return moment
