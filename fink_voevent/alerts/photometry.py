# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Sign of a detection, brightness against the reference image, and quality."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.alerts.objects import AT_PLACE_ARCSEC, known
from fink_voevent.spark.columns import leaf

POSITIVE, NEGATIVE = ("t", "1"), ("f", "0")  # values of ZTF's isdiffpos
# What Rubin writes as reliability if it could not be computed: for dipoles, negative
# sources and those near an edge.
UNDECIDED_RELIABILITY = 0.4863438
RELIABILITY_PRECISION = 1e-6  # of a float
TEMPLATE_SIGMA = 3.0  # a flux of the reference image below is no flux
# Largest difference of magnitudes that is computed with; beyond, a value is a mistake.
LARGEST_MAGNITUDE = 50.0


def ztf_fields(df: DataFrame) -> dict[str, Column]:
    """Return the fields of ZTF's packets that `ztf_columns` needs, by its names."""
    return {
        "_isdiffpos": leaf(df, "candidate.isdiffpos", "string"),
        "_reference_magnitude": leaf(df, "candidate.magnr", "double"),
        "_reference_separation": leaf(df, "candidate.distnr", "double"),
    }


def rubin_fields(df: DataFrame) -> dict[str, Column]:
    """Return the fields of Rubin's packets that `rubin_columns` needs, by its names."""
    return {
        "_is_negative": leaf(df, "diaSource.isNegative", "boolean"),
        "_is_dipole": leaf(df, "diaSource.isDipole", "boolean"),
        "_flux": leaf(df, "diaSource.psfFlux", "double"),
        "_science_flux": leaf(df, "diaSource.scienceFlux", "double"),
        "_template_flux": leaf(df, "diaSource.templateFlux", "double"),
        "_template_error": leaf(df, "diaSource.templateFluxErr", "double"),
    }


def ztf_positive(isdiffpos: Column) -> Column:
    """Whether a detection of ZTF is brighter than the reference image.

    Parameters
    ----------
    isdiffpos : Column
        Text; null, or any other than those of `POSITIVE` and `NEGATIVE`, gives null.
    """
    return F.when(isdiffpos.isin(*POSITIVE), F.lit(True)).when(
        isdiffpos.isin(*NEGATIVE), F.lit(False)
    )


def ztf_columns() -> dict[str, Column]:
    """Return ``positive`` and ``flux_change``, in terms of `ztf_fields`.

    The reference is the source of the reference image within 1.5", whose magnitude is
    ``magnr``; the difference is the ``magnitude`` with its sign.
    """
    positive = ztf_positive(F.col("_isdiffpos"))
    reference = known("_reference_magnitude")
    at_place = known("_reference_separation").between(0, AT_PLACE_ARCSEC)
    difference = F.col("magnitude") - reference
    ratio = F.pow(F.lit(10.0), -0.4 * difference)
    total = F.when(positive, 1 + ratio).when(~positive, 1 - ratio)
    usable = (
        at_place
        & (reference > 0)
        & (F.col("magnitude") > 0)
        & (F.abs(difference) < LARGEST_MAGNITUDE)
    )
    return {
        "positive": positive,
        "flux_change": F.when(usable & (total > 0), 2.5 * F.log10(total)),
    }


def rubin_columns() -> dict[str, Column]:
    """Return ``positive`` and ``flux_change``, in terms of `rubin_fields`.

    A source is negative if its flag or its flux says so: they differ. The change is
    that of the flux measured at the place in the two images, or, where the image
    itself was not measured, by the flux of the difference.
    """
    flux = known("_flux")
    negative = F.coalesce("_is_negative", F.lit(False)) | F.coalesce(
        flux < 0, F.lit(False)
    )
    template = known("_template_flux")
    is_measured = template > TEMPLATE_SIGMA * known("_template_error")
    total = F.coalesce(known("_science_flux"), template + flux)
    return {
        "positive": F.when(
            ~F.coalesce("_is_dipole", F.lit(False)),
            F.when(negative, F.lit(False)).when(flux > 0, F.lit(True)),
        ),
        "flux_change": F.when(
            is_measured & (template > 0) & (total > 0), 2.5 * F.log10(total / template)
        ),
    }


def score(quality: Column) -> Column:
    """Return the score of a survey, 0-1; null if it is out of this range or NaN."""
    return F.when(quality.between(0, 1), quality)


def rubin_score(reliability: Column) -> Column:
    """Return the score of Rubin, null if it is the filler."""
    distance = F.abs(reliability - UNDECIDED_RELIABILITY)
    return F.when(distance > RELIABILITY_PRECISION, score(reliability))
