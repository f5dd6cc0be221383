# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Simulated nights have the populations of a real one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sky_simulator import FIELD_DEG2, RUBIN, ZTF, Simulation

from fink_voevent.score import class_counts
from fink_voevent.score.cells import PART_DEG2

# Of the bronze alerts of one real night of ZTF (343 of 801): see `sky_simulator`.
REAL_BRONZE, REAL_ALERTS = 343, 801
REAL_SHARES = {
    "negative": 0.57,
    "active_nucleus": 68 / 343,
    "a_week_old": 0.98,
    "new": 2 / 343,
    "not_stellar": 15 / 343,
    "not_stellar_or_nucleus": 36 / 343,
}


@pytest.fixture(scope="module")
def nights() -> list[pa.Table]:
    return list(Simulation(ZTF, 1, ZTF.fields()[::8]).nights(4))


def flag(table: pa.Table, name: str) -> np.ndarray:
    filled = pc.fill_null(table[name], fill_value=False)
    return filled.to_numpy(zero_copy_only=False).astype(bool)


def days(table: pa.Table, name: str) -> np.ndarray:
    micros = table[name].cast(pa.int64()).cast(pa.float64(), safe=False)
    return micros.to_numpy(zero_copy_only=False) / 86_400e6


def test_the_shares_are_those_of_a_real_night(nights):
    alerts = pa.concat_tables(nights)
    bronze = alerts.filter(
        pc.and_(
            pc.greater_equal(alerts["quality"], 0.5),
            pc.fill_null(alerts["extragalactic"], fill_value=True),
        )
    )
    share = bronze.num_rows / alerts.num_rows
    error = np.sqrt(share * (1 - share) / REAL_ALERTS)
    assert share == pytest.approx(REAL_BRONZE / REAL_ALERTS, abs=3 * error)
    positive, nucleus = flag(bronze, "positive"), flag(bronze, "active_nucleus")
    extended = positive & ~flag(bronze, "stellar")
    age = days(bronze, "alert_time") - days(bronze, "first_detection")
    found = {
        "negative": ~positive,
        "active_nucleus": nucleus,
        "a_week_old": age > 7,
        "new": extended & ~nucleus & (age <= 7),
        "not_stellar": extended & ~nucleus,
        "not_stellar_or_nucleus": extended,
    }
    for name, mask in found.items():
        real = REAL_SHARES[name]
        error = np.sqrt(real * (1 - real) / REAL_BRONZE)
        assert mask.mean() == pytest.approx(real, abs=3 * error), name


def test_a_night_of_the_whole_sky_has_200_000_alerts(nights):
    per_night = np.mean([night.num_rows for night in nights])
    assert 8 * per_night == pytest.approx(2e5, rel=0.2)


def test_new_objects_are_a_few_hundredths_per_covered_deg2_and_night(nights):
    counts = class_counts.count(nights, "ztf")
    area = counts.covered.sum() * PART_DEG2
    found = len(counts.objects["fresh_1"].night) / area
    assert 0.02 < found < 0.05
    flares = len(counts.objects["flaring"].night)
    assert 0.3 < flares / (counts.seen.sum() * PART_DEG2) < 0.6


def test_a_seed_makes_the_same_nights():
    fields = ZTF.fields()[:3]
    one, two, other = (
        pa.concat_tables(Simulation(ZTF, seed, fields).nights(2)) for seed in (1, 1, 2)
    )
    assert one.equals(two)
    assert not one.equals(other)


def test_a_limit_is_before_the_first_detection_which_is_before_the_alert(nights):
    alerts = pa.concat_tables(nights)
    first = days(alerts, "first_detection")
    limit, time = days(alerts, "last_non_detection"), days(alerts, "alert_time")
    assert (first <= time + 1e-9).all()
    assert (limit[~np.isnan(limit)] < first[~np.isnan(limit)]).all()
    assert ((alerts["detections"].to_numpy() > 1) | (first == time)).all()


def test_rubin_has_ten_million_alerts_a_night():
    fields = RUBIN.fields()
    alerts = [n.num_rows for n in Simulation(RUBIN, 1, fields[::25]).nights(3)]
    assert 25 * np.mean(alerts) == pytest.approx(1e7, rel=0.4)
    assert len(fields) * FIELD_DEG2 > 20_000
