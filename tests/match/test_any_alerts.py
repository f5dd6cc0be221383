# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Any DataFrame of positions, matched with notices by one call."""

from __future__ import annotations

import doctest
from datetime import timedelta

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.time import Time
from helpers.sizes import nightly
from pyspark.sql.types import StructType

import fink_voevent
from fink_voevent import udf
from fink_voevent.errors import InputError
from fink_voevent.match import any_alerts
from fink_voevent.sky.localization import Ellipse, Fisher
from fink_voevent.spark.dataframes import spark_schema
from fink_voevent.tables.schema import NOTICES

SCHEMA = "name long, ra double, dec double"
CIRCLE = "grb130702a_fin_pos.xml"  # of Fermi GBM: 218.8, 12.3, some degrees


@pytest.fixture(scope="module")
def circle(datatest) -> dict:
    return fink_voevent.read_notice((datatest / "voevents" / CIRCLE).read_bytes())


@pytest.fixture(scope="module")
def sky_map(datatest) -> dict:
    return fink_voevent.read_notice((datatest / "truth" / "gw170817.json").read_bytes())


@pytest.fixture(scope="module")
def ellipse(circle) -> dict:
    shape = Ellipse(2e3, 2e4, 30.0)
    return circle | {"event_id": "ellipse", "notice_id": "e", "ellipse": vars(shape)}


def around(ra: float, dec: float, reach_deg: float, count: int = 400):
    """Positions around a place, evenly by angle and by distance."""
    distance = np.linspace(0, reach_deg, count) * u.deg
    angle = np.arange(count) * 137.5 * u.deg
    places = SkyCoord(ra, dec, unit="deg").directional_offset_by(angle, distance)
    columns = range(count), places.ra.deg.tolist(), places.dec.deg.tolist()
    return list(zip(*columns, strict=True))


def inside_of_circle(notice: dict, rows: list, level: float) -> set[int]:
    centre = SkyCoord(notice["ra"], notice["dec"], unit="deg")
    places = SkyCoord([r[1] for r in rows], [r[2] for r in rows], unit="deg")
    radius = Fisher(**notice["fisher"]).radius_deg(level)
    return set(np.flatnonzero(centre.separation(places).deg <= radius).tolist())


def inside_of_ellipse(notice: dict, rows: list, level: float) -> set[int]:
    """By the law of an elliptical Fisher distribution, from astropy's angles."""
    centre = SkyCoord(notice["ra"], notice["dec"], unit="deg")
    places = SkyCoord([r[1] for r in rows], [r[2] for r in rows], unit="deg")
    apart = centre.separation(places).rad
    turned = centre.position_angle(places).rad - np.radians(notice["ellipse"]["angle"])
    along, across = notice["ellipse"]["major_kappa"], notice["ellipse"]["minor_kappa"]
    kappa = along * np.cos(turned) ** 2 + across * np.sin(turned) ** 2
    enclosed = 1 - np.exp(-2 * kappa * np.sin(apart / 2) ** 2)
    return set(np.flatnonzero(enclosed <= level).tolist())


def inside_of_map(notice: dict, rows: list, level: float, indices: list) -> set[int]:
    wanted = [(p["lo"], p["hi"]) for p in notice["pixels"] if p["level"] <= level]
    return {
        row[0]
        for row, index in zip(rows, indices, strict=True)
        if any(lo <= index < hi for lo, hi in wanted)
    }


@pytest.mark.parametrize("level", [0.95, *nightly(0.3)])
def test_one_call_and_one_column_agree_with_astropy(
    spark, circle, ellipse, sky_map, level
):
    for notice, reach in ((circle, 40.0), (ellipse, 6.0), (sky_map, 20.0)):
        place = (
            (197.45, -23.38) if notice["ra"] is None else (notice["ra"], notice["dec"])
        )
        rows = around(*place, reach)
        df = spark.createDataFrame(rows, SCHEMA)
        if notice["pixels"]:
            index = udf.healpix_index("ra", "dec").alias("i")
            indices = [r.i for r in df.orderBy("name").select(index).collect()]
            expected = inside_of_map(notice, rows, level, indices)
        elif notice["ellipse"]:
            expected = inside_of_ellipse(notice, rows, level)
        else:
            expected = inside_of_circle(notice, rows, level)
        assert 0 < len(expected) < len(rows)
        column = df.where(udf.in_region("ra", "dec", notice, level)).collect()
        assert {row.name for row in column} == expected
        joined = fink_voevent.match_alerts(df, [notice], credible_level=level).collect()
        assert {row.name for row in joined} == expected
        assert all(row.credible_level <= level for row in joined)
        assert all(row.delay is None for row in joined)


