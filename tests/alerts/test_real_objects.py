# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Objects of real alerts, against plain Python that goes packet by packet.

The 48 alerts of the night of ZTF that were moved by hand are left out.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import pyarrow.dataset as ds
import pytest
from astropy.time import Time
from helpers import object_oracle

from fink_voevent.alerts.thin_alerts import thin

NIGHT = "ztf/science_20240115"
FOLDERS = {
    NIGHT: ("ztf", 801),
    "ztf/regular": ("ztf", 133),
    "rubin/rubin_test_data_10_0.parquet": ("rubin", 27),
}
MOVED = 120.0  # distpsnr1 of an alert that was moved
QUALITY = 0.5
NUCLEI = ("QSO", "Seyfert_1", "BLLac", "AGN_Candidate", "AGN", "Galaxy", "EmG", "Radio")


@dataclass(frozen=True)
class RealAlert:
    """A packet, its thin alert, and what the oracle says of its object."""

    packet: dict[str, Any]
    row: Any
    expected: dict[str, Any]


@pytest.fixture(scope="module")
def real_alerts(spark, real):
    """Alerts of a folder, by its name."""

    @functools.cache
    def read(folder: str) -> list[RealAlert]:
        survey, _ = FOLDERS[folder]
        source = ds.dataset(real / folder)
        names = [n for n in source.schema.names if not n.startswith(("cutout", "lc_"))]
        packets = source.to_table(columns=names).to_pylist()
        key = {"ztf": "candid", "rubin": "diaSourceId"}[survey]
        df = spark.read.parquet(str(real / folder))
        rows = {row.alert_id: row for row in thin(df, survey).collect()}
        return [
            RealAlert(packet, rows[packet[key]], object_oracle.objects(packet))
            for packet in packets
            if packet.get("candidate", {}).get("distpsnr1") != MOVED
        ]

    return read


@pytest.mark.parametrize("folder", FOLDERS)
def test_objects_of_real_alerts_are_those_of_plain_python(real_alerts, folder):
    alerts = real_alerts(folder)
    survey, count = FOLDERS[folder]
    assert len(alerts) == count
    form = {"ztf": ("jd", "utc"), "rubin": ("mjd", "tai")}[survey]
    for alert in alerts:
        for name, value in alert.expected.items():
            if name in ("first", "limit"):
                continue
            found = alert.row[name]
            # the formula of distances is good to 0.5 %
            precision = 5e-3 if name == "host_distance" else 1e-4
            if isinstance(value, float):
                assert found == pytest.approx(value, rel=precision, abs=1e-6), name
            else:
                assert found == value, (name, alert.packet)
        for name, column in (
            ("first", "first_detection"),
            ("limit", "last_non_detection"),
        ):
            moment, day = alert.row[column], alert.expected[name]
            assert (moment is None) == (day is None)
            if day is not None:
                at = Time(day, format=form[0], scale=form[1]).utc
                assert abs((at - Time(moment)).sec) < 1e-3


def in_bronze(alerts: list[RealAlert]) -> list[RealAlert]:
    """Alerts that were real and not a star or an asteroid by SIMBAD and roid alone."""
    return [
        a
        for a in alerts
        if (a.row.quality or 0) >= QUALITY and a.row.extragalactic is not False
    ]


def has_star(alert: RealAlert) -> bool:
    now = alert.packet["candidate"]
    return 0 <= now["distpsnr1"] < 1.5 and now["sgscore1"] > 0.5


def test_the_score_of_stars_alone_would_discard_the_quasars(real_alerts):
    quasars = [a for a in real_alerts(NIGHT) if a.packet["cdsxmatch"] == "QSO"]
    assert (len(quasars), sum(map(has_star, quasars))) == (46, 44)
    assert not any(a.row.stellar for a in quasars)
    assert all(a.row.active_nucleus for a in quasars)
    outside = [a for a in real_alerts(NIGHT) if a.packet["cdsxmatch"] in NUCLEI]
    assert len(outside) > 60
    assert not any(a.row.stellar or a.row.variable for a in outside)


def test_shares_of_a_real_night(real_alerts):
    bronze = in_bronze(real_alerts(NIGHT))
    assert len(bronze) == 342
    assert sum(map(has_star, bronze)) / len(bronze) == pytest.approx(0.93, abs=0.005)
    negative = sum(a.row.positive is False for a in bronze)
    assert negative / len(bronze) == pytest.approx(0.57, abs=0.01)
    stellar = sum(a.row.stellar is True for a in bronze)
    assert 0.7 < stellar / len(bronze) < 0.85


def test_two_alerts_of_a_real_night_are_new_positive_and_not_stellar(real_alerts):
    """New is not detected a week before; both are without a known galaxy nucleus."""
    fresh = [
        a.packet["objectId"]
        for a in in_bronze(real_alerts(NIGHT))
        if a.row.positive
        and not a.row.stellar
        and not a.row.active_nucleus
        and not a.row.moving
        and (a.row.alert_time - a.row.first_detection).days < 7
    ]
    assert sorted(fresh) == ["ZTF24aabfohm", "ZTF24aacbkwf"]


def test_moving_objects_of_a_real_night_have_no_host(real_alerts):
    alerts = real_alerts(NIGHT)
    moving = [a for a in alerts if a.row.moving]
    assert len(moving) == 173
    assert not any(a.row.host for a in moving)
    single = [a for a in alerts if a.row.detections == 1 and not a.row.moving]
    assert single
    assert all(a.row.moving is None for a in single)


def test_an_rr_lyrae_star_has_no_host(real_alerts):
    """Mangrove has a globular cluster without a name near it, at 2.14 Mpc."""
    (star,) = [a for a in real_alerts(NIGHT) if a.packet["objectId"] == "ZTF18abshvyx"]
    assert dict(star.packet["mangrove"])["lum_dist"].startswith("2.14")
    assert (star.row.host, star.row.host_distance, star.row.stellar) == (
        None,
        None,
        True,
    )


def test_fillers_are_null(real_alerts):
    for folder in FOLDERS:
        for alert in real_alerts(folder):
            row = alert.row.asDict()
            assert not any(
                value in ("None", "nan", "Unknown", "", -999.0) or value != value
                for value in row.values()
            )
    rubin = real_alerts("rubin/rubin_test_data_10_0.parquet")
    repeated = [
        a for a in rubin if abs(a.packet["diaSource"]["reliability"] - 0.4863438) < 1e-6
    ]
    assert len(repeated) == 6
    assert all(a.row.quality is None for a in repeated)
    assert sum(a.row.quality is None for a in rubin) == 6
