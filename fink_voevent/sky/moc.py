# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The region of an event as a MOC, the IVOA's format of coverages, of bounded size.

It needs the library mocpy (BSD), of the extra `pages`.
"""

from __future__ import annotations

import tempfile
from typing import Any

import astropy.units as u
import numpy as np
from astropy.coordinates import Angle, Latitude, Longitude

from fink_voevent.errors import InputError
from fink_voevent.sky.localization import ORDER
from fink_voevent.sky.region import Region

CELLS_ACROSS = 40.0  # cells along the radius of a shape: 2.5 % of it
LEAST_ORDER, MOST_ORDER = 3, 18  # cells of 7 deg to 0.8 arcsec
_CELL_DEG = 58.63  # side of a HEALPix cell of order 0


def region_moc(region: Region, level: float) -> Any:
    """Return the MOC of a credible region.

    Parameters
    ----------
    region : Region
    level : float
        Credible level, 0 to 0.99, exclusive of 0.

    Returns
    -------
    mocpy.MOC
        Of pixels exactly those of the region; of a circle or an ellipse the cells that
        overlap it, whose side is `CELLS_ACROSS` times smaller than its radius.

    Raises
    ------
    InputError
        If mocpy is not installed.
    """
    moc_class = _moc_class()
    if region.pixels is not None:
        inside = region.pixels.level < level
        ranges = np.stack([region.pixels.lo[inside], region.pixels.hi[inside]], axis=1)
        return moc_class.from_depth29_ranges(ORDER, ranges.astype(np.uint64))
    radius = region.radius_deg(level)
    finest = np.ceil(np.log2(_CELL_DEG * CELLS_ACROSS / radius))
    order = int(np.clip(finest, LEAST_ORDER, MOST_ORDER))
    lon, lat = Longitude(region.ra, u.deg), Latitude(region.dec, u.deg)
    if region.ellipse is None:
        return moc_class.from_cone(
            lon=lon, lat=lat, radius=Angle(radius, u.deg), max_depth=order
        )
    shape = region.ellipse
    along = _half_axis_deg(shape.major_kappa, level)
    across = _half_axis_deg(shape.minor_kappa, level)
    angle = shape.angle if along >= across else shape.angle + 90.0
    return moc_class.from_elliptical_cone(
        lon=lon,
        lat=lat,
        a=Angle(max(along, across), u.deg),
        b=Angle(min(along, across), u.deg),
        pa=Angle(angle % 180.0, u.deg),
        max_depth=order,
    )


def bounded_text(moc: Any, most_bytes: int) -> str:
    """Return a MOC as ASCII text (IVOA MOC 2.0), in fewer and larger cells if needed.

    Parameters
    ----------
    moc : mocpy.MOC
    most_bytes : int
        Largest length of the text. The cells of a coarser MOC contain the region.

    Returns
    -------
    str
        The finest MOC that fits.

    Raises
    ------
    InputError
        If even the coarsest one does not fit.
    """
    text = _text(moc)
    order = int(moc.max_order)
    while len(text) > most_bytes and order > 0:
        order -= 1
        text = _text(moc.degrade_to_order(order))
    if len(text) <= most_bytes:
        return text
    raise InputError(f"no MOC fits into {most_bytes} bytes: allow at least 100")


def read_moc(content: bytes) -> Any:
    """Read a MOC: FITS, JSON or ASCII text such as ``5/8-10 6/4000``.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    mocpy.MOC

    Raises
    ------
    InputError
        If it is not a MOC, or mocpy is not installed.
    """
    moc_class = _moc_class()
    try:
        if content.startswith(b"SIMPLE"):
            with tempfile.NamedTemporaryFile(suffix=".fits") as file:
                file.write(content)
                file.flush()
                return moc_class.from_fits(file.name)
        text = content.decode().strip()
        return moc_class.from_string(text, "json" if text.startswith("{") else "ascii")
    except (ValueError, OSError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"it cannot be read as a MOC: {reason}") from None


def _text(moc: Any) -> str:
    return " ".join(moc.to_string("ascii").split())


def _half_axis_deg(kappa: float, level: float) -> float:
    half_chord2 = min(1.0, -np.log1p(-level) / (2.0 * kappa))
    return float(np.degrees(2.0 * np.arcsin(np.sqrt(half_chord2))))


def _moc_class() -> Any:
    try:
        from mocpy import MOC
    except ImportError:
        raise InputError(
            "a MOC needs the library mocpy: pip install 'fink-voevent[pages]'"
        ) from None
    return MOC
