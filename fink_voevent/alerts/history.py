# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Quantities from the history in an alert packet: first detection, last limit, rate.

An alert packet contains a list of earlier measurements of the same position
(``prv_candidates`` of ZTF, ``prvDiaSources`` and ``prvDiaForcedSources`` of Rubin).
`thin_alerts.thin` computes the quantities of this module in three steps:

1. Select the fields of the list that are needed, each as an array. Without this step,
   Spark reads the whole list, of about forty fields, because an expression iterates
   over its elements.
2. Compute the time of the first detection.
3. Compute the quantities that depend on it.

Spark does not fuse the functions that iterate over arrays into its generated code, so
they are computed apart from the other columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.spark.columns import type_of

FORCED_SIGMA = 3.0  # forced photometry with a lower signal-to-noise is no detection
# Column with the time of the first detection, in the time scale of the packets.
FIRST = "_first"
_KNOWN = "_known"
BASELINE_DAYS = 0.02  # a shorter baseline gives noise and not a rate
# Takes time and index of an element of a history; true if the element is selected.
Selection = Callable[[Column, Column], Column]


def _null() -> Column:
    return F.lit(None).cast("double")


@dataclass(frozen=True)
class History:
    """A quantity that is computed from the history of an alert.

    Attributes
    ----------
    inputs : dict of str to Column
        Columns to select from a packet, by the names that `value` uses for them.
    value : Column
        The quantity (double), in terms of `inputs`; null if the history does not
        determine it.
    """

    inputs: dict[str, Column] = field(default_factory=dict)
    value: Column = field(default_factory=_null)


@dataclass(frozen=True)
class _List:
    """A list of structs in a packet, of which fields are selected as arrays.

    Parameters
    ----------
    name : str
        Column of the packet.
    time : str
        Field with the time of an element (d).
    """

    name: str
    time: str

    def has(self, df: DataFrame, field: str) -> bool:
        """Whether the list has a field in this version of the packets."""
        return type_of(df.schema, f"{self.name}.{field}") is not None

    def inputs(self, *fields: str) -> dict[str, Column]:
        """Return the arrays of the times and of some fields, by their new names."""
        return {
            f"_{self.name}_{field}": F.col(f"{self.name}.{field}")
            for field in (self.time, *fields)
        }

    def value(self, field: str, index: Column) -> Column:
        """Return a field of the element at an index."""
        return F.col(f"_{self.name}_{field}")[index]

    def first(self, selected: Selection) -> Column:
        """Return the earliest time of the selected elements."""
        return F.array_min(F.filter(f"_{self.name}_{self.time}", selected))

    def last(self, selected: Selection) -> Column:
        """Return the latest time of the selected elements."""
        return F.array_max(F.filter(f"_{self.name}_{self.time}", selected))

    def last_with(self, field: str, selected: Selection) -> Column:
        """Return a struct of the latest selected element: its `time` and `value`."""

        def pair(time: Column, index: Column) -> Column:
            both = F.struct(time.alias("time"), self.value(field, index).alias("value"))
            return F.when(selected(time, index), both)

        return F.array_max(F.transform(f"_{self.name}_{self.time}", pair))


_ZTF = _List("prv_candidates", "jd")
_RUBIN = _List("prvDiaSources", "midpointMjdTai")
_FORCED = _List("prvDiaForcedSources", "midpointMjdTai")


def ztf_rate(df: DataFrame) -> History:
    """Return the change of the magnitude since the last detection (mag/d).

    Parameters
    ----------
    df : DataFrame
        Packets of ZTF; without ``prv_candidates.magpsf``, the rate is null.

    Returns
    -------
    History
        The last detection is one in the same band, of the same sign, and at least
        `BASELINE_DAYS` earlier. The rate is positive if the object fades.
    """
    if not _ZTF.has(df, "magpsf"):
        return History()
    inputs = _ZTF.inputs("fid", "magpsf") | {
        "_jd": F.col("candidate.jd"),
        "_fid": F.col("candidate.fid"),
        "_mag": F.col("candidate.magpsf"),
    }
    has_sign = type_of(df.schema, "candidate.isdiffpos") and _ZTF.has(df, "isdiffpos")
    if has_sign:
        inputs |= _ZTF.inputs("isdiffpos")
        inputs["_brighter"] = _brighter(F.col("candidate.isdiffpos"))

    def selected(jd: Column, index: Column) -> Column:
        magnitude = _ZTF.value("magpsf", index)
        comparable = (
            _detected(index)
            & (_ZTF.value("fid", index) == F.col("_fid"))
            & (magnitude > 0)
            & (jd <= F.col("_jd") - BASELINE_DAYS)
        )
        if not has_sign:
            return comparable
        brighter = _brighter(_ZTF.value("isdiffpos", index))
        return comparable & (brighter == F.col("_brighter"))

    last = _ZTF.last_with("magpsf", selected)
    faded = F.col("_mag") - last["value"]
    return History(inputs, (faded / (F.col("_jd") - last["time"])).cast("double"))


