# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the history in an alert's packet tells: how it changed, when it was not seen."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.columns import type_of

FORCED_SIGMA = 3.0  # forced photometry below this shows nothing
BASELINE_DAYS = 0.02  # shorter ones give noise, not a rate


def ztf_rate(df: DataFrame) -> Column:
    """Change (mag/d) since the last detection in the band, of the same sign."""
    if type_of(df.schema, "prv_candidates.magpsf") is None:
        return F.lit(None).cast("double")
    signed = all(
        type_of(df.schema, f"{part}.isdiffpos") is not None
        for part in ("candidate", "prv_candidates")
    )
    now = _brighter(F.col("candidate.isdiffpos")) if signed else None
    before = F.filter(
        "prv_candidates",
        lambda c: (
            (c["fid"] == F.col("candidate.fid"))
            & (_brighter(c["isdiffpos"]) == now if signed else F.lit(True))
            & (c["magpsf"] > 0)
            & ~F.isnan(c["magpsf"])
            & (c["jd"] <= F.col("candidate.jd") - BASELINE_DAYS)
        ),
    )
    last = F.array_max(F.transform(before, lambda c: F.struct(c["jd"], c["magpsf"])))
    faded = F.col("candidate.magpsf") - last["magpsf"]
    return (faded / (F.col("candidate.jd") - last["jd"])).cast("double")


def _brighter(isdiffpos: Column) -> Column:
    """Whether a detection is brighter than its template."""
    return isdiffpos.isin("t", "1")


def rubin_rate(df: DataFrame) -> Column:
    """Change (mag/d) since the last detection in the band."""
    if type_of(df.schema, "prvDiaSources.psfFlux") is None:
        return F.lit(None).cast("double")
    now = F.col("diaSource.midpointMjdTai")
    before = F.filter(
        "prvDiaSources",
        lambda c: (
            (c["band"] == F.col("diaSource.band"))
            & (c["psfFlux"] > 0)
            & ~F.isnan(c["psfFlux"])
            & (c["midpointMjdTai"] <= now - BASELINE_DAYS)
        ),
    )
    pairs = F.transform(before, lambda c: F.struct(c["midpointMjdTai"], c["psfFlux"]))
    last = F.array_max(pairs)
    ratio = F.col("diaSource.psfFlux").cast("double") / last["psfFlux"]
    faded = F.when(ratio > 0, -2.5 * F.log10(ratio))
    return (faded / (now - last["midpointMjdTai"])).cast("double")


def ztf_limit(df: DataFrame, first_jd: Column) -> Column:
    """Time (JD) of the last upper limit before the first detection."""
    if type_of(df.schema, "prv_candidates.diffmaglim") is None:
        return F.lit(None).cast("double")
    limits = F.filter(
        "prv_candidates",
        lambda c: (
            (c["magpsf"].isNull() | F.isnan(c["magpsf"]))
            & c["diffmaglim"].isNotNull()
            & (c["jd"] < first_jd)
        ),
    )
    return F.array_max(F.transform(limits, lambda c: c["jd"]))


def rubin_limit(df: DataFrame, first_mjd: Column) -> Column:
    """Time (MJD, TAI) of the last forced photometry before the first detection.

    Of that which shows nothing: below `FORCED_SIGMA` times its error.
    """
    if type_of(df.schema, "prvDiaForcedSources.psfFluxErr") is None:
        return F.lit(None).cast("double")
    limits = F.filter(
        "prvDiaForcedSources",
        lambda c: (
            (c["psfFluxErr"] > 0)
            & (c["psfFlux"] < FORCED_SIGMA * c["psfFluxErr"])
            & (c["midpointMjdTai"] < first_mjd)
        ),
    )
    return F.array_max(F.transform(limits, lambda c: c["midpointMjdTai"]))
