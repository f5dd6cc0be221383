# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Change of the magnitude since the previous detection in the same band."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.alerts.history import RUBIN, ZTF, History, ztf_detected
from fink_voevent.alerts.photometry import ztf_positive
from fink_voevent.spark.columns import leaf, type_of

BASELINE_DAYS = 0.02  # a shorter baseline gives noise and not a rate


def ztf_rate(df: DataFrame) -> History:
    """Return the change of the magnitude since the last detection (mag/d).

    Parameters
    ----------
    df : DataFrame
        Packets of ZTF; without ``prv_candidates.magpsf``, the rate is null.

    Returns
    -------
    History
        The last detection is one in the same band, and at least `BASELINE_DAYS`
        earlier. The rate is positive if the object fades. Negative detections have no
        rate: their magnitude is that of what is missing.
    """
    if not ZTF.has(df, "magpsf"):
        return History()
    inputs = ZTF.inputs("fid", "magpsf") | {
        "_jd": F.col("candidate.jd"),
        "_fid": F.col("candidate.fid"),
        "_mag": F.col("candidate.magpsf"),
    }
    has_sign = type_of(df.schema, "candidate.isdiffpos") and ZTF.has(df, "isdiffpos")
    if has_sign:
        inputs |= ZTF.inputs("isdiffpos")
        inputs["_brighter"] = ztf_positive(F.col("candidate.isdiffpos"))

    def selected(jd: Column, index: Column) -> Column:
        magnitude = ZTF.value("magpsf", index)
        comparable = (
            ztf_detected(index)
            & (ZTF.value("fid", index) == F.col("_fid"))
            & (magnitude > 0)
            & (jd <= F.col("_jd") - BASELINE_DAYS)
        )
        if not has_sign:
            return comparable
        return comparable & ztf_positive(ZTF.value("isdiffpos", index))

    last = ZTF.last_with("magpsf", selected)
    rate = (F.col("_mag") - last["value"]) / (F.col("_jd") - last["time"])
    return History(inputs, F.when(F.col("_brighter"), rate) if has_sign else rate)


def rubin_rate(df: DataFrame) -> History:
    """Return the change of the magnitude since the last detection (mag/d).

    Parameters
    ----------
    df : DataFrame
        Packets of Rubin; without ``prvDiaSources.psfFlux``, the rate is null.

    Returns
    -------
    History
        The last detection is one in the same band, with a positive flux, and at least
        `BASELINE_DAYS` earlier. The rate is positive if the object fades. Negative
        detections and dipoles have no rate.
    """
    if not RUBIN.has(df, "psfFlux"):
        return History()
    inputs = RUBIN.inputs("band", "psfFlux") | {
        "_mjd": F.col("diaSource.midpointMjdTai"),
        "_band": F.col("diaSource.band"),
        "_difference_flux": F.col("diaSource.psfFlux"),
        "_dipole": leaf(df, "diaSource.isDipole", "boolean"),
    }

    def selected(mjd: Column, index: Column) -> Column:
        flux = RUBIN.value("psfFlux", index)
        return (
            (RUBIN.value("band", index) == F.col("_band"))
            & (flux > 0)
            & ~F.isnan(flux)
            & (mjd <= F.col("_mjd") - BASELINE_DAYS)
        )

    last = RUBIN.last_with("psfFlux", selected)
    ratio = F.col("_difference_flux").cast("double") / last["value"]
    faded = F.when(
        (ratio > 0) & ~F.coalesce("_dipole", F.lit(False)), -2.5 * F.log10(ratio)
    )
    return History(inputs, faded / (F.col("_mjd") - last["time"]))