def _brighter(isdiffpos: Column) -> Column:
    """Whether a detection is brighter than its template."""
    return isdiffpos.isin("t", "1")


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
        `BASELINE_DAYS` earlier. The rate is positive if the object fades.
    """
    if not _RUBIN.has(df, "psfFlux"):
        return History()
    inputs = _RUBIN.inputs("band", "psfFlux") | {
        "_mjd": F.col("diaSource.midpointMjdTai"),
        "_band": F.col("diaSource.band"),
        "_flux": F.col("diaSource.psfFlux"),
    }

    def selected(mjd: Column, index: Column) -> Column:
        flux = _RUBIN.value("psfFlux", index)
        return (
            (_RUBIN.value("band", index) == F.col("_band"))
            & (flux > 0)
            & ~F.isnan(flux)
            & (mjd <= F.col("_mjd") - BASELINE_DAYS)
        )

    last = _RUBIN.last_with("psfFlux", selected)
    ratio = F.col("_flux").cast("double") / last["value"]
    faded = F.when(ratio > 0, -2.5 * F.log10(ratio))
    return History(inputs, (faded / (F.col("_mjd") - last["time"])).cast("double"))


def ztf_first(df: DataFrame, known_jd: Column) -> History:
    """Return the time of the first detection (JD, UTC).

    Fink's ``jd_first_real_det`` is not used. It is meant to be this time, but if an
    upper limit precedes the first detection, it is the time of that limit, as in most
    alerts of a real night.

    Parameters
    ----------
    df : DataFrame
        Packets of ZTF.
    known_jd : Column
        Time of the first detection as far as it is known without the history; an
        earlier detection in the history takes its place.
    """
    if not _ZTF.has(df, "magpsf"):
        return History({_KNOWN: known_jd}, F.col(_KNOWN))

    def selected(_: Column, index: Column) -> Column:
        return _detected(index)

    earliest = F.least(_KNOWN, _ZTF.first(selected))
    return History(_ZTF.inputs("magpsf") | {_KNOWN: known_jd}, earliest)


def rubin_first(known_mjd: Column) -> History:
    """Return the time of the first detection (MJD, TAI): Fink's, from the history."""
    return History({_KNOWN: known_mjd}, F.col(_KNOWN))


def ztf_limit(df: DataFrame) -> History:
    """Return the time of the last upper limit before the first detection (JD, UTC).

    Parameters
    ----------
    df : DataFrame
        Packets of ZTF; without ``prv_candidates.diffmaglim``, the time is null.

    Returns
    -------
    History
        Its value also uses the column `FIRST`.
    """
    if not _ZTF.has(df, "diffmaglim"):
        return History()

    def selected(jd: Column, index: Column) -> Column:
        has_limit = _ZTF.value("diffmaglim", index).isNotNull()
        return ~_detected(index) & has_limit & (jd < F.col(FIRST))

    return History(_ZTF.inputs("magpsf", "diffmaglim"), _ZTF.last(selected))


def _detected(index: Column) -> Column:
    """Whether an element of the history of ZTF is a detection."""
    magnitude = _ZTF.value("magpsf", index)
    return magnitude.isNotNull() & ~F.isnan(magnitude)


def rubin_limit(df: DataFrame) -> History:
    """Return the time of the last non-detection before the first detection (MJD).

    The time scale is TAI.

    Parameters
    ----------
    df : DataFrame
        Packets of Rubin; without ``prvDiaForcedSources.psfFluxErr``, the time is
        null.

    Returns
    -------
    History
        A non-detection is forced photometry with a flux below `FORCED_SIGMA` times its
        error. The value also uses the column `FIRST`.
    """
    if not _FORCED.has(df, "psfFluxErr"):
        return History()

    def selected(mjd: Column, index: Column) -> Column:
        error = _FORCED.value("psfFluxErr", index)
        return (
            (error > 0)
            & (_FORCED.value("psfFlux", index) < FORCED_SIGMA * error)
            & (mjd < F.col(FIRST))
        )

    return History(_FORCED.inputs("psfFlux", "psfFluxErr"), _FORCED.last(selected))
