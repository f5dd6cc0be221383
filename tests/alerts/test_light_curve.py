# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Light curves from packets: real and made-up ones, and what cannot be used."""

from __future__ import annotations

from datetime import datetime, timezone

import pyarrow.dataset as ds
import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.alerts import light_curve
from fink_voevent.alerts.light_curve import DETECTION, LIMIT, NEGATIVE

number = st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True))


def test_a_packet_of_ztf_has_detections_negatives_and_limits():
    source = {"jd": 2460325.5, "fid": 2, "magpsf": 18.0, "sigmapsf": 0.1}
    earlier = [
        {"jd": 2460320.5, "fid": 1, "magpsf": None, "diffmaglim": 20.5},
        {"jd": 2460322.5, "fid": 2, "magpsf": 19.0, "isdiffpos": "f"},
        {"jd": None, "fid": 2, "magpsf": 19.0},
        {"jd": 2460323.5, "fid": 2, "magpsf": None, "diffmaglim": -999.0},
    ]
    found = light_curve.from_packets([{"candidate": source, "prv_candidates": earlier}])
    kinds = [(one.kind, one.band, one.magnitude) for one in found.measurements]
    assert kinds == [(LIMIT, "g", 20.5), (NEGATIVE, "r", 19.0), (DETECTION, "r", 18.0)]
    moment = datetime(2024, 1, 16, tzinfo=timezone.utc)
    assert found.measurements[-1].time == moment


def test_a_packet_of_rubin_has_magnitudes_of_its_fluxes():
    """1 nJy is 31.4 mag; forced photometry below 5 sigma is a limit."""
    time = Time("2025-11-01T03:00:00", scale="utc").tai.mjd
    source = {"midpointMjdTai": time, "psfFlux": 1e4, "psfFluxErr": 100.0, "band": "r"}
    forced = [
        source | {"midpointMjdTai": time - 2, "psfFlux": 10.0},
        source | {"midpointMjdTai": time - 1, "psfFlux": -1e3},
    ]
    packet = {"diaSource": source, "prvDiaForcedSources": forced}
    found = light_curve.from_packets([packet]).measurements
    assert [one.kind for one in found] == [LIMIT, NEGATIVE, DETECTION]
    assert found[2].magnitude == pytest.approx(21.4)
    assert found[0].magnitude == pytest.approx(31.4 - 2.5 * 2.69897, abs=1e-4)
    moment = datetime(2025, 11, 1, 3, tzinfo=timezone.utc)
    assert abs((found[2].time - moment).total_seconds()) < 0.01


def test_a_measurement_in_several_packets_is_there_once():
    one = {"jd": 2460325.5, "fid": 2, "magpsf": 18.0}
    two = {"jd": 2460326.5, "fid": 2, "magpsf": 18.2}
    packets = [{"candidate": one}, {"candidate": two, "prv_candidates": [one]}]
    assert len(light_curve.from_packets(packets).measurements) == 2


@given(number, number, number, number, st.sampled_from(["ztf", "rubin"]))
def test_no_number_in_a_packet_raises_an_error(time, value, error, limit, survey):
    if time is not None and not abs(time) < 3e6:
        time = None  # out of the range of datetime: see the next test
    source = {"jd": time, "magpsf": value, "sigmapsf": error, "diffmaglim": limit}
    if survey == "rubin":
        source = {"midpointMjdTai": time, "psfFlux": value, "psfFluxErr": error}
        packet = {"diaSource": source, "prvDiaForcedSources": [source]}
    else:
        packet = {"candidate": source}
    for one in light_curve.from_packets([packet]).measurements:
        assert one.magnitude == one.magnitude


def test_a_time_of_another_age_is_left_out():
    packet = {"candidate": {"jd": 1e300, "fid": 1, "magpsf": 18.0}}
    assert light_curve.from_packets([packet]).measurements == ()


@pytest.mark.parametrize(
    "folder", ["ztf/regular", "rubin/rubin_test_data_10_0.parquet"]
)
def test_every_real_packet_has_a_light_curve(real, folder):
    for packet in ds.dataset(real / folder).to_table().slice(0, 40).to_pylist():
        found = light_curve.from_packets([packet])
        assert found.measurements
        assert all(10 < one.magnitude < 30 for one in found.measurements)
