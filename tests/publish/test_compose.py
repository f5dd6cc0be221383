# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""VOEvents of coincidences and of alerts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from helpers.routed_rows import AUTHOR, row
from lxml import etree

from fink_voevent.alerts.transient import from_coincidence, from_packet
from fink_voevent.errors import InputError, NoticeError
from fink_voevent.notices import normalisation, voevent
from fink_voevent.publish.compose import Citation, compose
from fink_voevent.publish.packets import compose_alert, read_alerts

ZTF = {
    "candid": 1,
    "objectId": "ZTF1",
    "candidate": {"ra": 1.0, "dec": 2.0, "jd": 2459862.0, "magpsf": 17.0, "fid": 1},
}
RUBIN = {"diaSource": {"ra": 1.0, "dec": 2.0, "midpointMjdTai": 61000.0}}
RUBIN["diaSource"] |= {"diaSourceId": 1}


def test_a_voevent_contains_the_values_of_its_coincidence():
    routed = row()
    packet = compose(
        from_coincidence(routed),
        AUTHOR,
        routed,
        [Citation("ivo://org.example/grb#1", "followup")],
    )
    read_back = voevent.read(packet.raw)
    assert read_back.schema_valid
    assert (read_back.ivorn, read_back.role) == (packet.ivorn, "observation")
    values = {(p.group, p.name): p for p in read_back.params}
    for name in ("separation", "credible_level", "delay", "p_chance"):
        assert float(values["coincidence", name].value) == routed[name]
    assert values["coincidence", "separation"].unit == "deg"
    assert values["alert", "alert_id"].value == "1"
    (place,) = read_back.locations
    assert (float(place.c1), float(place.c2)) == (
        routed["alert_ra"],
        routed["alert_dec"],
    )
    assert place.time == "2022-10-09T18:16:59.999"
    assert read_back.cites == (("ivo://org.example/grb#1", "followup"),)
    why = etree.fromstring(packet.raw).find("Why")
    (identified,) = why.iterfind("Inference")
    assert routed["event_id"] in why.findtext("Description")
    assert identified.get("relation") == "identified"
    assert identified.findtext("Name") == routed["object_id"]
    assert identified.findtext("Concept") == "Galaxy"
    how = etree.fromstring(packet.raw).findtext("How/Description")
    assert "fink-broker 4.2, fink-science 8.1; fink-voevent" in how


def test_bytes_and_ivorn_depend_on_the_content_alone():
    routed = row()
    one, two = (compose(from_coincidence(routed), AUTHOR, routed) for _ in range(2))
    assert one == two
    other = row(p_chance=0.002)
    assert compose(from_coincidence(other), AUTHOR, other).ivorn != one.ivorn


MEASURED = {
    "separation": 0.0123456789012345,
    "credible_level": 0.123456789012345,
    "density": 12345.6789012345,
    "delay": 1.23456789012345,
    "p_chance": 1.23456789012345e-7,
    "background_rate": 0.123456789012345,
    "magnitude": 17.1234567890123,
    "quality": 0.987654321098765,
}


def numbers(raw: bytes) -> dict[str, str]:
    """Return all numbers of a VOEvent, by the name of the Param or of the element."""
    root = etree.fromstring(raw)
    params = {p.get("name"): p for p in root.iter("Param")}
    found = {n: p.get("value") for n, p in params.items() if p.get("dataType") != "int"}
    floats = {n: v for n, v in found.items() if params[n].get("dataType") == "float"}
    return floats | {e.tag: e.text for e in root.iter("C1", "C2", "Error2Radius")}


def test_numbers_have_no_more_digits_than_were_measured():
    routed = row(**MEASURED, alert_ra=123.456789012345, alert_dec=-1.23456789012345)
    written = numbers(compose(from_coincidence(routed), AUTHOR, routed).raw)
    assert set(MEASURED) < set(written)
    for name, text in written.items():
        significant = text.lower().partition("e")[0].replace(".", "").strip("-0")
        assert len(significant) <= (9 if name == "C1" else 7), name
    for name, value in MEASURED.items():
        assert float(written[name]) == pytest.approx(value, rel=5e-3), name
    assert written["Error2Radius"] == "0.000028"
    assert (written["C1"], written["C2"]) == ("123.456789", "-1.234568")


