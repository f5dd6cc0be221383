# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A cap on the area of the sky on which one event is matched.

A region with a larger area is matched only in its most probable part, which has the
area of the cap; the alerts in the rest of the region are counted. The part follows from
the region alone. So the pairs do not depend on the batches or on the order of arrival,
as they would if the number of alerts of each event were limited.
"""

from __future__ import annotations

import functools
import math

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf
from fink_voevent.sky.localization import DEG2_PER_SR

SKY_DEG2 = 4 * math.pi * DEG2_PER_SR


def with_cap(events: DataFrame, cap_deg2: float, credible_level: float) -> DataFrame:
    """Add `cap_level`, up to which the region of an event is matched.

    Parameters
    ----------
    events : DataFrame
        Rows of `versions.latest`, with `cells`, `pixels`, `fisher` and `ellipse`.
    cap_deg2 : float
        Largest area to match, deg2.
    credible_level : float
        Credible level to which regions are matched, 0-1.

    Returns
    -------
    DataFrame
        The columns of `events`, and `cap_level`: the credible level (0-1) of the most
        probable part with the area `cap_deg2`; null if the region is smaller up to
        `credible_level`. For an event without a region it is the part of the sky that
        `cap_deg2` is: see `time_only`.
    """
    part = cap_deg2 / SKY_DEG2
    level = F.when(F.col("cells").isNull(), part).otherwise(_level_of(part))
    return events.withColumn("cap_level", F.when(level < credible_level, level))


@functools.cache
def _level_of(part: float) -> Column:
    """Credible level of the most probable part of a region, which is `part` of the sky.

    `part` is a fraction, 0-1.
    """
    fisher = [F.col(f"fisher.{f}") for f in ("fraction", "core_kappa", "tail_kappa")]
    kappa = F.sqrt(F.col("ellipse.major_kappa") * F.col("ellipse.minor_kappa"))
    # A circle of radius r covers the fraction sin2(r / 2) of the sky, and
    # `udf.credible_level` takes this quantity (see `udf.half_chord2`).
    return (
        F.when(F.col("pixels").isNotNull(), _level_of_map(round(part * (12 << 58))))
        .when(F.col("ellipse").isNotNull(), -F.expm1(-2.0 * part * kappa))
        .otherwise(udf.credible_level(F.lit(part), *fisher))
    )


def _level_of_map(size: int) -> Column:
    """Level of the pixel of a map with which the most probable pixels reach a size.

    `size` is a number of HEALPix indices of order 29.
    """
    by_level = "array_sort(transform(pixels, p -> struct(p.level, p.hi - p.lo AS n)))"
    return F.expr(
        f"aggregate({by_level}, struct(0L AS n, 0.0D AS level), (total, p) ->"
        f" if(total.n >= {size}L, total,"
        " struct(total.n + p.n AS n, p.level AS level)),"
        f" total -> if(total.n >= {size}L, total.level, 1.0D))"
    )
