# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The most probable host galaxy of an object, among the galaxies in its packet.

Both surveys have a galaxy of Mangrove (Ducoin et al. 2020, MNRAS 492, 4768) within 1',
the only one with a distance, which is therefore preferred. ZTF also has the three
nearest sources of Pan-STARRS 1 within 30", and Rubin the photometric redshift of a
source of the Legacy Surveys within 1.5".

That a galaxy is there by chance has the probability 1 - exp(-pi r^2 sigma), where sigma
is the number of galaxies that are as bright or as near, and r the distance at which one
would still be called the host: Bloom et al. 2002, AJ 123, 1111, section 6.
"""

from __future__ import annotations

import math

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.alerts.catalogues import cleaned
from fink_voevent.alerts.objects import (
    AT_PLACE_ARCSEC,
    GALAXY_SCORE,
    MOVER,
    SMALLEST_REDSHIFT,
    is_photometric_redshift_good,
    known,
    small_angle,
)
from fink_voevent.spark.columns import leaf

# Radius in which Fink looks for a galaxy of Mangrove: of one without a position, the
# angle is at most as large.
MANGROVE_ARCSEC = 60.0
# Galaxies of Mangrove per square degree that are nearer than 100 Mpc, and how their
# number grows with the distance: within 15 % of the catalogue from 20 to 230 Mpc.
MANGROVE_DEG2, MANGROVE_POWER = 1.6, 1.7
# Half-light radii: of galaxies of Mangrove, and of faint galaxies.
HALF_LIGHT_KPC, HALF_LIGHT_ARCSEC = 5.0, 0.75
# Of a nucleus, the position of its own galaxy is at most as far away.
NUCLEAR_ARCSEC = 3.0
SOURCES = (1, 2, 3)  # nearest sources of Pan-STARRS 1, by their numbers in ZTF's fields
LEGACY_NAME = "Legacy Surveys DR8"  # the packet does not give the name of the source
LEGACY_MAGNITUDE = 23.4  # r, of the faintest sources (Dey et al. 2019, AJ 157, 168)
# Planck Collaboration 2016, A&A 594, A13: km/s/Mpc, and matter.
HUBBLE, MATTER = 67.74, 0.3075
LIGHT_KM_S = 299792.458
# Error of the distance of a galaxy whose redshift is measured: velocities of galaxies.
PECULIAR_KM_S = 300.0
# Error of the redshift of a galaxy that Mangrove has from 2MASS alone: photometric
# (Bilicki et al. 2014, ApJS 210, 9).
PHOTOMETRIC_ERROR = 0.015
ARCSEC2_IN_DEG2 = 3600.0**2

# Results of `measures`: name of the galaxy of Mangrove, and angle to it (deg)
_NAME, _ANGLE = "_mangrove", "_mangrove_angle"


def fields(df: DataFrame, survey: str) -> dict[str, Column]:
    """Return the fields of packets that `measures` needs, by its names.

    Parameters
    ----------
    df : DataFrame
        Packets.
    survey : {"ztf", "rubin"}
    """
    mangrove = {"ztf": "mangrove.", "rubin": "xm.mangrove_"}[survey]
    selected = {
        "_leda": leaf(df, f"{mangrove}HyperLEDA_name", "string"),
        "_2mass": leaf(df, f"{mangrove}2MASS_name", "string"),
        "_luminosity_distance": leaf(df, f"{mangrove}lum_dist", "double"),
        "_angular_distance": leaf(df, f"{mangrove}ang_dist", "double"),
    }
    if survey == "rubin":
        return selected
    for n in SOURCES:
        selected |= {
            f"_source{n}": leaf(df, f"candidate.objectidps{n}", "bigint"),
            f"_score{n}": leaf(df, f"candidate.sgscore{n}", "double"),
            f"_separation{n}": leaf(df, f"candidate.distpsnr{n}", "double"),
            f"_r{n}": leaf(df, f"candidate.srmag{n}", "double"),
        }
    return selected


def measures(survey: str) -> dict[str, Column]:
    """Return what `columns` needs of each galaxy, in terms of `fields`.

    Parameters
    ----------
    survey : {"ztf", "rubin"}
    """
    leda, two_mass = cleaned(F.col("_leda")), cleaned(F.col("_2mass"))
    is_number = leda.rlike(r"^\d+$")
    name = F.coalesce(
        F.when(is_number, F.concat(F.lit("PGC "), leda)).otherwise(leda),
        F.concat(F.lit("2MASX J"), two_mass),
    )
    has_distance = known("_luminosity_distance") > 0
    measured = {_NAME: F.when(has_distance, name), _ANGLE: _angle_of_2mass(two_mass)}
    if survey == "rubin":
        return measured
    return measured | {f"_chance{n}": _chance_of_source(n) for n in SOURCES}


def columns(survey: str) -> dict[str, Column]:
    """Return ``redshift`` and the columns of the host, in terms of `measures`.

    Needs ``stellar`` and ``active_nucleus`` too. There is no host of a star or of an
    object of the Solar System.

    Parameters
    ----------
    survey : {"ztf", "rubin"}
    """
    can_have = ~F.coalesce("stellar", F.lit(False)) & ~F.col(MOVER)
    far = F.coalesce(F.col(_ANGLE) > NUCLEAR_ARCSEC / 3600, F.lit(True))
    is_nucleus = F.coalesce("active_nucleus", F.lit(False))
    is_mangrove = F.col(_NAME).isNotNull() & ~(is_nucleus & far)
    mangrove = _of_mangrove()
    other = {"ztf": _of_pan_starrs, "rubin": _of_legacy}[survey]()
    chosen = {
        name: F.when(
            can_have, F.when(is_mangrove, mangrove[name]).otherwise(other[name])
        )
        for name in mangrove
    }
    if survey == "rubin":
        measured = known("_tns_redshift")
        own = F.when(measured > SMALLEST_REDSHIFT, measured)
        distance = luminosity_distance(own)
        chosen["redshift"] = F.coalesce(own, chosen["redshift"])
        chosen["host_distance"] = F.coalesce(chosen["host_distance"], distance)
    return chosen


def _of_mangrove() -> dict[str, Column]:
    distance, angular = known("_luminosity_distance"), known("_angular_distance")
    angle = F.coalesce(F.col(_ANGLE) * 3600, F.lit(MANGROVE_ARCSEC))
    size = math.degrees(2 * HALF_LIGHT_KPC / 1000) * 3600 / distance
    density = MANGROVE_DEG2 / ARCSEC2_IN_DEG2 * F.pow(distance / 100, MANGROVE_POWER)
    has_spectrum = cleaned(F.col("_leda")).isNotNull()
    return {
        "host": F.col(_NAME),
        "host_separation": F.col(_ANGLE),
        "host_distance": distance,
        "host_distance_error": F.when(
            has_spectrum, F.lit(PECULIAR_KM_S / HUBBLE)
        ).otherwise(F.lit(LIGHT_KM_S * PHOTOMETRIC_ERROR / HUBBLE)),
        "host_chance": _chance(F.hypot(angle, size), density),
        # (1 + z)^2 is the ratio of the two distances.
        "redshift": F.when(angular > 0, F.sqrt(distance / angular) - 1),
    }


def _angle_of_2mass(name: Column) -> Column:
    """Angle (deg) from the alert to a source of 2MASS: hhmmssss+ddmmsss is its name."""
    ra = 15.0 * (
        F.substring(name, 1, 2).cast("double")
        + F.substring(name, 3, 2).cast("double") / 60
        + F.substring(name, 5, 4).cast("double") / 360000
    )
    dec = (
        F.substring(name, 10, 2).cast("double")
        + F.substring(name, 12, 2).cast("double") / 60
        + F.substring(name, 14, 3).cast("double") / 36000
    )
    signed = F.when(F.substring(name, 9, 1) == "-", -dec).otherwise(dec)
    return F.when(name.rlike(r"^\d{8}[+-]\d{7}$"), small_angle(ra, signed))


def _chance_of_source(number: int) -> Column:
    """Chance of a source of Pan-STARRS 1; null if it is no galaxy."""
    angle, r = known(f"_separation{number}"), known(f"_r{number}")
    is_galaxy = (
        known(f"_score{number}").between(0, GALAXY_SCORE)
        & (angle >= 0)
        & (r > 0)
        & F.col(f"_source{number}").isNotNull()
    )
    radius = F.hypot(angle, F.lit(2 * HALF_LIGHT_ARCSEC))
    return F.when(is_galaxy, _chance(radius, brighter(r)))


def _of_pan_starrs() -> dict[str, Column]:
    """Most probable of the sources of Pan-STARRS 1."""
    best = F.least(*(f"_chance{n}" for n in SOURCES))

    def chosen(name: str) -> Column:
        return F.coalesce(
            *(
                F.when(F.col(f"_chance{n}") == best, F.col(f"{name}{n}"))
                for n in SOURCES
            )
        )

    nothing = F.lit(None).cast("double")
    return {
        "host": F.concat(F.lit("PS1 "), chosen("_source").cast("string")),
        "host_separation": chosen("_separation") / 3600,
        "host_distance": nothing,
        "host_distance_error": nothing,
        "host_chance": best,
        "redshift": nothing,
    }


def _of_legacy() -> dict[str, Column]:
    redshift = known("_photometric_redshift")
    error = known("_photometric_redshift_error")
    nearer = luminosity_distance(F.greatest(redshift - error, F.lit(0.0)))
    farther = luminosity_distance(redshift + error)
    radius = F.lit(math.hypot(AT_PLACE_ARCSEC, 2 * HALF_LIGHT_ARCSEC))
    values = {
        "host": F.lit(LEGACY_NAME),
        "host_separation": F.lit(None).cast("double"),
        "host_distance": luminosity_distance(redshift),
        "host_distance_error": F.when(error > 0, (farther - nearer) / 2),
        "host_chance": _chance(radius, brighter(F.lit(LEGACY_MAGNITUDE))),
        "redshift": redshift,
    }
    good = is_photometric_redshift_good()
    return {name: F.when(good, value) for name, value in values.items()}


def _chance(radius: Column, density: Column) -> Column:
    """Probability of a galaxy within a radius (arcsec), by their number per arcsec2."""
    return -F.expm1(-math.pi * F.pow(radius, F.lit(2.0)) * density)


def brighter(magnitude: Column) -> Column:
    """Return the number of galaxies per square arcsecond that are brighter.

    Bloom et al. 2002, AJ 123, 1111, equation 3, from the counts of Hogg et al. 1997,
    MNRAS 288, 404. Brighter than 18 mag, galaxies are fewer.

    Parameters
    ----------
    magnitude : Column
        In r; the formula is for R.
    """
    slope = 0.334
    counts = F.pow(F.lit(10.0), slope * (magnitude - 22.963) + 4.320)
    return counts / (ARCSEC2_IN_DEG2 * slope * math.log(10))


def luminosity_distance(redshift: Column) -> Column:
    """Return the luminosity distance (Mpc) in a flat universe, to 0.5 %.

    Pen 1999, ApJS 120, 49, equation 1.

    Parameters
    ----------
    redshift : Column
        0 or more.
    """
    ratio = (1 - MATTER) / MATTER
    s = ratio ** (1 / 3)
    x = 1 + redshift
    terms = (-0.1540 * s, 0.4304 * s**2, 0.19097 * s**3, 0.066941 * s**4)
    series = F.lit(1.0) * x
    for term in terms[:-1]:
        series = (series + term) * x
    series = series + terms[-1]
    here = (1 + sum(terms)) ** -0.125
    depth = 2 * math.sqrt(ratio + 1) * (here - F.pow(series, F.lit(-0.125)))
    return LIGHT_KM_S / HUBBLE * x * depth
