# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Column functions for positions on the sphere: vectors, angles, distributions."""

from __future__ import annotations

import math
from typing import NamedTuple

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 - as in all of Fink

from fink_voevent.errors import InputError
from fink_voevent.spark.columns import as_column as _column


class Vector(NamedTuple):
    """A unit vector: towards (ra 0, dec 0), (ra 90, dec 0) and the north pole."""

    x: Column
    y: Column
    z: Column


def unit_vector(ra: Column | str | float, dec: Column | str | float) -> Vector:
    """Return the unit vector of a position.

    Parameters
    ----------
    ra, dec : Column, name of a column, or float
        Degrees. Any right ascension; `dec` in [-90, 90].
    """
    lon, lat = F.radians(_column(ra)), F.radians(_column(dec))
    return Vector(F.cos(lat) * F.cos(lon), F.cos(lat) * F.sin(lon), F.sin(lat))


def half_chord2(a: Vector, b: Vector) -> Column:
    """sin2(separation / 2) of two unit vectors: without trigonometry, for joins.

    `arc` returns the angle in degrees.
    """
    return _norm2(_minus(a, b)) / 4.0


def dot(a: Vector, b: Vector) -> Column:
    """Scalar product: for unit vectors, the cosine of the angle between them."""
    return a.x * b.x + a.y * b.y + a.z * b.z


def _minus(a: Vector, b: Vector) -> Vector:
    return Vector(a.x - b.x, a.y - b.y, a.z - b.z)


def _norm2(a: Vector) -> Column:
    return dot(a, a)


def arc(a: Vector, b: Vector) -> Column:
    """Angle between unit vectors (deg), accurate from 0 to 180.

    2 atan2(|a - b|, |a + b|): Kahan 2006, "How futile are mindless assessments of
    roundoff", section 12.
    """
    total = Vector(a.x + b.x, a.y + b.y, a.z + b.z)
    return F.degrees(2.0 * F.atan2(F.sqrt(_norm2(_minus(a, b))), F.sqrt(_norm2(total))))


def separation(
    ra1: Column | str | float,
    dec1: Column | str | float,
    ra2: Column | str | float,
    dec2: Column | str | float,
) -> Column:
    """Great-circle separation (deg)."""
    return arc(unit_vector(ra1, dec1), unit_vector(ra2, dec2))


def within(
    ra: Column | str | float,
    dec: Column | str | float,
    ra0: Column | str | float,
    dec0: Column | str | float,
    radius_deg: float,
) -> Column:
    """Whether a position lies within a radius of (ra0, dec0), the edge included.

    Parameters
    ----------
    ra, dec, ra0, dec0 : Column, name of a column, or float
        Degrees.
    radius_deg : float
        0 to 180.

    Raises
    ------
    InputError
        If `radius_deg` is out of its range.
    """
    if not 0 <= radius_deg <= 180:
        raise InputError(f"radius_deg={radius_deg}: it must lie between 0 and 180")
    limit = math.sin(math.radians(radius_deg) / 2) ** 2
    return half_chord2(unit_vector(ra, dec), unit_vector(ra0, dec0)) <= limit


def credible_level(
    half_chord2: Column, fraction: Column, core_kappa: Column, tail_kappa: Column
) -> Column:
    """Probability of a Fisher mixture within a distance of its centre (0-1).

    Parameters
    ----------
    half_chord2 : Column
        sin2(separation / 2), as `half_chord2` returns it.
    fraction, core_kappa, tail_kappa : Column
        See `fink_voevent.sky.localization.Fisher`.
    """

    def enclosed(kappa: Column) -> Column:
        return F.expm1(-2.0 * kappa * half_chord2) / F.expm1(-2.0 * kappa)

    return fraction * enclosed(core_kappa) + (1.0 - fraction) * enclosed(tail_kappa)


def elliptical_kappa(
    place: Vector,
    major: Vector,
    minor: Vector,
    major_kappa: Column,
    minor_kappa: Column,
) -> Column:
    """Concentration of an elliptical Fisher distribution towards a position.

    Parameters
    ----------
    place : Vector
        The position.
    major, minor : Vector
        Unit vectors along the axes at the centre, from `axis`.
    major_kappa, minor_kappa : Column
        See `fink_voevent.sky.localization.Ellipse`.
    """
    along, across = dot(place, major), dot(place, minor)
    total = along * along + across * across
    towards = (major_kappa * along * along + minor_kappa * across * across) / total
    return F.when(total > 0, towards).otherwise(major_kappa)


def axis(
    ra: Column | str | float, dec: Column | str | float, angle: Column | str | float
) -> Vector:
    """Return the unit vector at a position along a position angle (deg, N to E)."""
    east, north, turn = (F.radians(_column(v)) for v in (ra, dec, angle))
    up, aside = F.cos(turn), F.sin(turn)
    inward = -F.sin(north) * up
    return Vector(
        inward * F.cos(east) - aside * F.sin(east),
        inward * F.sin(east) + aside * F.cos(east),
        F.cos(north) * up,
    )


def density(
    half_chord2: Column, fraction: Column, core_kappa: Column, tail_kappa: Column
) -> Column:
    """Probability density of a Fisher mixture (sr-1).

    The parameters are those of `credible_level`.
    """

    def height(kappa: Column) -> Column:
        norm = kappa / (-2.0 * math.pi * F.expm1(-2.0 * kappa))
        return norm * F.exp(-2.0 * kappa * half_chord2)

    return fraction * height(core_kappa) + (1.0 - fraction) * height(tail_kappa)
