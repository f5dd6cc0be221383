# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Column functions for angular and time matching: Column in, Column out, all native.

They run inside Spark's generated code, without a Python worker, on any DataFrame.
Angles are degrees, ICRS; times are Spark timestamps (UTC); a null in is a null out.

Examples
--------
>>> from pyspark.sql import functions as F
>>> from fink_voevent import udf
>>> df = spark.createDataFrame(
...     [(197.450354, -23.381484, 2457983.99)], "ra double, dec double, jd double")
>>> far = udf.separation("ra", "dec", F.lit(197.45), F.lit(-23.38))
>>> near = udf.within("ra", "dec", 197.45, -23.38, radius_deg=0.01)
>>> df.select(F.round(far, 6).alias("far"), near.alias("near")).show()
+--------+----+
|     far|near|
+--------+----+
|0.001519|true|
+--------+----+
<BLANKLINE>
"""

from fink_voevent.tables.times import DAY_US
from fink_voevent.udf.healpix import ORDER, cell, healpix_index, on_sky
from fink_voevent.udf.region import in_region
from fink_voevent.udf.sphere import (
    Vector,
    arc,
    axis,
    credible_level,
    density,
    dot,
    elliptical_kappa,
    half_chord2,
    separation,
    unit_vector,
    within,
)
from fink_voevent.udf.times import (
    delay,
    elapsed_us,
    prior_activity,
    time_of_jd,
    time_of_mjd_tai,
)

__all__ = [
    "DAY_US",
    "ORDER",
    "Vector",
    "arc",
    "axis",
    "cell",
    "credible_level",
    "delay",
    "density",
    "dot",
    "elapsed_us",
    "elliptical_kappa",
    "half_chord2",
    "healpix_index",
    "in_region",
    "on_sky",
    "prior_activity",
    "separation",
    "time_of_jd",
    "time_of_mjd_tai",
    "unit_vector",
    "within",
]
