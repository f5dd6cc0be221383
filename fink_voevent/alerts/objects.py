# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What an object is, as far as its packet knows: star, variable, active nucleus, mover.

`thin_alerts.thin` computes these columns in three steps:

1. `ztf_fields` and `rubin_fields` select fields of the packet, by names that begin with
   an underscore.
2. `ztf_evidence` and `rubin_evidence` give them one meaning.
3. `classes` decides.

A filler is null from step 2 on: the score 0.5 and the number -999 of ZTF, ``Unknown``,
``Fail`` and ``nan`` of Fink.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.alerts import catalogues
from fink_voevent.alerts.catalogues import (
    EXTRAGALACTIC,
    GALAXY,
    NUCLEUS,
    RADIO,
    STAR,
    SUSPECTED,
    VARIABLE,
    cleaned,
    has,
)
from fink_voevent.spark.columns import leaf

AT_PLACE_ARCSEC = 1.5  # a catalogued source that is nearer is the object
# Score of a star in Pan-STARRS 1: Tachibana and Miller 2018, PASP 130, 128001, find a
# point source above 0.83, and Fink takes 0.76. As far from 0 is a galaxy.
STAR_SCORE, GALAXY_SCORE = 0.76, 0.24
UNDECIDED_SCORE = 0.5  # what ZTF writes if the score could not be computed
# Probability of a star in the Legacy Surveys: Duncan 2022, MNRAS 512, 3662.
STAR_PROBABILITY, GALAXY_PROBABILITY = 0.8, 0.2
GOOD_PHOTOMETRIC_REDSHIFT = 1  # of the flag fqual of the same catalogue
PARALLAX_SIGMA = 5.0  # a parallax that is as many times its error is real
# Redshifts below can be the velocity of a star of the Galaxy.
SMALLEST_REDSHIFT = 0.002
# The names of 3HSP give positions to 0.1 s and 1".
BLAZAR_ARCSEC = 3.0
KNOWN_ASTEROID = 3  # Fink's roid of an object of the MPC
ASTEROID_ARCSEC = 2.0  # distance to a known asteroid, if Fink has not looked
# ZTF has seen an asteroid at most as many times at one place: the limit of Fink's roid.
ASTEROID_DETECTIONS = 5

# Two detections of one object that are as far apart in time (d) are not of the Solar
# System, because it would have moved away.
FIXED_DAYS = 15 / 1440

# Results of `ztf_evidence` and `rubin_evidence`
MARKS, POINT, FOUND, PARALLAX = "_marks", "_point", "_found", "_parallax_sigma"
BLAZAR, MOVER, DISTANT = "_blazar", "_mover", "_distant"
EVIDENCE = (MARKS, POINT, FOUND, PARALLAX, BLAZAR, MOVER, DISTANT)


def ztf_fields(df: DataFrame) -> dict[str, Column]:
    """Return the fields of ZTF's packets that `evidence` needs, by its names."""
    texts = {
        "_simbad": "cdsxmatch",
        "_vsx": "vsx",
        "_gcvs": "gcvs",
        "_gaia_class": "gaiaClass",
        "_tns": "tns",
        "_spicy": "spicy_class",
        "_x3hsp": "x3hsp",
        "_x4lac": "x4lac",
    }
    numbers = {
        "_gaia_variable": "gaiaVarFlag",
        "_parallax": "Plx",
        "_parallax_error": "e_Plx",
        "_star_score": "candidate.sgscore1",
        "_star_separation": "candidate.distpsnr1",
        "_roid": "roid",
        "_asteroid_separation": "candidate.ssdistnr",
        "_detected_before": "candidate.ndethist",
    }
    return _select(df, texts, numbers)


