# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Quantities from the history in an alert packet: detections and the last limit.

An alert packet contains a list of earlier measurements of the same position
(``prv_candidates`` of ZTF, ``prvDiaSources`` and ``prvDiaForcedSources`` of Rubin).
`thin_alerts.thin` computes the quantities of this module in four steps:

1. Select the fields of the list that are needed, each as an array. Without this step,
   Spark reads the whole list, of about forty fields, because an expression iterates
   over its elements.
2. Compute the times of the earlier detections.
3. Compute the time of the first detection.
4. Compute the quantities that depend on it.

Spark does not fuse the functions that iterate over arrays into its generated code, so
they are computed apart from the other columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent.alerts.surveys import NJY_ZERO_POINT
from fink_voevent.spark.columns import leaf, type_of

FORCED_SIGMA = 3.0  # forced photometry with a lower signal-to-noise is no detection
LIMIT_SIGMA = 5.0  # an upper limit is as many times the noise, as those of ZTF
# Columns with the time of the alert, the times of the earlier detections, and the time
# of the first detection, in the time scale of the packets.
NOW, SEEN, FIRST = "_now", "_seen", "_first"
_KNOWN, _COUNTED = "_known", "_counted"
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
        The quantity, in terms of `inputs`; null if the history does not determine it.
    """

    inputs: dict[str, Column] = field(default_factory=dict)
    value: Column = field(default_factory=_null)


@dataclass(frozen=True)
class Measurements:
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

    def times(self, selected: Selection) -> Column:
        """Return the times of the selected elements, an array."""
        return F.filter(f"_{self.name}_{self.time}", selected)

    def last_with(self, field: str, selected: Selection) -> Column:
        """Return a struct of the latest selected element: its `time` and `value`."""

        def pair(time: Column, index: Column) -> Column:
            value = self.value(field, index).cast("double")
            both = F.struct(time.alias("time"), value.alias("value"))
            return F.when(selected(time, index), both)

        return F.array_max(F.transform(f"_{self.name}_{self.time}", pair))


ZTF = Measurements("prv_candidates", "jd")
RUBIN = Measurements("prvDiaSources", "midpointMjdTai")
FORCED = Measurements("prvDiaForcedSources", "midpointMjdTai")


def ztf_seen(df: DataFrame) -> History:
    """Return the times of the earlier detections in a packet of ZTF (JD, UTC).

    Parameters
    ----------
    df : DataFrame
        Packets of ZTF.

    Returns
    -------
    History
        An array without nulls, null if the packet has no history. The value also uses
        the column `NOW`, whose time is left out.
    """
    if not ZTF.has(df, "magpsf"):
        return History(value=_no_times())

    def selected(time: Column, index: Column) -> Column:
        return ztf_detected(index) & _is_earlier(time)

    return History(ZTF.inputs("magpsf"), ZTF.times(selected))


def rubin_seen(df: DataFrame) -> History:
    """Return the times of the earlier detections in a packet of Rubin (MJD, TAI).

    Parameters
    ----------
    df : DataFrame
        Packets of Rubin.

    Returns
    -------
    History
        As that of `ztf_seen`.
    """
    if not RUBIN.has(df, RUBIN.time):
        return History(value=_no_times())
    return History(RUBIN.inputs(), RUBIN.times(lambda time, _: _is_earlier(time)))


def _no_times() -> Column:
    return F.lit(None).cast("array<double>")


def _is_earlier(time: Column) -> Column:
    """Whether a time is known and not that of the alert itself."""
    return time.isNotNull() & ~F.isnan(time) & (time != F.col(NOW))


def ztf_detected(index: Column) -> Column:
    """Whether an element of the history of ZTF is a detection."""
    magnitude = ZTF.value("magpsf", index)
    return magnitude.isNotNull() & ~F.isnan(magnitude)


def detections() -> Column:
    """Return the number of detections in a packet, in terms of `SEEN`."""
    return (_size(F.col(SEEN)) + 1).cast("bigint")


def _size(times: Column) -> Column:
    """Length of an array; 0 if it is null."""
    return F.when(times.isNotNull(), F.size(times)).otherwise(F.lit(0))


def detection_span() -> Column:
    """Return the time between the outermost detections (d), by `SEEN` and `NOW`."""
    last = F.greatest(F.col(NOW), F.array_max(SEEN))
    return last - F.least(F.col(NOW), F.array_min(SEEN))


def ztf_first(df: DataFrame) -> History:
    """Return the time of the first detection (JD, UTC).

    Fink's ``jd_first_real_det`` is not used. It is meant to be this time, but if an
    upper limit precedes the first detection, it is the time of that limit, as in most
    alerts of a real night.

    Parameters
    ----------
    df : DataFrame
        Packets of ZTF.

    Returns
    -------
    History
        ``jdstarthist`` or the earliest detection in the packet, whichever is earlier.
        But a single detection that is not in the packet, and before its upper limits,
        is left out: at one place in a few, noise or an asteroid was detected once in
        the years of the survey. ZTF counts detections of one field and read-out channel
        (``ndethist``). The value uses the columns `NOW` and `SEEN`.
    """
    inputs = {
        _KNOWN: leaf(df, "candidate.jdstarthist", "double"),
        _COUNTED: leaf(df, "candidate.ndethist", "double"),
    }
    if not ZTF.has(df, "magpsf"):
        return History(inputs, F.least(NOW, _KNOWN))
    inputs |= ZTF.inputs("magpsf")
    same = _size(F.col(SEEN))
    if all(
        ZTF.has(df, name) and type_of(df.schema, f"candidate.{name}") is not None
        for name in ("field", "rcid")
    ):
        inputs |= ZTF.inputs("field", "rcid")
        inputs["_field"] = F.col("candidate.field")
        inputs["_rcid"] = F.col("candidate.rcid")

        def in_channel(time: Column, index: Column) -> Column:
            return (
                ztf_detected(index)
                & _is_earlier(time)
                & (ZTF.value("field", index) == F.col("_field"))
                & (ZTF.value("rcid", index) == F.col("_rcid"))
            )

        same = F.size(ZTF.times(in_channel))
    if not ZTF.has(df, "diffmaglim"):
        return History(inputs, _first(F.lit(False), same))
    inputs |= ZTF.inputs("diffmaglim")

    def after_it(time: Column, index: Column) -> Column:
        return _ztf_limit(index) & (time > F.col(_KNOWN)) & (time < _earliest())

    return History(inputs, _first(F.size(ZTF.times(after_it)) > 0, same))


def rubin_first(df: DataFrame) -> History:
    """Return the time of the first detection (MJD, TAI).

    Parameters
    ----------
    df : DataFrame
        Packets of Rubin.

    Returns
    -------
    History
        That of the object, of Fink or of the packet, whichever is earliest; a single
        detection that is not in the packet is treated as by `ztf_first`.
    """
    known = (
        leaf(df, "misc.firstDiaSourceMjdTaiFink", "double"),
        leaf(df, "diaObject.firstDiaSourceMjdTai", "double"),
    )
    inputs = {
        _KNOWN: F.least(*known),
        _COUNTED: leaf(df, "diaObject.nDiaSources", "double"),
    }
    limits = F.lit(False)
    if FORCED.has(df, "psfFluxErr"):
        inputs |= FORCED.inputs("psfFlux", "psfFluxErr")

        def after_it(time: Column, index: Column) -> Column:
            return _rubin_limit(index) & (time > F.col(_KNOWN)) & (time < _earliest())

        limits = F.size(FORCED.times(after_it)) > 0
    return History(inputs, _first(limits, _size(F.col(SEEN))))


def _earliest() -> Column:
    """Earliest detection in the packet."""
    return F.least(F.col(NOW), F.array_min(SEEN))


def _first(limits: Column, same: Column) -> Column:
    """First detection, without one that nothing confirms.

    Parameters
    ----------
    limits : Column
        Whether the packet has limits between that detection and its own.
    same : Column
        Number of detections in the packet that the survey has counted.
    """
    earlier = F.col(_COUNTED) - 1
    # What goes through a list is last, as it is needed for few alerts.
    alone = (
        (F.col(_KNOWN) < _earliest())
        & (earlier - _size(F.col(SEEN)) <= 1)
        & (earlier - same <= 1)
        & limits
    )
    return F.when(alone, _earliest()).otherwise(F.least(_earliest(), F.col(_KNOWN)))


def ztf_limit(df: DataFrame) -> History:
    """Return the last upper limit before the first detection.

    Parameters
    ----------
    df : DataFrame
        Packets of ZTF; without ``prv_candidates.diffmaglim``, it is null.

    Returns
    -------
    History
        A struct: `time` (JD, UTC) and `value` (mag). It also uses the column `FIRST`.
    """
    if not (ZTF.has(df, "diffmaglim") and ZTF.has(df, "magpsf")):
        return History(value=_no_limit())

    def selected(time: Column, index: Column) -> Column:
        return _ztf_limit(index) & (time < F.col(FIRST))

    last = ZTF.last_with("diffmaglim", selected)
    return History(ZTF.inputs("magpsf", "diffmaglim"), last)


def _no_limit() -> Column:
    return F.lit(None).cast("struct<time: double, value: double>")


def _ztf_limit(index: Column) -> Column:
    """Whether an element of the history of ZTF is an upper limit."""
    limit = ZTF.value("diffmaglim", index)
    return ~ztf_detected(index) & (limit > 0) & ~F.isnan(limit)


def rubin_limit(df: DataFrame) -> History:
    """Return the last non-detection before the first detection.

    Parameters
    ----------
    df : DataFrame
        Packets of Rubin; without ``prvDiaForcedSources.psfFluxErr``, it is null.

    Returns
    -------
    History
        A struct: `time` (MJD, TAI) and `value`, the error of the flux (nJy); see
        `rubin_limit_magnitude`. A non-detection is forced photometry with a flux below
        `FORCED_SIGMA` times its error. It also uses the column `FIRST`.
    """
    if not FORCED.has(df, "psfFluxErr"):
        return History(value=_no_limit())

    def selected(time: Column, index: Column) -> Column:
        return _rubin_limit(index) & (time < F.col(FIRST))

    last = FORCED.last_with("psfFluxErr", selected)
    return History(FORCED.inputs("psfFlux", "psfFluxErr"), last)


def _rubin_limit(index: Column) -> Column:
    """Whether an element of Rubin's forced photometry is a non-detection."""
    error = FORCED.value("psfFluxErr", index)
    return (error > 0) & (FORCED.value("psfFlux", index) < FORCED_SIGMA * error)


def rubin_limit_magnitude(error: Column) -> Column:
    """Return the upper limit (mag, AB) of forced photometry, by its error (nJy)."""
    return NJY_ZERO_POINT - 2.5 * F.log10(LIMIT_SIGMA * error)