def test_alerts_keep_their_columns_whatever_these_are_called(spark, circle):
    df = spark.createDataFrame(
        [(218.8, 12.3, "kept", 1)], "`my ra` double, x double, batch string, hpx29 int"
    )
    (row,) = fink_voevent.match_alerts(df, [circle], ra="my ra", dec="x").collect()
    assert (row["my ra"], row.x, row.batch, row.hpx29) == (218.8, 12.3, "kept", 1)
    assert row.event_id == circle["event_id"]
    assert row.event_time.isoformat() == circle["time"].replace(tzinfo=None).isoformat()


def test_with_a_time_the_window_decides_in_elapsed_time(spark, circle):
    days = [
        -0.1,
        0.0,
        1.5,
        circle["window_after"] - 1e-5,
        circle["window_after"] + 1e-5,
    ]
    when = [circle["time"] + timedelta(days=d) for d in days]
    rows = [(n, 218.8, 12.3, t) for n, t in enumerate(when)]
    df = spark.createDataFrame(rows, f"{SCHEMA}, t timestamp")
    found = fink_voevent.match_alerts(df, [circle], time="t").collect()
    expected = [n for n, d in enumerate(days) if 0 <= d <= circle["window_after"]]
    assert sorted(row.name for row in found) == expected
    for row in found:
        apart = (Time(when[row.name]) - Time(circle["time"])).to_value("day")
        assert row.delay == pytest.approx(apart, abs=1e-9)


def test_the_current_notice_of_an_event_is_the_one_that_counts(spark, datatest, circle):
    files = sorted((datatest / "voevents").glob("grb130702a_*.xml"))
    notices = [fink_voevent.read_notice(f.read_bytes()) for f in files]
    df = spark.createDataFrame([(1, 218.8, 12.3)], SCHEMA)
    (row,) = fink_voevent.match_alerts(df, notices).collect()
    assert row.ivorn == circle["ivorn"]
    retraction = circle | {
        "kind": "retraction",
        "version": circle["version"] + 1,
        "notice_id": "of the retraction",
    }
    assert fink_voevent.match_alerts(df, [circle, retraction]).count() == 0


def test_a_table_of_events_serves_as_well_as_a_list(spark, circle):
    names = any_alerts.NOTICE_COLUMNS
    schema = StructType([spark_schema(NOTICES)[name] for name in names])
    events = spark.createDataFrame([tuple(map(circle.get, names))], schema)
    df = spark.createDataFrame([(1, 218.8, 12.3), (2, 10.0, 10.0)], SCHEMA)
    (row,) = fink_voevent.match_alerts(df, events).collect()
    assert row.name == 1
    with pytest.raises(InputError, match="notices lack the columns cells"):
        fink_voevent.match_alerts(df, events.drop("cells"))
    (one,) = events.collect()
    inside = df.where(udf.in_region("ra", "dec", one)).collect()
    assert [r.name for r in inside] == [1]


def test_positions_that_are_none_match_nothing(spark, circle):
    rows = [(1, None, 12.3), (2, 218.8, None), (3, 218.8, 91.0), (4, float("nan"), 0.0)]
    df = spark.createDataFrame(rows, SCHEMA)
    assert fink_voevent.match_alerts(df, [circle]).count() == 0
    inside = df.select(udf.in_region("ra", "dec", circle).alias("i")).collect()
    assert [row.i for row in inside] == [None] * 4


def test_no_notice_at_all_matches_nothing(spark):
    df = spark.createDataFrame([(1, 218.8, 12.3)], SCHEMA)
    assert fink_voevent.match_alerts(df, []).count() == 0


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"credible_level": 0.0}, "credible_level=0.0"),
        ({"credible_level": 0.995}, "at most 0.99"),
        ({"ra": "raj2000"}, "no column raj2000"),
        ({"time": "t"}, "no column t"),
        ({"dec": "density"}, "have the columns density"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    spark, circle, arguments, reason
):
    df = spark.createDataFrame([(1, 2.0, 3.0)], SCHEMA)
    if arguments.get("dec"):
        df = df.withColumnRenamed("dec", arguments["dec"])
    with pytest.raises(InputError, match=reason):
        fink_voevent.match_alerts(df, [circle], **arguments)


def test_udfs_refuse_arguments_out_of_range(circle):
    no_region = circle | {"fisher": None, "pixels": None}
    for call in (
        lambda: udf.in_region(1.0, 2.0, circle, 1.0),
        lambda: udf.in_region(1.0, 2.0, no_region),
        lambda: udf.within(1.0, 2.0, 3.0, 4.0, radius_deg=-1.0),
        lambda: udf.within(1.0, 2.0, 3.0, 4.0, radius_deg=181.0),
        lambda: udf.cell("hpx29", 30),
    ):
        with pytest.raises(InputError):
            call()


def test_the_examples_of_the_docstrings_are_true(spark, datatest, monkeypatch):
    monkeypatch.chdir(datatest.parent)
    for module in (any_alerts, udf, udf.region, fink_voevent.notices):
        names = {"spark": spark}
        result = doctest.testmod(module, extraglobs=names, report=True)
        assert result.failed == 0, module.__name__