def test_the_position_has_the_digits_of_its_error():
    packet = RUBIN["diaSource"] | {"raErr": 1.23456789e-6, "decErr": 1e-6}
    transient = from_packet({"diaSource": packet})
    written = numbers(compose(transient, AUTHOR).raw)
    # 68 % of two normal coordinates lie within 1.51 standard deviations
    assert written["Error2Radius"] == "0.0000019"
    assert written["Error2Radius_containment"] == "0.68"
    assert written["C1"] == "1.0000000"


def test_a_right_ascension_that_is_rounded_to_360_is_0():
    routed = row(alert_ra=359.99999999, alert_dec=-1e-12)
    written = numbers(compose(from_coincidence(routed), AUTHOR, routed).raw)
    assert (written["C1"], written["C2"]) == ("0.000000", "0.000000")


def test_a_voevent_is_readable_lines_and_one_document():
    routed = row()
    raw = compose(from_coincidence(routed), AUTHOR, routed).raw
    lines = raw.decode().splitlines()
    assert len(lines) > 50
    assert max(len(line) for line in lines[2:]) < 300
    assert raw.count(b"</voe:VOEvent>") == 1
    assert raw.endswith(b"</voe:VOEvent>")


@pytest.mark.parametrize("status", ["new", "update", "withdrawn", "retracted"])
@pytest.mark.parametrize("p_chance", [None, 0.0, 0.01, 1.0])
def test_no_number_reads_as_the_probability_of_an_association(status, p_chance):
    routed = row(status=status, p_chance=p_chance)
    root = etree.fromstring(compose(from_coincidence(routed), AUTHOR, routed).raw)
    assert not root.xpath("//@probability | //@importance")
    assert not root.xpath("//Inference[@relation='associated']")
    for param in root.iterfind("What/Group[@name='coincidence']/Param"):
        assert param.findtext("Description"), param.get("name")
    is_in_region = "is in the region" in root.findtext("Why/Description")
    assert is_in_region == (status in ("new", "update"))


@pytest.mark.parametrize(("tense", "role"), [("test", "test"), ("injection", "test")])
def test_the_voevent_of_a_test_has_the_role_test(tense, role):
    routed = row(tense=tense)
    packet = compose(from_coincidence(routed), AUTHOR, routed)
    assert voevent.read(packet.raw).role == role


def test_null_and_nan_are_left_out():
    routed = row(p_chance=None, magnitude=float("nan"), object_id=None, band="\x00g<&")
    packet = compose(from_coincidence(routed), AUTHOR, routed)
    values = voevent.read(packet.raw).values
    assert "p_chance" not in values
    assert "magnitude" not in values
    assert values["band"] == "g<&"
    assert etree.fromstring(packet.raw).find("Why").get("importance") is None


ODD_TEXTS = [
    "\x00\x01\x1b[31m",
    "\ud800 \udfff",
    "\ufffe\uffff",
    "]]> <&\"'",
    " \n\r\t ",
    "\u202e\u0085\u2028 \U0001f300",
    "%zz {}|^` :",
    "",
]


@pytest.mark.parametrize("text", ODD_TEXTS, ids=ascii)
def test_no_text_makes_a_voevent_that_is_not_valid(text):
    names = ("event_id", "ivorn", "stream", "object_id", "band", "classification")
    routed = row(**dict.fromkeys((*names, "fink_version"), text))
    cited = [Citation(text, "followup")]
    packet = compose(from_coincidence(routed), AUTHOR, routed, cited)
    back = voevent.read(packet.raw)
    assert back.schema_valid
    if "\U0001f300" in text:
        assert "\U0001f300" in back.values["event_id"]


def test_a_text_that_is_too_long_for_comet_is_an_error():
    routed = row(event_id="e" * 1_000_000)
    with pytest.raises(NoticeError, match="the limit is 99999"):
        compose(from_coincidence(routed), AUTHOR, routed)


def test_of_too_many_citations_the_last_of_each_kind_are_written():
    routed = row()
    cited = [Citation(f"ivo://org.example/grb#{n:090}", "followup") for n in range(900)]
    ours = Citation("ivo://org.example/fink#1", "supersedes")
    transient = from_coincidence(routed)
    packet = compose(transient, AUTHOR, routed, [*cited, ours])
    assert voevent.read(packet.raw).cites == (tuple(cited[-1]), tuple(ours))
    packet = compose(transient, AUTHOR, routed, [*cited[:500], ours])
    assert len(voevent.read(packet.raw).cites) == 501


