# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What a VOEvent tells of an alert, whatever packet or table it comes from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

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

MAGNITUDE_OF_RATIO = 2.5 / math.log(10)


@dataclass(frozen=True)
class Transient:
    """One detection of an optical object.

    Parameters
    ----------
    survey : {"ztf", "rubin"}
    alert_id : int
        candid or diaSourceId.
    object_id : str or None
        objectId or diaObjectId.
    ra, dec, error : float
        Degrees, ICRS; `error` of 68 %.
    time : datetime
        Mid-exposure, UTC.
    magnitude, magnitude_error : float or None
        AB, of the difference image.
    band : str or None
    quality : float or None
        Real (1) or bogus (0).
    classification : str or None
        As Fink gives it.
    fink_version : str or None
        Of the Fink that processed it.
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
        """Page of the object in Fink's portal; None where it has no object."""
        if self.object_id is None:
            return None
        site = "ztf.fink-portal.org" if self.survey == "ztf" else "lsst.fink-portal.org"
        return f"https://{site}/{self.object_id}"


def from_packet(packet: Mapping[str, Any]) -> Transient:
    """Transient of an alert as Fink or the survey distributes it.

    Raises
    ------
    InputError
        Where it is neither of ZTF nor of Rubin, or has no position or time.
    """
    try:
        if isinstance(packet.get("candidate"), Mapping):
            return _ztf(packet)
        if isinstance(packet.get("diaSource"), Mapping):
            return _rubin(packet)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"the alert has no usable {error}") from None
    raise InputError("not an alert of ZTF (candidate) or of Rubin (diaSource)")


def from_coincidence(row: Mapping[str, Any]) -> Transient:
    """Transient of a row of coincidences."""
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
    seen = packet["candidate"]
    quality = _finite(seen.get("drb"))
    return Transient(
        survey="ztf",
        alert_id=int(packet["candid"]),
        object_id=packet["objectId"],
        ra=_number(seen, "ra"),
        dec=_number(seen, "dec"),
        error=ERROR_DEG["ztf"],
        time=_utc(Time(_number(seen, "jd"), format="jd", scale="utc")),
        magnitude=_finite(seen.get("magpsf")),
        magnitude_error=_finite(seen.get("sigmapsf")),
        band=ZTF_BANDS.get(seen.get("fid")),
        quality=quality if quality is not None else _finite(seen.get("rb")),
        classification=packet.get("finkclass") or _known(packet.get("cdsxmatch")),
        fink_version=_fink_version(packet),
    )


def _rubin(packet: Mapping[str, Any]) -> Transient:
    seen = packet["diaSource"]
    flux, error = _finite(seen.get("psfFlux")), _finite(seen.get("psfFluxErr"))
    magnitude = magnitude_error = None
    if flux is not None and flux > 0:
        magnitude = NJY_ZERO_POINT - 2.5 * math.log10(flux)
        magnitude_error = MAGNITUDE_OF_RATIO * error / flux if error else None
    names = (seen.get("diaObjectId"), seen.get("ssObjectId"))
    errors = [_finite(seen.get(name)) for name in ("raErr", "decErr")]
    known = [e for e in errors if e is not None and e > 0]
    return Transient(
        survey="rubin",
        alert_id=int(packet.get("diaSourceId") or seen["diaSourceId"]),
        object_id=next((str(name) for name in names if name), None),
        ra=_number(seen, "ra"),
        dec=_number(seen, "dec"),
        error=max(known, default=ERROR_DEG["rubin"]),
        time=_utc(Time(_number(seen, "midpointMjdTai"), format="mjd", scale="tai").utc),
        magnitude=magnitude,
        magnitude_error=magnitude_error,
        band=seen.get("band"),
        quality=_finite(seen.get("reliability")),
        classification=_known((packet.get("xm") or {}).get("simbad_otype")),
        fink_version=_fink_version(packet),
    )


def _known(simbad: str | None) -> str | None:
    """SIMBAD type, if it says what the object is."""
    told = simbad is not None and not simbad.startswith(FAILED)
    return simbad if told and simbad not in UNKNOWN_TYPES else None


def _fink_version(packet: Mapping[str, Any]) -> str | None:
    parts = [(part, packet.get(f"fink_{part}_version")) for part in FINK_PARTS]
    return ", ".join(f"fink-{part} {told}" for part, told in parts if told) or None


def _number(seen: Mapping[str, Any], name: str) -> float:
    value = _finite(seen[name])
    if value is None:
        raise KeyError(name)
    return value


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _utc(time: Time) -> datetime:
    moment: datetime = time.to_datetime(timezone.utc)
    return moment
