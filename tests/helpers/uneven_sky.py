# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Alerts that are scattered with a known rate, which varies over the sky."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.coordinates import Latitude, Longitude
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix
from helpers.made_up_sky import T0, frame
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf
from fink_voevent.score import background
from fink_voevent.score.background import CELLS


def uneven_rate(ra_deg: np.ndarray, dec_deg: np.ndarray) -> np.ndarray:
    """Return a rate (deg-2 d-1) that varies tenfold over the sky."""
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return 0.5 * (1 + 0.8 * np.sin(3 * ra) * np.cos(dec) ** 2)


def cell_centres() -> tuple[np.ndarray, np.ndarray]:
    """Right ascension and declination (deg) of the cells of background rates."""
    lon, lat = healpix_to_lonlat(np.arange(CELLS), background.ORDER)
    return lon.deg, lat.deg


def scatter_alerts(rng, days: float) -> dict[str, np.ndarray]:
    """Scatter alerts with `uneven_rate` over the sky and some days.

    Returns arrays `ra`, `dec` (deg) and `days` (after `T0`), one value an alert.
    """
    count = rng.poisson(4 * math.pi * math.degrees(1) ** 2 * 0.9 * days)
    ra = rng.uniform(0, 360, count)
    dec = np.degrees(np.arcsin(rng.uniform(-1, 1, count)))
    kept = rng.uniform(0, 0.9, count) < uneven_rate(ra, dec)
    ra, dec = ra[kept], dec[kept]
    return {"ra": ra, "dec": dec, "days": rng.uniform(0, days, len(ra))}


def as_thin(spark, path, alerts: dict[str, np.ndarray]):
    """DataFrame of thin alerts from what `scatter_alerts` returns."""
    first = int(T0.timestamp() * 1e6)
    place = Longitude(alerts["ra"], unit="deg"), Latitude(alerts["dec"], unit="deg")
    times = pa.array(
        (first + alerts["days"] * 86400e6).astype(np.int64), pa.timestamp("us", "UTC")
    )
    table = pa.table(
        {
            "alert_id": np.arange(len(times)),
            "alert_ra": alerts["ra"],
            "alert_dec": alerts["dec"],
            "alert_time": times,
            "hpx29": lonlat_to_healpix(*place, 29).astype(np.int64),
        }
    )
    pq.write_table(table, path)
    df = spark.read.parquet(str(path))
    unit = udf.unit_vector("alert_ra", "alert_dec")
    df = df.withColumns({"x": unit.x, "y": unit.y, "z": unit.z, "survey": F.lit("ztf")})
    df = df.withColumn("quality", F.lit(0.9))
    empty = frame(spark, f"{path}-empty", "alerts", [])
    return empty.unionByName(df, allowMissingColumns=True)
