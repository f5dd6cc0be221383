# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Science alerts become thin alerts; real alerts are in test_real_data."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta, timezone

import pyarrow.parquet as pq
import pytest

from fink_voevent.alerts.thin_alerts import thin
from fink_voevent.errors import InputError
from fink_voevent.offline.matching import match_night

MJD = 61041.25
TIME = datetime(2026, 1, 1, 6, 0, tzinfo=timezone.utc) - timedelta(seconds=37)
RUBIN = (
    "diaSourceId bigint, diaSource struct<midpointMjdTai:double, ra:double,"
    " dec:double, psfFlux:float, band:string, reliability:float>,"
    " misc struct<firstDiaSourceMjdTaiFink:double>,"
    " prvDiaForcedSources array<struct<midpointMjdTai:double, psfFlux:float,"
    " psfFluxErr:float>>"
)

JD = 2460324.5
JD_TIME = datetime(2024, 1, 15, tzinfo=timezone.utc)
ZTF = (
    "candid bigint, objectId string, candidate struct<jd:double, ra:double, dec:double,"
    " fid:int, magpsf:float, jdstarthist:double>,"
    " prv_candidates array<struct<jd:double, fid:int, magpsf:float, diffmaglim:float>>"
)


def ztf(spark, path, start, *earlier):
    """Thin alert of a packet with (jd, magnitude) of earlier visits."""
    history = [(jd, 1, magnitude, 20.5) for jd, magnitude in earlier]
    packet = (7, "ZTF24a", (JD, 10.0, -20.0, 1, 19.0, start), history)
    spark.createDataFrame([packet], ZTF).write.parquet(str(path))
    (row,) = thin(spark.read.parquet(str(path)), "ztf").collect()
    return row


def days(moment: datetime) -> float:
    """Days from `JD_TIME` to a moment (UTC)."""
    elapsed = moment.replace(tzinfo=timezone.utc) - JD_TIME
    return elapsed.total_seconds() / 86400


def rubin(spark, path, first=MJD, forced=()):
    """Thin alert of a packet with forced photometry (mjd, flux, error)."""
    source = (MJD, 10.0, -20.0, 3631.0, "r", 0.9)
    packet = (7, source, (first,), list(forced))
    spark.createDataFrame([packet], RUBIN).write.parquet(str(path))
    (row,) = thin(spark.read.parquet(str(path)), "rubin").collect()
    return row


def seconds(moment: datetime) -> float:
    """Seconds from `TIME` to a moment (UTC)."""
    return (moment.replace(tzinfo=timezone.utc) - TIME).total_seconds()


def test_rubin_times_are_tai_and_fluxes_are_njy(spark, tmp_path):
    row = rubin(spark, tmp_path / "a")
    assert seconds(row.alert_time) == pytest.approx(0, abs=1e-5)
    assert row.magnitude == pytest.approx(22.5, abs=1e-3)
    assert row.last_non_detection is None


def test_forced_photometry_below_three_sigma_is_a_non_detection(spark, tmp_path):
    forced = [
        (MJD - 9.0, 10.0, 100.0),  # a non-detection, but not the last one
        (MJD - 5.0, 299.0, 100.0),  # below three times its error
        (MJD - 4.0, 301.0, 100.0),  # above three times its error
        (MJD - 1.0, 10.0, 100.0),  # after the first detection
        (MJD - 4.5, 10.0, 0.0),  # the error is unknown
        (MJD - 4.6, None, None),
    ]
    row = rubin(spark, tmp_path / "a", first=MJD - 2.0, forced=forced)
    assert seconds(row.last_non_detection) == pytest.approx(-5 * 86400, abs=1e-4)
    assert seconds(row.first_detection) == pytest.approx(-2 * 86400, abs=1e-4)


def test_the_first_detection_is_the_earliest_in_the_packet(spark, tmp_path):
    """In real packets, `jdstarthist` may be later than a detection or than `jd`."""
    visits = ((JD - 9, None), (JD - 5, 19.5), (JD - 3, None), (JD - 1, 19.2))
    for number, (start, first, limit) in enumerate(
        [
            (JD - 20, -20, None),
            (JD - 7, -7, -9),
            (JD - 2, -5, -9),
            (JD + 0.5, -5, -9),
            (None, -5, -9),
        ]
    ):
        row = ztf(spark, tmp_path / str(number), start, *visits)
        assert days(row.first_detection) == pytest.approx(first, abs=1e-8)
        assert (
            row.last_non_detection is None
            if limit is None
            else days(row.last_non_detection) == pytest.approx(limit, abs=1e-8)
        )


def test_an_upper_limit_is_not_a_detection(spark, tmp_path):
    """Fink's `jd_first_real_det` is the time of the first of these limits."""
    visits = ((JD - 9, None), (JD - 5, float("nan")))
    row = ztf(spark, tmp_path / "a", JD - 1, *visits)
    assert days(row.first_detection) == pytest.approx(-1, abs=1e-8)
    assert days(row.last_non_detection) == pytest.approx(-5, abs=1e-8)


def test_the_error_for_another_survey_names_the_missing_column(spark, tmp_path):
    spark.createDataFrame([(1,)], "objectId int").write.parquet(str(tmp_path / "a"))
    with pytest.raises(InputError, match="not science alerts of ztf: no column candid"):
        thin(spark.read.parquet(str(tmp_path / "a")), "ztf")


def test_rubin_gives_the_same_pairs_as_ztf(spark, settings, datatest, tmp_path):
    """The datatest has the same objects for both surveys: pairs and numbers agree."""
    chosen = settings.model_copy(update={"survey": "rubin"})
    notices = [str(datatest / "voevents")]
    match_night(spark, chosen, str(datatest / "rubin"), notices, tmp_path)
    found = pq.read_table(tmp_path / "coincidences.parquet").to_pylist()
    with (datatest / "expected" / "coincidences.csv").open() as file:
        expected = list(csv.DictReader(file))
    ours = {(r["event_id"], r["alert_id"] % 10**6): r for r in found}
    theirs = {(r["event_id"], int(r["alert_id"]) % 10**6): r for r in expected}
    assert set(ours) == set(theirs)
    for key, row in ours.items():
        for name in ("separation", "credible_level"):
            assert row[name] == pytest.approx(float(theirs[key][name]), abs=1e-9)
        assert row["delay"] == pytest.approx(float(theirs[key]["delay"]), abs=1e-9)
        assert row["prior_activity"] == theirs[key]["prior_activity"]
