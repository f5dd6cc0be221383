# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import doctest
from datetime import timezone

import astropy.units as u
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import Latitude, Longitude, SkyCoord
from astropy.time import Time
from cdshealpix.nested import healpix_to_lonlat, lonlat_to_healpix
from pyspark.sql import functions as F  # noqa: N812

from fink_voevent import udf
from fink_voevent.sky import localization
from fink_voevent.tables.times import leap_seconds

RNG = np.random.default_rng(42)
N = 20_000
# poles, the wrap of right ascension, both sides of the polar caps, faces' corners
SPECIAL = [
    (0.0, 90.0), (10.0, -90.0), (0.0, 0.0), (359.9999999999999, 0.0), (45.0, 41.8103),
    (45.0, 41.8104), (200.0, -41.8103), (90.0, 66.44), (12.3, 89.99999999),
    (0.0, -89.9999), (360.0, 10.0), (-10.0, 10.0), (45.0, 0.0), (135.0, 1e-12),
]  # fmt: skip


@pytest.fixture(scope="module")
def sky(spark, tmp_path_factory):
    """Random and special places, as a DataFrame and as numpy arrays."""
    ra = RNG.uniform(0, 360, N)
    dec = np.degrees(np.arcsin(RNG.uniform(-1, 1, N)))
    ra[: len(SPECIAL)], dec[: len(SPECIAL)] = np.array(SPECIAL).T
    path = tmp_path_factory.mktemp("sky") / "sky.parquet"
    pq.write_table(pa.table({"i": np.arange(N), "ra": ra, "dec": dec}), path)
    return spark.read.parquet(str(path)), ra, dec


def values(df, *columns):
    rows = df.orderBy("i").select(*columns).collect()
    return [np.array(column) for column in zip(*rows, strict=True)]


def test_healpix_index_equals_that_of_cdshealpix(sky):
    df, ra, dec = sky
    (ours,) = values(df, udf.healpix_index("ra", "dec"))
    oracle = lonlat_to_healpix(
        Longitude(ra, u.deg), Latitude(dec, u.deg), udf.ORDER
    ).astype(np.int64)
    assert (ours == oracle)[len(SPECIAL) :].all()
    # a place on the very edge of cells may be given to either: it lies in, or at, ours
    lon, lat = healpix_to_lonlat(ours[: len(SPECIAL)], udf.ORDER)
    centre = SkyCoord(lon, lat)
    place = SkyCoord(ra[: len(SPECIAL)], dec[: len(SPECIAL)], unit="deg")
    assert centre.separation(place).deg.max() < 2 * 58.63 / 2**udf.ORDER


@pytest.mark.parametrize("order", [0, 4, 8, 12, 29])
def test_coarser_cells_are_shifts_of_the_index(sky, order):
    df, ra, dec = sky
    ours, index = values(
        df,
        udf.cell(udf.healpix_index("ra", "dec"), order),
        udf.healpix_index("ra", "dec"),
    )
    assert (ours == index >> (2 * (29 - order))).all()
    assert ours.min() >= 0
    assert ours.max() < 12 * 4**order


@pytest.mark.parametrize(
    ("ra", "dec"), [(None, 0.0), (0.0, None), (float("nan"), 0.0), (0.0, float("nan")),
                    (0.0, 90.1), (0.0, -90.1), (float("inf"), 0.0)]
)  # fmt: skip
def test_the_index_of_an_invalid_position_is_null(spark, ra, dec):
    df = spark.createDataFrame([(ra, dec)], "ra double, dec double")
    assert df.select(udf.healpix_index("ra", "dec")).head()[0] is None


@pytest.mark.parametrize("centre", [(0.0, 0.0), (123.4, -56.7), (10.0, 90.0)])
def test_separation_equals_that_of_astropy_to_a_nanodegree(sky, centre):
    df, ra, dec = sky
    (ours,) = values(df, udf.separation("ra", "dec", *centre))
    oracle = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(*centre, unit="deg")).deg
    assert np.abs(ours - oracle).max() < 1e-9


@pytest.mark.parametrize("step", [0.0, 1e-12, 1e-7, 1e-3, 1.0, 179.9999, 180.0])
def test_separation_is_exact_from_zero_to_the_antipode(spark, step):
    df = spark.createDataFrame([(step,)], "dec double")
    north = df.select(udf.separation(20.0, -90.0, 20.0, F.col("dec") - 90.0)).head()[0]
    assert north == pytest.approx(step, abs=1e-12)


@pytest.mark.parametrize("radius", [0.0, 0.5, 90.0, 180.0])
def test_within_includes_the_edge_and_nothing_outside(sky, radius):
    df, ra, dec = sky
    (ours,) = values(df, udf.within("ra", "dec", 30.0, 40.0, radius))
    oracle = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(30, 40, unit="deg")).deg
    clear = np.abs(oracle - radius) > 1e-9
    assert (ours == (oracle <= radius))[clear].all()


def test_credible_level_and_density_equal_those_of_the_mixture(spark):
    mixture = localization.Fisher(0.9, 120.0, 8.0)
    theta = np.linspace(0, 180, 500)
    df = spark.createDataFrame(
        [(i, float(t)) for i, t in enumerate(theta)], "i int, t double"
    )
    chord = F.pow(F.sin(F.radians(F.col("t")) / 2), 2)
    kappas = [
        F.lit(x) for x in (mixture.fraction, mixture.core_kappa, mixture.tail_kappa)
    ]
    level, density = values(
        df, udf.credible_level(chord, *kappas), udf.density(chord, *kappas)
    )
    oracle = [mixture.enclosed(np.sin(np.radians(t) / 2) ** 2) for t in theta]
    assert np.abs(level - oracle).max() < 1e-12
    assert level[0] == 0
    assert level[-1] == pytest.approx(1.0)
    # what the density integrates to, ring by ring, is the credible level
    ring = 2 * np.pi * np.sin(np.radians(theta)) * density
    integral = np.append(
        0, np.cumsum((ring[1:] + ring[:-1]) / 2 * np.radians(theta[1]))
    )
    assert np.abs(integral - level).max() < 1e-3


