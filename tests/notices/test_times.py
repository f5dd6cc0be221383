# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.notices import times
from fink_voevent.tables.times import leap_seconds

UTC = timezone.utc
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-15T16:46:05.09", (2024, 1, 15, 16, 46, 5, 90000)),
        ("2024-01-15T16:46:05", (2024, 1, 15, 16, 46, 5, 0)),
        ("2024-01-15T16:46:05.123456789Z", (2024, 1, 15, 16, 46, 5, 123456)),
        ("2024-01-15T16:46:05+00:00", (2024, 1, 15, 16, 46, 5, 0)),
        ("2024-01-15T16:46:05+02:00", (2024, 1, 15, 14, 46, 5, 0)),
        (" 2024-01-15 16:46:05 ", (2024, 1, 15, 16, 46, 5, 0)),
        ("2024-01-15", (2024, 1, 15, 0, 0, 0, 0)),
        ("2016-12-31T23:59:60", (2017, 1, 1, 0, 0, 0, 0)),
    ],
)
def test_iso_times_are_converted_to_utc(text, expected):
    assert times.parse_iso(text) == datetime(*expected, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["2022-01-00T01:00:00", "2016-01--3T03:05:12", "2023-512--107T00:00:00", "", None,
     "2021-01--23865T-3:-38:-16.-31", "yesterday", "9999-99-99T99:99:99",
     "1858-11-17T00:00:00", "0001-01-01T00:00:00", "9999-12-31T00:00:00"],
)  # fmt: skip
def test_impossible_times_are_none(text):
    assert times.parse_iso(text) is None


@given(MOMENTS)
def test_iso_times_are_exact_to_the_microsecond(moment):
    assert times.parse_iso(moment.isoformat()) == moment.replace(tzinfo=UTC)


@pytest.mark.parametrize("scale", ["tt", "tai", "tdb", "tcb"])
@given(moment=MOMENTS)
def test_scales_are_converted_as_by_astropy(scale, moment):
    (ours,) = times.to_utc([moment.replace(tzinfo=UTC)], [scale])
    oracle = Time(moment, scale=scale).utc
    assert abs((Time(ours.replace(tzinfo=None), scale="utc") - oracle).sec) < 2e-6


def test_gps_time_is_18_s_ahead_of_utc_since_2017():
    gps = datetime(2020, 1, 1, tzinfo=UTC)
    assert times.to_utc([gps], ["gps"]) == [gps - timedelta(seconds=18)]


def test_terrestrial_time_is_69_184_s_ahead_of_utc_since_2017():
    tt = datetime(2020, 1, 1, tzinfo=UTC)
    (ours,) = times.to_utc([tt], ["tt"])
    assert abs((tt - ours).total_seconds() - 69.184) < 2e-6


def test_times_of_several_scales_keep_their_order():
    moment = datetime(2020, 1, 1, tzinfo=UTC)
    scales = ["gps", "utc", "tai", "gps"]
    offsets_s = [18, 0, 37, 18]
    ours = times.to_utc([moment] * 4, scales)
    assert ours == [moment - timedelta(seconds=s) for s in offsets_s]


@pytest.mark.parametrize(
    ("system", "scale"),
    [("TT-ICRS-TOPO", "tt"), ("UTC-FK5-GEO", "utc"), ("", "utc"), ("LST-X", "utc")],
)
def test_the_time_scale_is_the_text_before_the_first_hyphen(system, scale):
    assert times.time_scale(system) == scale


def test_tjd_and_seconds_of_day_give_the_time():
    issued = datetime(2022, 1, 1, tzinfo=UTC)
    params = {"Burst_TJD": "19579", "Burst_SOD": "25230.49"}
    moment = times.from_tjd(params, issued)
    assert moment == datetime(2021, 12, 31, 7, 0, 30, 490000, tzinfo=UTC)


@pytest.mark.parametrize("days", ["32156", "1", "many", "-99999999999"])
def test_tjd_far_from_the_date_of_issue_are_ignored(days):
    issued = datetime(2023, 11, 10, tzinfo=UTC)
    assert times.from_tjd({"Burst_TJD": days, "Burst_SOD": "65.28"}, issued) is None


@pytest.mark.parametrize("days", ["-60000", "2900000", "-30000"])
def test_tjd_outside_of_1900_to_2200_are_ignored_without_a_date_of_issue(days):
    assert times.from_tjd({"Burst_TJD": days, "Burst_SOD": "0"}, None) is None


def test_leap_seconds_are_those_of_the_iers():
    table = dict(leap_seconds())
    assert table[int(datetime(2017, 1, 1, tzinfo=UTC).timestamp()) * 10**6] == 37
    assert min(table.values()) == 10
