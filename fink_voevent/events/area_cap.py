# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A cap on the part of the sky that one event is matched on.

A region larger than the cap is matched in its most probable part, which is as large;
alerts beyond are counted. The part follows from the region alone, so that which pairs
stand does not depend on batches or on the order of arrival, as it would if so many
alerts of each event were kept.
"""

from __future__ import annotations

import functools
import math

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf
from fink_voevent.sky.localization import DEG2_PER_SR

SKY_DEG2 = 4 * math.pi * DEG2_PER_SR


def with_cap(live: DataFrame, cap_deg2: float, credible_level: float) -> DataFrame:
    """Rows of `versions.latest` with `cap_level`.

    That is the credible level (0-1) of the part of a region that is matched; null where
    the region is matched whole, up to `credible_level`. Without a region it is the part
    of the sky: see `time_only`.
    """
    part = cap_deg2 / SKY_DEG2
    level = F.when(F.col("cells").isNull(), part).otherwise(_level_of(part))
    return live.withColumn("cap_level", F.when(level < credible_level, level))


@functools.cache
def _level_of(part: float) -> Column:
    """Credible level of the most probable part of the sky (0-1) so large."""
    fisher = [F.col(f"fisher.{f}") for f in ("fraction", "core_kappa", "tail_kappa")]
    kappa = F.sqrt(F.col("ellipse.major_kappa") * F.col("ellipse.minor_kappa"))
    # a circle of radius r is sin2(r / 2) of the sky, as `udf.half_chord2` is
    return (
        F.when(F.col("pixels").isNotNull(), _level_of_map(round(part * (12 << 58))))
        .when(F.col("ellipse").isNotNull(), -F.expm1(-2.0 * part * kappa))
        .otherwise(udf.credible_level(F.lit(part), *fisher))
    )


def _level_of_map(size: int) -> Column:
    """Level of the pixel, by falling density, with which `size` indices are reached."""
    by_level = "array_sort(transform(pixels, p -> struct(p.level, p.hi - p.lo AS n)))"
    return F.expr(
        f"aggregate({by_level}, struct(0L AS n, 0.0D AS level), (held, p) ->"
        f" if(held.n >= {size}L, held, struct(held.n + p.n AS n, p.level AS level)),"
        f" held -> if(held.n >= {size}L, held.level, 1.0D))"
    )