def test_delay_is_elapsed_time_over_leap_seconds(spark):
    pairs = [
        ("2024-01-15 05:00:00.123456", "2024-01-14 23:59:59.000001"),
        ("2017-01-01 00:00:00", "2016-12-31 23:59:59"),  # a leap second lies between
        ("2024-01-15 00:00:00", "2014-04-24 13:31:34.95"),
        ("1990-01-01 00:00:00", "2024-01-15 00:00:00"),
    ]
    df = spark.createDataFrame(
        [(i, *p) for i, p in enumerate(pairs)], "i int, a string, e string"
    )
    (ours,) = values(
        df, udf.delay(F.col("a").cast("timestamp"), F.col("e").cast("timestamp"))
    )
    oracle = [(Time(a) - Time(e)).to_value(u.day) for a, e in pairs]
    assert np.abs((ours - oracle) * 86400e6).max() < 1  # microseconds


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
def test_elapsed_time_has_each_leap_second_in_any_time_zone(spark, zone):
    around = (-1, 0, 1, 15 * udf.DAY_US)
    moments = [at_us + step for at_us, _ in leap_seconds() for step in around]
    moments += [-86_400_000_001, -1, 0, 1, 4_102_444_800_000_000]
    df = spark.createDataFrame(list(enumerate(moments)), "i int, us bigint")
    zone_before = spark.conf.get("spark.sql.session.timeZone")
    spark.conf.set("spark.sql.session.timeZone", zone)
    try:
        (ours,) = values(df, udf.elapsed_us(F.call_udf("timestamp_micros", "us")))
    finally:
        spark.conf.set("spark.sql.session.timeZone", zone_before)
    offsets_s = [
        max((s for at_us, s in leap_seconds() if at_us <= moment), default=0)
        for moment in moments
    ]
    assert ours.tolist() == [
        moment + s * 10**6 for moment, s in zip(moments, offsets_s, strict=True)
    ]


def test_tai_becomes_utc_on_both_sides_of_each_leap_second(spark):
    steps = [s * 1_000_000 for s in (-40, -37, -1, 1, 37, 40)] + [-20, 20]
    moments = [at_us + step for at_us, _ in leap_seconds() for step in steps]
    moments += [-86_400_000_000, 10, 4_102_444_800_000_000]
    offsets_s = [
        max((s for at_us, s in leap_seconds() if at_us <= moment), default=0)
        for moment in moments
    ]
    tai = [
        (n, (moment + s * 10**6) / 86_400e6 + 40587.0)
        for n, (moment, s) in enumerate(zip(moments, offsets_s, strict=True))
    ]
    df = spark.createDataFrame(tai, "i int, mjd double")
    (ours,) = values(df, F.call_udf("unix_micros", udf.time_of_mjd_tai("mjd")))
    # the resolution of a double is 0.6 microseconds here
    assert np.abs(ours - np.array(moments)).max() <= 1


def test_julian_dates_become_times_to_a_microsecond(spark):
    jds = 2451545.0 + RNG.uniform(0, 9000, 200)
    df = spark.createDataFrame(
        [(i, float(j)) for i, j in enumerate(jds)], "i int, jd double"
    )
    (micro,) = values(df, F.call_udf("unix_micros", udf.time_of_jd("jd")))
    oracle = (jds - 2440587.5) * 86400e6
    assert np.abs(micro - oracle).max() <= 0.51


def test_rubin_times_in_tai_become_utc(spark):
    mjds = [57753.999, 57754.0 + 35.9 / 86400, 57754.0 + 37.1 / 86400, 60325.5]
    df = spark.createDataFrame(
        [(i, m) for i, m in enumerate(mjds)], "i int, mjd double"
    )
    (micro,) = values(df, F.call_udf("unix_micros", udf.time_of_mjd_tai("mjd")))
    for ours, mjd in zip(micro, mjds, strict=True):
        oracle = Time(mjd, format="mjd", scale="tai").utc.to_datetime(timezone.utc)
        assert abs(ours - oracle.timestamp() * 1e6) < 2


@pytest.mark.parametrize(
    ("first", "limit", "expected"),
    [
        ("2024-01-14", "2024-01-10", "active"),
        ("2024-01-16", "2024-01-10", "new"),
        ("2024-01-15", "2024-01-10", "new"),
        ("2024-01-16", None, "unknown"),
        (None, "2024-01-10", "unknown"),
        (None, None, "unknown"),
    ],
)
def test_prior_activity_has_three_classes(spark, first, limit, expected):
    df = spark.createDataFrame([(first, limit)], "f string, l string")
    df = df.select(F.col("f").cast("timestamp"), F.col("l").cast("timestamp"))
    event = F.lit("2024-01-15").cast("timestamp")
    assert df.select(udf.prior_activity("f", "l", event)).head()[0] == expected


def test_the_examples_of_the_docstrings_are_right(spark):
    result = doctest.testmod(udf, extraglobs={"spark": spark})
    assert result.attempted > 0
    assert result.failed == 0
