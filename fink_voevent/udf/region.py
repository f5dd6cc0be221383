# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Whether a position lies in the region of a notice, as one native column."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from pyspark.sql import Column, Row
from pyspark.sql import functions as F  # noqa: N812 - as in all of Fink

from fink_voevent.errors import InputError
from fink_voevent.sky.localization import COVER_LEVEL
from fink_voevent.udf.healpix import ORDER, cell, healpix_index, on_sky
from fink_voevent.udf.sphere import (
    axis,
    credible_level,
    elliptical_kappa,
    half_chord2,
    unit_vector,
)


def in_region(
    ra: Column | str | float,
    dec: Column | str | float,
    notice: Mapping[str, Any] | Row,
    level: float = 0.95,
) -> Column:
    """Whether a position lies within a credible level of the region of a notice.

    The same decision as `fink_voevent.match_alerts` makes: exact for circles and
    ellipses, and by the pixel for sky maps, error boxes and asymmetric errors.

    Parameters
    ----------
    ra, dec : Column, name of a column, or float
        Degrees, ICRS.
    notice : mapping or Row
        With the columns `ra`, `dec`, `fisher`, `ellipse` and `pixels` of the table
        events (docs/tables.md): what `fink_voevent.read_notice` returns, or a row of
        that table.
    level : float, optional
        Credible level, 0 < `level` <= 0.99.

    Returns
    -------
    Column of bool
        Null if `ra` or `dec` is null, or is not a position on the sky.

    Raises
    ------
    InputError
        If `level` is out of its range, or the notice has no region.

    Notes
    -----
    A sky map becomes lists of HEALPix cells in the expression: some thousands for a map
    of gravitational waves. Make the column once, not for each batch.

    Examples
    --------
    >>> from fink_voevent import udf
    >>> circle = {"fraction": 1.0, "core_kappa": 1e4, "tail_kappa": 1e4}
    >>> notice = {"ra": 10.0, "dec": -5.0, "fisher": circle}
    >>> df = spark.createDataFrame([(10.5, -5.0), (20.0, -5.0)], ["ra", "dec"])
    >>> df.select(udf.in_region("ra", "dec", notice).alias("inside")).show()
    +------+
    |inside|
    +------+
    |  true|
    | false|
    +------+
    <BLANKLINE>
    """
    if not 0 < level <= COVER_LEVEL:
        raise InputError(
            f"level={level}: it must be above 0, and at most {COVER_LEVEL}"
        )
    values = notice.asDict(recursive=True) if isinstance(notice, Row) else notice
    if values.get("pixels"):
        inside = _in_pixels(healpix_index(ra, dec), values["pixels"], level)
    elif values.get("fisher"):
        inside = _level_of_shape(ra, dec, values) <= level
    else:
        raise InputError("the notice has no region: no position, and no sky map")
    return F.when(on_sky(ra, dec), inside)


def _level_of_shape(
    ra: Column | str | float, dec: Column | str | float, notice: Mapping[str, Any]
) -> Column:
    """Credible level of a position in a circle or an ellipse (0-1)."""
    centre = float(notice["ra"]), float(notice["dec"])
    place = unit_vector(ra, dec)
    near = half_chord2(place, unit_vector(*centre))
    ellipse = notice.get("ellipse")
    if not ellipse:
        fisher = notice["fisher"]
        names = ("fraction", "core_kappa", "tail_kappa")
        return credible_level(near, *(F.lit(float(fisher[name])) for name in names))
    angle = float(ellipse["angle"])
    kappa = elliptical_kappa(
        place,
        axis(*centre, angle),
        axis(*centre, angle + 90.0),
        F.lit(float(ellipse["major_kappa"])),
        F.lit(float(ellipse["minor_kappa"])),
    )
    return -F.expm1(-2.0 * kappa * near)


def _in_pixels(
    index: Column, pixels: Iterable[Mapping[str, Any]], level: float
) -> Column:
    """Whether an index of order 29 lies in a pixel of the credible level."""
    ranges = sorted((p["lo"], p["hi"]) for p in pixels if p["level"] <= level)
    cells = sorted(_cells(_joined(ranges)))
    inside = [
        cell(index, order).isin([number for _, number in group])
        for order, group in groupby(cells, key=operator.itemgetter(0))
    ]
    return functools.reduce(operator.or_, inside, F.lit(False))  # noqa: FBT003


def _joined(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted, disjoint ranges, those that touch joined."""
    joined: list[tuple[int, int]] = []
    for lo, hi in ranges:
        if joined and joined[-1][1] == lo:
            joined[-1] = (joined[-1][0], hi)
        else:
            joined.append((lo, hi))
    return joined


def _cells(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Order and number of the fewest cells that make up ranges of order 29."""
    for lo, hi in ranges:
        while lo < hi:
            # the largest cell that starts at lo, and the largest that fits
            aligned = (lo & -lo).bit_length() - 1 if lo else 2 * ORDER
            fitting = (hi - lo).bit_length() - 1
            shift = min(aligned, fitting, 2 * ORDER) // 2 * 2
            yield ORDER - shift // 2, lo >> shift
            lo += 1 << shift
