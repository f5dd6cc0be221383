# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Position and region of a notice.

A position is that of a source, the pointing of a spacecraft, a dummy value, or missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fink_voevent.errors import NoticeError
from fink_voevent.notices.document import Document, Location, parse_number
from fink_voevent.notices.streams import Stream
from fink_voevent.sky import localization
from fink_voevent.sky.localization import Ellipse, Fisher

# Modules that load astropy, which is slow, are imported where they are needed: most
# notices give a circle.
if TYPE_CHECKING:
    from fink_voevent.sky.skymap import SkyMap

_DEG_PER_UNIT = {
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
SMALLEST_ERROR_DEG = 1e-8  # 0.04 mas: a smaller error is a zero with rounding errors
_KIND_BY_COORDS_TYPE = {"0": "none", "2": "pointing"}  # GCN's Param Coords_Type


@dataclass(frozen=True)
class Position:
    """Position and region of a notice.

    All fields except `kind` and `skymap_state` are None if there is neither a position
    of a source nor a sky map.

    Parameters
    ----------
    kind : str
        ``source``, ``map``, ``pointing``, ``dummy`` or ``none``.
    ra_deg, dec_deg : float or None
        Position (deg), ICRS.
    error_raw_deg : float or None
        Error (deg) as the notice gives it.
    containment : float or None
        Probability within the error, 0-1.
    fisher : Fisher or None
        Circular distribution, with the systematic error of the stream.
    error_r90_deg : float or None
        Radius (deg) that contains 90 %; the longer half-axis of an ellipse.
    area_90_deg2 : float or None
        Area (deg2) of the 90 % region.
    cells : tuple of (int, int) or None
        Half-open ranges of nested indices of order 29 that cover the 99 % region.
    ellipse : Ellipse or None
        Elliptical distribution, if the notice gives an ellipse.
    skymap : SkyMap or None
        Pixels of a sky map, of an error box or of asymmetric errors.
    skymap_state : str
        ``none``, ``read``, or the reason why the sky map cannot be read.
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
    """Return the position and region of a notice.

    The position is that of the first location that has coordinates. If the notice
    includes a sky map, the region is that of the map, which is more precise than a
    radius.

    Parameters
    ----------
    document : Document
        The notice.
    stream : Stream
        Its stream.
    values : mapping
        Values of the Params by name.
    """
    location = next((w for w in document.locations if w.c1 and w.c2), None)
    if location is None:
        position = Position("none")
    else:
        position = _circle_or_ellipse(location, stream, values)
        shape = _shape(position, location, stream, values)
        if shape is not None:
            position = _with_pixels(position, shape)
    if document.skymap is None:
        return position
    from fink_voevent.sky import skymap

    try:
        pixels = skymap.read(document.skymap)
    except NoticeError as error:  # the rest of the notice is used without the map
        return replace(position, skymap_state=str(error))
    kind = position.kind if position.kind == "source" else "map"
    return replace(_with_pixels(position, pixels), kind=kind, skymap_state="read")


def _circle_or_ellipse(
    location: Location, stream: Stream, values: Mapping[str, str]
) -> Position:
    """Position with a circular or elliptical region."""
    radec = _radec(location)
    error = _error_deg(location, stream, values)
    kind = _kind(stream, values, radec, error)
    if kind != "source" or radec is None:
        return Position(kind)
    radius = error or _largest_error(stream, values, radec) or stream.default_error_deg
    containment = location.containment or stream.containment
    systematic = None if location.systematic_included else stream.systematic
    fisher = localization.fisher(radius, containment, systematic)
    ellipse = None
    if location.ellipse is not None and systematic is None:
        first, second, angle = location.ellipse
        if min(first, second) > SMALLEST_ERROR_DEG:  # else it is a line: use the circle
            ellipse = localization.ellipse((first, second), angle, containment)
    region = fisher if ellipse is None else ellipse
    r90 = region.radius_deg(0.9)
    cover_radius = region.radius_deg(localization.COVER_LEVEL)
    return Position(
        kind=kind,
        ra_deg=radec[0],
        dec_deg=radec[1],
        error_raw_deg=error,
        containment=containment,
        fisher=fisher,
        error_r90_deg=r90,
        area_90_deg2=localization.area_deg2(r90)
        if ellipse is None
        else ellipse.area_deg2(0.9),
        cells=tuple(localization.cover(*radec, cover_radius)),
        ellipse=ellipse,
    )


def _shape(
    position: Position, location: Location, stream: Stream, values: Mapping[str, str]
) -> SkyMap | None:
    """Pixels of an error box or of asymmetric errors, if the notice gives them."""
    if (
        position.containment is None
        or position.ra_deg is None
        or position.dec_deg is None
    ):
        return None
    if location.corners:
        from fink_voevent.sky import error_box

        return error_box.region(location.corners, position.containment)
    errors = _asymmetric_errors(stream, values)
    if errors is None:
        return None
    from fink_voevent.sky import asymmetric_errors

    return asymmetric_errors.region(
        position.ra_deg, position.dec_deg, errors, position.containment
    )


def _with_pixels(position: Position, pixels: SkyMap) -> Position:
    return replace(
        position,
        area_90_deg2=pixels.area_deg2(0.9),
        cells=tuple(pixels.ranges()),
        skymap=pixels,
    )


def _kind(
    stream: Stream,
    values: Mapping[str, str],
    radec: tuple[float, float] | None,
    error_deg: float | None,
) -> str:
    if stream.position in ("none", "pointing"):
        return stream.position
    declared = _KIND_BY_COORDS_TYPE.get(values.get("Coords_Type", "").strip())
    if declared:
        return declared
    if radec in (None, (0.0, 0.0)):  # publishers write 0 0 also with an error
        return "dummy"
    if error_deg is not None and error_deg >= 180:
        return "dummy"  # the whole sky
    return "source"


def _radec(location: Location) -> tuple[float, float] | None:
    """Right ascension and declination (deg), ICRS; None if they are out of range.

    FK5 is taken as ICRS: they differ by less than 0.1 arcsec.
    """
    scale = _DEG_PER_UNIT.get(location.unit.strip().lower(), 1.0)
    scale = scale if scale >= 1 else 1.0  # a unit of arcmin is that of the error only
    c1, c2 = parse_number(location.c1), parse_number(location.c2)
    if c1 is None or c2 is None:
        return None
    first, second = c1 * scale, c2 * scale
    if location.names[0].lower().startswith("dec"):
        first, second = second, first
    if not (-360 < first <= 360 and -90 <= second <= 90):
        return None
    if "GAL" in location.coord_system.upper():
        from astropy.coordinates import SkyCoord

        point = SkyCoord(first, second, unit="deg", frame="galactic").icrs
        return float(point.ra.deg), float(point.dec.deg)
    if first < 0:  # GCN writes -1 if there is none; no stream uses negative values
        return None
    return first % 360.0, second


def _error_deg(
    location: Location, stream: Stream, values: Mapping[str, str]
) -> float | None:
    """Error radius (deg); None if it is missing, zero or negative."""
    if stream.error_param:  # always in degrees
        error = parse_number(values.get(stream.error_param))
    else:
        error = parse_number(location.error)
        if error is not None:
            error *= _DEG_PER_UNIT.get(location.unit.strip().lower(), 1.0)
    return error if error is not None and error > SMALLEST_ERROR_DEG else None


def _asymmetric_errors(
    stream: Stream, values: Mapping[str, str]
) -> tuple[float, ...] | None:
    """Errors (deg) towards east, west, north and south, if all four are given."""
    numbers = [parse_number(values.get(name)) for name in stream.asymmetric_params]
    errors = tuple(abs(number) for number in numbers if number is not None)
    is_complete = len(errors) == 4 and min(errors) > SMALLEST_ERROR_DEG
    return errors if is_complete else None


def _largest_error(
    stream: Stream, values: Mapping[str, str], radec: tuple[float, float]
) -> float | None:
    """Return the largest of the asymmetric errors on the sky (deg)."""
    errors = _asymmetric_errors(stream, values)
    if errors is None:
        return None
    from fink_voevent.sky import asymmetric_errors

    across, along = asymmetric_errors.errors_on_sky(radec[1], errors)
    return max(*across, *along)
