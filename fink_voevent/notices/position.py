# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Position of a notice: a source's, a spacecraft's pointing, a dummy or none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from astropy.coordinates import SkyCoord

from fink_voevent.errors import NoticeError
from fink_voevent.notices.streams import Stream
from fink_voevent.notices.voevent import Document, Location
from fink_voevent.sky import asymmetric_errors, error_box, localization, skymap
from fink_voevent.sky.localization import Ellipse, Fisher
from fink_voevent.sky.skymap import SkyMap

_UNIT_DEG = {
    "": 1.0,
    "deg": 1.0,
    "degree": 1.0,
    "degrees": 1.0,
    "arcmin": 1 / 60,
    "arcsec": 1 / 3600,
    "mas": 1 / 3.6e6,
    "rad": math.degrees(1.0),
    "radians": math.degrees(1.0),
}
SMALLEST_ERROR_DEG = 1e-8  # 0.04 mas: nothing real is below, it is a 0 that was rounded
_NO_SOURCE = {"0": "none", "2": "pointing"}  # Coords_Type of GCN


@dataclass(frozen=True)
class Position:
    """Position and error of a notice; all but the kind None where it is no source's.

    `fisher` and the radii hold the systematic error of the stream.
    """

    kind: str
    ra_deg: float | None = None
    dec_deg: float | None = None
    error_raw_deg: float | None = None
    containment: float | None = None
    fisher: Fisher | None = None
    error_r90_deg: float | None = None
    area_90_deg2: float | None = None
    cells: tuple[tuple[int, int], ...] | None = None
    ellipse: Ellipse | None = None
    skymap: SkyMap | None = None
    skymap_state: str = "none"


def find_position(
    document: Document, stream: Stream, values: Mapping[str, str]
) -> Position:
    """Position of the first location that gives one, and the sky map, if it is there.

    A map says more than a radius: the region is the map's then.
    """
    place = _place(document, stream, values)
    if document.skymap is None:
        return place
    try:
        found = skymap.read(document.skymap)
    except NoticeError as error:  # the notice is good without it
        return replace(place, skymap_state=str(error))
    kind = place.kind if place.kind == "source" else "map"
    return replace(_with_pixels(place, found), kind=kind, skymap_state="read")


def _place(document: Document, stream: Stream, values: Mapping[str, str]) -> Position:
    """Position without the sky map: a circle, an ellipse or an error box."""
    location = next((w for w in document.locations if w.c1 and w.c2), None)
    if location is None:
        return Position("none")
    place = _circle(location, stream, values)
    shape = _shape(place, location, stream, values)
    return place if shape is None else _with_pixels(place, shape)


def _shape(
    place: Position, location: Location, stream: Stream, values: Mapping[str, str]
) -> SkyMap | None:
    """Region of what is neither a circle nor an ellipse."""
    if place.containment is None or place.ra_deg is None or place.dec_deg is None:
        return None
    if location.corners:
        return error_box.region(location.corners, place.containment)
    errors = _asymmetric_deg(stream, values)
    if errors is None:
        return None
    radec = place.ra_deg, place.dec_deg
    return asymmetric_errors.region(*radec, errors, place.containment)


def _with_pixels(place: Position, found: SkyMap) -> Position:
    area, cells = found.area_deg2(0.9), tuple(found.ranges())
    return replace(place, area_90_deg2=area, cells=cells, skymap=found)


def _circle(location: Location, stream: Stream, values: Mapping[str, str]) -> Position:
    radec = _radec(location)
    error = _error_deg(location, stream, values)
    kind = _kind(stream, values, radec, error)
    if kind != "source" or radec is None:
        return Position(kind)
    used = error or _widest_deg(stream, values, radec) or stream.default_error_deg
    containment = location.containment or stream.containment
    systematic = None if location.systematic_included else stream.systematic
    mixture = localization.fisher(used, containment, systematic)
    shape = None
    if location.ellipse is not None and systematic is None:
        *axes, angle = location.ellipse
        shape = localization.ellipse((axes[0], axes[1]), angle, containment)
    widest = mixture if shape is None else shape
    r90 = widest.radius_deg(0.9)
    edge = widest.radius_deg(localization.COVER_LEVEL)
    return Position(
        kind,
        *radec,
        error,
        containment,
        mixture,
        r90,
        localization.area_deg2(r90) if shape is None else shape.area_deg2(0.9),
        tuple(localization.cover(*radec, edge)),
        shape,
    )


def _kind(
    stream: Stream,
    values: Mapping[str, str],
    radec: tuple[float, float] | None,
    error_deg: float | None,
) -> str:
    if stream.position in ("none", "pointing"):
        return stream.position
    declared = _NO_SOURCE.get(values.get("Coords_Type", "").strip())
    if declared:
        return declared
    if radec is None or (radec == (0.0, 0.0) and error_deg is None):
        return "dummy"
    if error_deg is not None and error_deg >= 180:
        return "dummy"  # the whole sky
    return "source"


def _radec(location: Location) -> tuple[float, float] | None:
    """ICRS (FK5 is taken as ICRS, closer than 0.01 arcsec); None out of range."""
    scale = _UNIT_DEG.get(location.unit.strip().lower(), 1.0)
    scale = scale if scale >= 1 else 1.0  # arcmin there belongs to the error
    try:
        first = float(location.c1 or "nan") * scale
        second = float(location.c2 or "nan") * scale
    except ValueError:
        return None
    if location.names[0].lower().startswith("dec"):
        first, second = second, first
    if not (-360 < first <= 360 and -90 <= second <= 90):
        return None
    if "GAL" in location.coord_system.upper():
        point = SkyCoord(first, second, unit="deg", frame="galactic").icrs
        return float(point.ra.deg), float(point.dec.deg)
    if first < 0:  # -1 is GCN's "none"; no stream writes negative right ascensions
        return None
    return first % 360.0, second


def _widest_deg(
    stream: Stream, values: Mapping[str, str], radec: tuple[float, float]
) -> float | None:
    """Largest of the asymmetric errors, on the sky: the circle where none is given."""
    errors = _asymmetric_deg(stream, values)
    if errors is None:
        return None
    across, along = asymmetric_errors.on_sky(radec[1], errors)
    return max(*across, *along)


def _asymmetric_deg(
    stream: Stream, values: Mapping[str, str]
) -> tuple[float, ...] | None:
    """Give the errors to east, west, north and south, if all of them are there."""
    found = tuple(_number(values.get(name)) for name in stream.asymmetric_params)
    errors = tuple(abs(error) for error in found if error is not None)
    whole = len(errors) == 4 and min(errors) > SMALLEST_ERROR_DEG
    return errors if whole else None


def _error_deg(
    location: Location, stream: Stream, values: Mapping[str, str]
) -> float | None:
    text = values.get(stream.error_param) if stream.error_param else location.error
    scale = _UNIT_DEG.get(location.unit.strip().lower(), 1.0)
    number = _number(text)
    if number is None:
        return None
    error = number * (1.0 if stream.error_param else scale)
    return error if error > SMALLEST_ERROR_DEG else None


def _number(text: str | None) -> float | None:
    """Finite number, or None."""
    try:
        number = float(text or "nan")
    except ValueError:
        return None
    return number if math.isfinite(number) else None
