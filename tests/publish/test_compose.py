# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What a VOEvent says of a coincidence, or of an alert."""

from __future__ import annotations

from datetime import timedelta

import pytest
from helpers.routed_rows import AUTHOR, row
from lxml import etree

from fink_voevent.alerts.transient import of_coincidence, of_packet
from fink_voevent.errors import InputError
from fink_voevent.notices import normalisation, voevent
from fink_voevent.publish.compose import Cite, compose
from fink_voevent.publish.packets import packet_of, read


def test_a_packet_tells_what_the_coincidence_does():
    told = row()
    packet = compose(
        of_coincidence(told),
        AUTHOR,
        told,
        [Cite("ivo://org.example/grb#1", "followup")],
    )
    read_back = voevent.read(packet.raw)
    assert read_back.schema_valid
    assert (read_back.ivorn, read_back.role) == (packet.ivorn, "observation")
    values = {(p.group, p.name): p for p in read_back.params}
    for name in ("separation", "credible_level", "delay", "p_chance"):
        assert float(values["coincidence", name].value) == told[name]
    assert values["coincidence", "separation"].unit == "deg"
    assert values["alert", "alert_id"].value == "1"
    (place,) = read_back.locations
    assert (float(place.c1), float(place.c2)) == (told["alert_ra"], told["alert_dec"])
    assert place.time == "2022-10-09T18:16:59.999000"
    assert read_back.cites == (("ivo://org.example/grb#1", "followup"),)
    why = etree.fromstring(packet.raw).find("Why")
    associated, identified = why.iterfind("Inference")
    assert associated.get("relation") == "associated"
    assert associated.get("probability") == why.get("importance") == "0.999"
    assert associated.findtext("Name") == told["event_id"]
    assert identified.get("relation") == "identified"
    assert identified.findtext("Name") == told["object_id"]
    assert identified.findtext("Concept") == "Galaxy"
    how = etree.fromstring(packet.raw).findtext("How/Description")
    assert "fink-broker 4.2, fink-science 8.1; fink-voevent" in how


def test_the_same_content_gives_the_same_bytes_and_other_content_another_ivorn():
    told = row()
    one, two = (compose(of_coincidence(told), AUTHOR, told) for _ in range(2))
    assert one == two
    other = row(p_chance=0.002)
    assert compose(of_coincidence(other), AUTHOR, other).ivorn != one.ivorn


@pytest.mark.parametrize(("tense", "role"), [("test", "test"), ("injection", "test")])
def test_a_test_makes_a_test(tense, role):
    told = row(tense=tense)
    packet = compose(of_coincidence(told), AUTHOR, told)
    assert voevent.read(packet.raw).role == role


def test_what_is_not_known_or_no_number_is_left_out():
    told = row(p_chance=None, magnitude=float("nan"), object_id=None, band="\x00g<&")
    packet = compose(of_coincidence(told), AUTHOR, told)
    values = voevent.read(packet.raw).values
    assert "p_chance" not in values
    assert "magnitude" not in values
    assert values["band"] == "g<&"
    assert etree.fromstring(packet.raw).find("Why").get("importance") is None


def test_without_pair_and_class_there_is_no_why():
    told = row(classification=None, fink_version=None)
    packet = compose(of_coincidence(told), AUTHOR)
    root = etree.fromstring(packet.raw)
    assert root.find("Why") is None
    assert "; Fink; fink-voevent" in root.findtext("How/Description")


@pytest.mark.parametrize("folder", ["ztf", "rubin"])
def test_each_real_alert_is_a_valid_packet_and_survives_the_round_trip(
    real, registry, folder
):
    count = 0
    files = [p for p in (real / folder).rglob("*.parquet") if p.is_file()]
    for file in files:
        for alert in read(file):
            transient = of_packet(alert)
            packet = packet_of(alert, AUTHOR)
            back = normalisation.normalise(packet.raw, registry)
            assert back["schema_valid"]
            assert back["ra"] == pytest.approx(transient.ra, abs=1e-9)
            assert back["dec"] == pytest.approx(transient.dec, abs=1e-9)
            assert abs(back["time"] - transient.time) < timedelta(microseconds=2)
            assert "fink-broker" in etree.fromstring(packet.raw).findtext(
                "How/Description"
            )
            values = voevent.read(packet.raw).values
            if transient.magnitude is not None:
                assert float(values["magnitude"]) == transient.magnitude
            count += 1
    assert count == {"ztf": 982, "rubin": 27}[folder]


def test_alerts_of_datatest_convert(datatest):
    alerts = list(read(datatest / "alerts" / "early.parquet"))
    assert alerts
    for alert in alerts:
        assert voevent.read(packet_of(alert, AUTHOR).raw).schema_valid


@pytest.mark.parametrize(
    "alert", [{}, {"candidate": {"ra": 1.0}, "candid": 1}, {"diaSource": {"ra": None}}]
)
def test_what_is_no_alert_is_told(alert):
    with pytest.raises(InputError):
        of_packet(alert)


def test_a_file_that_is_none_is_told(tmp_path):
    (tmp_path / "x.avro").write_bytes(b"nothing")
    with pytest.raises(InputError, match="neither Avro nor Parquet"):
        list(read(tmp_path / "x.avro"))


def test_voevent_parse_reads_our_packets():
    vp = pytest.importorskip("voeventparse")
    told = row()
    packet = compose(of_coincidence(told), AUTHOR, told)
    parsed = vp.loads(packet.raw)
    assert vp.valid_as_v2_0(parsed)
    place = vp.get_event_position(parsed)
    assert (place.ra, place.dec) == (told["alert_ra"], told["alert_dec"])
    assert vp.get_event_time_as_utc(parsed) == told["alert_time"]
    groups = vp.get_grouped_params(parsed)
    assert float(groups["coincidence"]["delay"]["value"]) == told["delay"]