def test_an_alert_without_pair_and_class_has_no_why():
    routed = row(classification=None, fink_version=None)
    packet = compose(from_coincidence(routed), AUTHOR)
    root = etree.fromstring(packet.raw)
    assert root.find("Why") is None
    assert "; Fink; fink-voevent" in root.findtext("How/Description")


@pytest.mark.parametrize("folder", ["ztf", "rubin"])
def test_the_voevents_of_real_alerts_are_valid_and_are_read_back(
    real, registry, folder
):
    count = 0
    files = [p for p in (real / folder).rglob("*.parquet") if p.is_file()]
    for file in files:
        for alert in read_alerts(file):
            transient = from_packet(alert)
            packet = compose_alert(alert, AUTHOR)
            back = normalisation.normalise(packet.raw, registry)
            assert back["schema_valid"]
            rounding = transient.error / 20
            assert back["ra"] == pytest.approx(transient.ra, abs=rounding)
            assert back["dec"] == pytest.approx(transient.dec, abs=rounding)
            assert back["error_raw"] == pytest.approx(transient.error, rel=0.05)
            assert abs(back["time"] - transient.time) <= timedelta(microseconds=500)
            assert "fink-broker" in etree.fromstring(packet.raw).findtext(
                "How/Description"
            )
            values = voevent.read(packet.raw).values
            if transient.magnitude is not None:
                rounding = (transient.magnitude_error or 0.01) / 20
                magnitude = float(values["magnitude"])
                assert magnitude == pytest.approx(transient.magnitude, abs=rounding)
            count += 1
    assert count == {"ztf": 982, "rubin": 27}[folder]


def test_the_voevents_of_the_alerts_of_datatest_are_valid(datatest):
    alerts = list(read_alerts(datatest / "alerts" / "early.parquet"))
    assert alerts
    for alert in alerts:
        assert voevent.read(compose_alert(alert, AUTHOR).raw).schema_valid


@pytest.mark.parametrize(
    "alert",
    [
        {},
        {"candidate": {"ra": 1.0}, "candid": 1},
        {"diaSource": {"ra": None}},
        ZTF | {"candid": float("inf")},
        ZTF | {"cdsxmatch": 5},
        ZTF | {"candidate": ZTF["candidate"] | {"jd": 1e300}},
        ZTF | {"candidate": ZTF["candidate"] | {"fid": []}},
        RUBIN | {"xm": "text"},
    ],
    ids=str,
)
def test_a_packet_that_is_not_an_alert_is_an_error(alert):
    with pytest.raises(InputError):
        from_packet(alert)


@pytest.mark.parametrize(
    "pair",
    [{}, {"notice_received_at": 5}, {"ivorn": "x", "notice_received_at": "2022-10-09"}],
    ids=str,
)
def test_an_alert_with_a_coincidence_of_others_is_an_error(pair):
    with pytest.raises((InputError, NoticeError)):
        compose_alert(ZTF | {"coincidence": pair}, AUTHOR)


def test_a_file_without_alerts_is_an_error(tmp_path):
    (tmp_path / "x.avro").write_bytes(b"nothing")
    with pytest.raises(InputError, match="neither Avro nor Parquet"):
        list(read_alerts(tmp_path / "x.avro"))


def test_voevent_parse_reads_our_voevents():
    vp = pytest.importorskip("voeventparse")
    routed = row()
    packet = compose(from_coincidence(routed), AUTHOR, routed)
    parsed = vp.loads(packet.raw)
    assert vp.valid_as_v2_0(parsed)
    place = vp.get_event_position(parsed)
    assert (place.ra, place.dec) == (routed["alert_ra"], routed["alert_dec"])
    assert place.err == pytest.approx(0.1 / 3600, rel=0.05)
    assert vp.get_event_time_as_utc(parsed) == routed["alert_time"]
    groups = vp.get_grouped_params(parsed)
    assert float(groups["coincidence"]["delay"]["value"]) == routed["delay"]
