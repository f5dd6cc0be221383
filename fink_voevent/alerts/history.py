# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the history in an alert's packet tells: how it changed, when it was not seen.

Three steps. The fields that are asked of the packet's list are taken out, an array
each: Spark reads the whole list, forty columns, where an expression goes through its
elements. Then the first detection is found, then what depends on it. What goes through
the arrays is not fused into Spark's code, so that it stands alone and is handed
numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.spark.columns import type_of

FORCED_SIGMA = 3.0  # forced photometry below this shows nothing
FIRST = "_first"  # column of the first detection, as the packets tell times
_KNOWN = "_known"
BASELINE_DAYS = 0.02  # shorter ones give noise, not a rate
Kept = Callable[[Column, Column], Column]  # of an element's time and index: is it kept


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
        Double, null where the history does not tell.
    """

    asked: dict[str, Column] = field(default_factory=dict)
    answer: Column = field(default_factory=_null)


@dataclass(frozen=True)
class _List:
    """A list of structs in a packet; its fields are arrays once they are asked."""

    name: str
    time: str  # field of its elements' time

    def tells(self, df: DataFrame, field: str) -> bool:
        """Whether this version of the packets has a field of it."""
        return type_of(df.schema, f"{self.name}.{field}") is not None

    def asked(self, *fields: str) -> dict[str, Column]:
        """Give the arrays that what follows reads: the times, and fields."""
        return {
            f"_{self.name}_{field}": F.col(f"{self.name}.{field}")
            for field in (self.time, *fields)
        }

    def value(self, field: str, index: Column) -> Column:
        """Give a field of an element."""
        return F.col(f"_{self.name}_{field}")[index]

    def first(self, kept: Kept) -> Column:
        """Give the earliest time of the elements that are kept."""
        return F.array_min(F.filter(f"_{self.name}_{self.time}", kept))

    def last(self, kept: Kept) -> Column:
        """Give the latest time of the elements that are kept."""
        return F.array_max(F.filter(f"_{self.name}_{self.time}", kept))

    def last_with(self, field: str, kept: Kept) -> Column:
        """Give the latest time of those that are kept, `at`, and its field, `of`."""

        def told(at: Column, index: Column) -> Column:
            pair = F.struct(at.alias("at"), self.value(field, index).alias("of"))
            return F.when(kept(at, index), pair)

        return F.array_max(F.transform(f"_{self.name}_{self.time}", told))


_ZTF = _List("prv_candidates", "jd")
_RUBIN = _List("prvDiaSources", "midpointMjdTai")
_FORCED = _List("prvDiaForcedSources", "midpointMjdTai")


def ztf_rate(df: DataFrame) -> History:
    """Change (mag/d) since the last detection in the band, of the same sign."""
    if not _ZTF.tells(df, "magpsf"):
        return History()
    asked = _ZTF.asked("fid", "magpsf") | {
        "_jd": F.col("candidate.jd"),
        "_fid": F.col("candidate.fid"),
        "_mag": F.col("candidate.magpsf"),
    }
    signed = type_of(df.schema, "candidate.isdiffpos") and _ZTF.tells(df, "isdiffpos")
    if signed:
        asked |= _ZTF.asked("isdiffpos")
        asked["_brighter"] = _brighter(F.col("candidate.isdiffpos"))

    def kept(jd: Column, index: Column) -> Column:
        magnitude = _ZTF.value("magpsf", index)
        alike = (
            _detected(index)
            & (_ZTF.value("fid", index) == F.col("_fid"))
            & (magnitude > 0)
            & (jd <= F.col("_jd") - BASELINE_DAYS)
        )
        if not signed:
            return alike
        return alike & (_brighter(_ZTF.value("isdiffpos", index)) == F.col("_brighter"))

    last = _ZTF.last_with("magpsf", kept)
    faded = F.col("_mag") - last["of"]
    return History(asked, (faded / (F.col("_jd") - last["at"])).cast("double"))


def _brighter(isdiffpos: Column) -> Column:
    """Whether a detection is brighter than its template."""
    return isdiffpos.isin("t", "1")


def rubin_rate(df: DataFrame) -> History:
    """Change (mag/d) since the last detection in the band."""
    if not _RUBIN.tells(df, "psfFlux"):
        return History()
    asked = _RUBIN.asked("band", "psfFlux") | {
        "_mjd": F.col("diaSource.midpointMjdTai"),
        "_band": F.col("diaSource.band"),
        "_flux": F.col("diaSource.psfFlux"),
    }

    def kept(mjd: Column, index: Column) -> Column:
        flux = _RUBIN.value("psfFlux", index)
        return (
            (_RUBIN.value("band", index) == F.col("_band"))
            & (flux > 0)
            & ~F.isnan(flux)
            & (mjd <= F.col("_mjd") - BASELINE_DAYS)
        )

    last = _RUBIN.last_with("psfFlux", kept)
    ratio = F.col("_flux").cast("double") / last["of"]
    faded = F.when(ratio > 0, -2.5 * F.log10(ratio))
    return History(asked, (faded / (F.col("_mjd") - last["at"])).cast("double"))


def ztf_first(df: DataFrame, known_jd: Column) -> History:
    """Time (JD) of the first detection: that known, or an earlier one of the history.

    Fink's `jd_first_real_det` means the latter, but is the time of an upper limit where
    one comes before it: so in most alerts of a real night.
    """
    if not _ZTF.tells(df, "magpsf"):
        return History({_KNOWN: known_jd}, F.col(_KNOWN))

    def kept(_: Column, index: Column) -> Column:
        return _detected(index)

    earliest = F.least(_KNOWN, _ZTF.first(kept))
    return History(_ZTF.asked("magpsf") | {_KNOWN: known_jd}, earliest)


def rubin_first(known_mjd: Column) -> History:
    """Time (MJD, TAI) of the first detection, which Fink reckons from the history."""
    return History({_KNOWN: known_mjd}, F.col(_KNOWN))


def ztf_limit(df: DataFrame) -> History:
    """Time (JD) of the last upper limit before the first detection."""
    if not _ZTF.tells(df, "diffmaglim"):
        return History()

    def kept(jd: Column, index: Column) -> Column:
        limited = _ZTF.value("diffmaglim", index).isNotNull()
        return ~_detected(index) & limited & (jd < F.col(FIRST))

    return History(_ZTF.asked("magpsf", "diffmaglim"), _ZTF.last(kept))


def _detected(index: Column) -> Column:
    magnitude = _ZTF.value("magpsf", index)
    return magnitude.isNotNull() & ~F.isnan(magnitude)


def rubin_limit(df: DataFrame) -> History:
    """Time (MJD, TAI) of the last forced photometry before the first detection.

    Of that which shows nothing: below `FORCED_SIGMA` times its error.
    """
    if not _FORCED.tells(df, "psfFluxErr"):
        return History()

    def kept(mjd: Column, index: Column) -> Column:
        error = _FORCED.value("psfFluxErr", index)
        return (
            (error > 0)
            & (_FORCED.value("psfFlux", index) < FORCED_SIGMA * error)
            & (mjd < F.col(FIRST))
        )

    return History(_FORCED.asked("psfFlux", "psfFluxErr"), _FORCED.last(kept))
