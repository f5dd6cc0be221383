# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the history in an alert's packet tells: how it changed, when it was not seen.

Two steps. The fields that are asked of the packet's list are taken out first, an array
each: Spark reads the whole list, forty columns, where an expression goes through its
elements. What goes through the arrays is not fused into Spark's code, so that it stands
alone and is handed numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.columns import type_of

FORCED_SIGMA = 3.0  # forced photometry below this shows nothing
BASELINE_DAYS = 0.02  # shorter ones give noise, not a rate


def _null() -> Column:
    return F.lit(None).cast("double")


@dataclass(frozen=True)
class History:
    """A question to the history.

    Attributes
    ----------
    asked : dict of str to Column
        Columns of a packet that `answer` reads, by the name that it knows them by.
    answer : Column
        Double (or a timestamp), null where the history does not tell.
    """

    asked: dict[str, Column] = field(default_factory=dict)
    answer: Column = field(default_factory=_null)

    def as_time(self, converted: Callable[[Column], Column]) -> History:
        """Give the answer as a timestamp."""
        return replace(self, answer=converted(self.answer))


def _fields(df: DataFrame, of: str, wanted: str, *names: str) -> dict[str, Column]:
    """Give the fields of a list as arrays; none where the packets lack `wanted`."""
    if type_of(df.schema, f"{of}.{wanted}") is None:
        return {}
    return {f"_{of}_{name}": F.col(f"{of}.{name}") for name in names}


def _elements(of: str) -> Callable[[str, Column], Column]:
    """Return what gives an element of a field."""
    return lambda name, index: F.col(f"_{of}_{name}")[index]


def _last(of: str, time: str, kept: Callable[[Column, Column], Column]) -> Column:
    """Latest time of the elements that are kept."""
    return F.array_max(F.filter(f"_{of}_{time}", kept))


def _last_with(
    of: str, time: str, value: str, kept: Callable[[Column, Column], Column]
) -> Column:
    """Latest `at` of the elements that are kept, and its value `of`."""
    element = _elements(of)

    def told(at: Column, index: Column) -> Column:
        pair = F.struct(at.alias("at"), element(value, index).alias("of"))
        return F.when(kept(at, index), pair)

    return F.array_max(F.transform(f"_{of}_{time}", told))


def ztf_rate(df: DataFrame) -> History:
    """Change (mag/d) since the last detection in the band, of the same sign."""
    of = "prv_candidates"
    past = _fields(df, of, "magpsf", "jd", "fid", "magpsf")
    if not past:
        return History()
    now = {"_jd": "candidate.jd", "_fid": "candidate.fid", "_mag": "candidate.magpsf"}
    asked = past | {name: F.col(source) for name, source in now.items()}
    signed = _fields(df, of, "isdiffpos", "isdiffpos")
    if signed and type_of(df.schema, "candidate.isdiffpos") is not None:
        asked |= signed | {"_brighter": _brighter(F.col("candidate.isdiffpos"))}
    element = _elements(of)

    def kept(jd: Column, index: Column) -> Column:
        magnitude = element("magpsf", index)
        alike = (
            magnitude.isNotNull()
            & (element("fid", index) == F.col("_fid"))
            & (magnitude > 0)
            & ~F.isnan(magnitude)
            & (jd <= F.col("_jd") - BASELINE_DAYS)
        )
        if "_brighter" not in asked:
            return alike
        return alike & (_brighter(element("isdiffpos", index)) == F.col("_brighter"))

    last = _last_with(of, "jd", "magpsf", kept)
    faded = F.col("_mag") - last["of"]
    return History(asked, (faded / (F.col("_jd") - last["at"])).cast("double"))


def _brighter(isdiffpos: Column) -> Column:
    """Whether a detection is brighter than its template."""
    return isdiffpos.isin("t", "1")


def rubin_rate(df: DataFrame) -> History:
    """Change (mag/d) since the last detection in the band."""
    of, time = "prvDiaSources", "midpointMjdTai"
    past = _fields(df, of, "psfFlux", time, "band", "psfFlux")
    if not past:
        return History()
    now = {"_mjd": time, "_band": "band", "_flux": "psfFlux"}
    asked = past | {name: F.col(f"diaSource.{source}") for name, source in now.items()}
    element = _elements(of)

    def kept(mjd: Column, index: Column) -> Column:
        flux = element("psfFlux", index)
        return (
            (element("band", index) == F.col("_band"))
            & (flux > 0)
            & ~F.isnan(flux)
            & (mjd <= F.col("_mjd") - BASELINE_DAYS)
        )

    last = _last_with(of, time, "psfFlux", kept)
    ratio = F.col("_flux").cast("double") / last["of"]
    faded = F.when(ratio > 0, -2.5 * F.log10(ratio))
    return History(asked, (faded / (F.col("_mjd") - last["at"])).cast("double"))


def ztf_limit(df: DataFrame, first_jd: Column) -> History:
    """Time (JD) of the last upper limit before the first detection."""
    of = "prv_candidates"
    past = _fields(df, of, "diffmaglim", "jd", "magpsf", "diffmaglim")
    if not past:
        return History()
    element = _elements(of)

    def kept(jd: Column, index: Column) -> Column:
        magnitude = element("magpsf", index)
        return (
            (magnitude.isNull() | F.isnan(magnitude))
            & element("diffmaglim", index).isNotNull()
            & (jd < F.col("_first_jd"))
        )

    return History(past | {"_first_jd": first_jd}, _last(of, "jd", kept))


def rubin_limit(df: DataFrame, first_mjd: Column) -> History:
    """Time (MJD, TAI) of the last forced photometry before the first detection.

    Of that which shows nothing: below `FORCED_SIGMA` times its error.
    """
    of, time = "prvDiaForcedSources", "midpointMjdTai"
    past = _fields(df, of, "psfFluxErr", time, "psfFlux", "psfFluxErr")
    if not past:
        return History()
    element = _elements(of)

    def kept(mjd: Column, index: Column) -> Column:
        error = element("psfFluxErr", index)
        return (
            (error > 0)
            & (element("psfFlux", index) < FORCED_SIGMA * error)
            & (mjd < F.col("_first_mjd"))
        )

    return History(past | {"_first_mjd": first_mjd}, _last(of, time, kept))