def rubin_fields(df: DataFrame) -> dict[str, Column]:
    """Return the fields of Rubin's packets that `evidence` needs, by its names."""
    texts = {
        "_simbad": "xm.simbad_otype",
        "_vsx": "xm.vsx_Type",
        "_gcvs": "xm.gcvs_type",
        "_tns": "xm.tns_type",
        "_spicy": "xm.spicy_class",
        "_x3hsp": "xm.x3hsp_type",
        "_x4lac": "xm.x4lac_type",
        "_gaia": "xm.gaiadr3_DR3Name",
    }
    numbers = {
        "_gaia_variable": "xm.gaiadr3_VarFlag",
        "_parallax": "xm.gaiadr3_Plx",
        "_parallax_error": "xm.gaiadr3_e_Plx",
        "_tns_redshift": "xm.tns_redshift",
        "_photometric_redshift": "xm.legacydr8_zphot",
        "_photometric_redshift_error": "xm.legacydr8_e_zphot",
        "_photometric_redshift_flag": "xm.legacydr8_fqual",
        "_star_probability": "xm.legacydr8_pstar",
    }
    fields = _select(df, texts, numbers)
    fields["_is_asteroid"] = leaf(df, "pred.is_sso", "boolean")
    fields["_asteroid"] = leaf(df, "diaSource.ssObjectId", "bigint")
    return fields


def _select(
    df: DataFrame, texts: dict[str, str], numbers: dict[str, str]
) -> dict[str, Column]:
    selected = {name: leaf(df, path, "string") for name, path in texts.items()}
    return selected | {name: leaf(df, path, "double") for name, path in numbers.items()}


def known(number: str | Column) -> Column:
    """Return a number without NaN, which becomes null."""
    column = F.col(number) if isinstance(number, str) else number
    return F.nanvl(column, F.lit(None).cast("double"))


def ztf_evidence() -> dict[str, Column]:
    """Return the columns `EVIDENCE` of ZTF, in terms of `ztf_fields`."""
    distance = known("_star_separation")
    near = F.when(distance >= 0, distance < AT_PLACE_ARCSEC)
    score = known("_star_score")
    reliable = score.between(0, 1) & (score != UNDECIDED_SCORE)
    point = F.when(~near, F.lit(False)).when(
        near & reliable,
        F.when(score >= STAR_SCORE, F.lit(True)).when(
            score <= GALAXY_SCORE, F.lit(False)
        ),
    )
    marks = _marks(_common_marks(), catalogues.of_gaia(F.col("_gaia_class")))
    asteroid = known("_asteroid_separation")
    passing = (
        F.col("_roid").isNull()
        & asteroid.between(0, ASTEROID_ARCSEC)
        & (F.coalesce("_detected_before", F.lit(0.0)) <= ASTEROID_DETECTIONS)
    )
    return {
        MARKS: marks,
        POINT: point,
        FOUND: F.coalesce(near, F.lit(False)),
        PARALLAX: _parallax_sigma(),
        BLAZAR: _blazar(),
        MOVER: F.coalesce((F.col("_roid") == KNOWN_ASTEROID) | passing, F.lit(False)),
        DISTANT: F.lit(False),
    }


def rubin_evidence() -> dict[str, Column]:
    """Return the columns `EVIDENCE` of Rubin, in terms of `rubin_fields`."""
    star = known("_star_probability")
    point = F.when(star >= STAR_PROBABILITY, F.lit(True)).when(
        star <= GALAXY_PROBABILITY, F.lit(False)
    )
    asteroid = F.coalesce("_is_asteroid", F.lit(False)) | (
        F.coalesce("_asteroid", F.lit(0)) != 0
    )
    return {
        MARKS: _common_marks(),
        POINT: point,
        FOUND: cleaned(F.col("_gaia")).isNotNull() | star.isNotNull(),
        PARALLAX: _parallax_sigma(),
        BLAZAR: _blazar(),
        MOVER: asteroid,
        DISTANT: F.coalesce(known("_tns_redshift") > SMALLEST_REDSHIFT, F.lit(False))
        | is_photometric_redshift_good(),
    }


def is_photometric_redshift_good() -> Column:
    """Whether the object is a galaxy with a good photometric redshift; never null.

    In terms of `rubin_fields`.
    """
    good = (
        (known("_photometric_redshift") > 0)
        & (F.col("_photometric_redshift_flag") == GOOD_PHOTOMETRIC_REDSHIFT)
        & (known("_star_probability") <= GALAXY_PROBABILITY)
    )
    return F.coalesce(good, F.lit(False))


def _common_marks() -> Column:
    """Return the marks of the catalogues of both surveys."""
    suspected = F.when(F.col("_gaia_variable") == 1, F.lit(SUSPECTED))
    return _marks(
        catalogues.of_simbad(F.col("_simbad")),
        catalogues.of_variability(F.col("_vsx")),
        catalogues.of_variability(F.col("_gcvs")),
        catalogues.of_tns(F.col("_tns")),
        catalogues.of_spicy(F.col("_spicy")),
        F.coalesce(suspected, F.lit(0)),
    )


def _marks(first: Column, *others: Column) -> Column:
    for other in others:
        first = first.bitwiseOR(other)
    return first


def _parallax_sigma() -> Column:
    """Parallax in units of its error; null if one of them is unknown."""
    error = known("_parallax_error")
    return F.when(error > 0, known("_parallax") / error)


def _blazar() -> Column:
    """Which blazar Fink has found within 1': 2 at the place, 1 perhaps, 0 none.

    The name in 3HSP gives the position of the optical source. That in 4LAC gives the
    position of the gamma rays, which says less than the distance that Fink allows.
    """
    name = F.col("_x3hsp")
    # 3HSPJhhmmss.s+ddmmss
    ra = 15.0 * (
        F.substring(name, 6, 2).cast("double")
        + F.substring(name, 8, 2).cast("double") / 60
        + F.substring(name, 10, 4).cast("double") / 3600
    )
    dec = (
        F.substring(name, 15, 2).cast("double")
        + F.substring(name, 17, 2).cast("double") / 60
        + F.substring(name, 19, 2).cast("double") / 3600
    )
    signed = F.when(F.substring(name, 14, 1) == "-", -dec).otherwise(dec)
    at_place = name.rlike(r"^3HSPJ\d{6}\.\d[+-]\d{6}$") & (
        small_angle(ra, signed) <= BLAZAR_ARCSEC / 3600
    )
    perhaps = cleaned(F.col("_x4lac")).isNotNull()
    return F.when(at_place, F.lit(2)).when(perhaps, F.lit(1)).otherwise(F.lit(0))


def small_angle(ra: Column, dec: Column) -> Column:
    """Return the angle (deg) from the alert to a place within some arcminutes.

    In terms of ``alert_ra`` and ``alert_dec``; on a plane, to one part in a thousand,
    a degree and more from the poles.

    Parameters
    ----------
    ra, dec : Column
        Degrees; `ra` in [0, 360].
    """
    east = F.pmod(ra - F.col("alert_ra") + 540.0, F.lit(360.0)) - 180.0
    north = dec - F.col("alert_dec")
    return F.hypot(east * F.cos(F.radians("alert_dec")), north)


def classes() -> dict[str, Column]:
    """Return ``stellar``, ``variable`` and ``active_nucleus``, in terms of `EVIDENCE`.

    Evidence that the object is extragalactic comes first: 44 of 46 quasars of a night
    of ZTF look like stars in Pan-STARRS 1. A blazar of 4LAC, and a radio source, count
    if there is a source at the place that has no parallax, and is in no catalogue of
    variable stars.
    """
    marks, true, false = F.col(MARKS), F.lit(True), F.lit(False)
    has_parallax = F.coalesce(F.col(PARALLAX) >= PARALLAX_SIGMA, false)
    free = ~has_parallax & ~has(marks, VARIABLE)
    blazar = (F.col(BLAZAR) == 2) | ((F.col(BLAZAR) == 1) & F.col(FOUND) & free)
    extragalactic = (
        has(marks, EXTRAGALACTIC) | blazar | F.col(DISTANT) | (has(marks, RADIO) & free)
    )
    star = has(marks, STAR) | has_parallax | F.coalesce(F.col(POINT), false)
    stellar = (
        F.when(extragalactic, false)
        .when(star, true)
        .when(F.col(POINT).isNotNull(), false)
    )
    is_star = F.coalesce(stellar, false)
    return {
        "stellar": stellar,
        "variable": F.when(extragalactic, false).when(
            has(marks, VARIABLE) | (has(marks, SUSPECTED) & is_star), true
        ),
        "active_nucleus": F.when(has(marks, NUCLEUS) | blazar, true).when(
            is_star | has(marks, GALAXY), false
        ),
    }


def moving(detection_span: Column) -> Column:
    """Return ``moving``, in terms of `EVIDENCE`.

    Parameters
    ----------
    detection_span : Column
        Time between detections (d).
    """
    fixed = detection_span >= FIXED_DAYS
    return F.when(F.col(MOVER), F.lit(True)).when(fixed, F.lit(False))
