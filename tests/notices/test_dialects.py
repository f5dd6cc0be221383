# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What is particular to single publishers, as `streams.toml` says it."""

from __future__ import annotations

import base64
import gzip
import json

import json_notices
import numpy as np
import pytest
from trap_documents import (
    PLACE,
    TIME,
    cite,
    document,
    gcn,
    group,
    param,
    params,
    position,
    where,
)

from fink_voevent import limits
from fink_voevent.notices.normalisation import normalise
from fink_voevent.sky import localization

TRIGGER = {"trigger_time": "2025-03-04T01:00:00Z"}
SENT = {"alert_datetime": "2025-03-04T01:05:00Z"}


def km3net(number: int, alert_type: str, tense: str = "current") -> bytes:
    """Return a VOEvent of KM3NeT."""
    neutrino = params(Nu_Id=7, FAR=3)
    what = params(
        TrigID=4,
        record_number=number,
        Event_Name="KM3-250304A",
        Instrument="ORCA33",
        Pipeline="orca_HE",
        Alert_Type=alert_type,
        Alert_Tense=tense,
    )
    return document(
        f"ivo://KM3NeT_Neutrino#KM3-250304A_{number}",
        what + param("FAR", 2.5e-8, "yr^-1") + 2 * group("Nu_Event", neutrino),
        PLACE,
        date=f"2025-03-04T0{number}:05:00+00:00",
    )


def test_km3nets_notices_in_both_formats_are_one_event(registry):
    xml = [km3net(n + 1, t) for n, t in enumerate(("initial", "update", "retraction"))]
    twin = json_notices.gcn(
        "km3net/alert",
        **TRIGGER,
        alert_datetime="2025-03-04T01:05:00Z",
        id="4",
        event_name="KM3-250304A",
        alert_type="initial",
        record_number=1,
        far=2.5e-8,
        instrument="ORCA33",
        pipeline="orca_HE",
    )
    rows = [normalise(raw, registry) for raw in (*xml, twin)]
    assert {row["event_id"] for row in rows} == {"KM3NeT-KM3-250304A"}
    assert [row["kind"] for row in rows[:3]] == ["initial", "update", "retraction"]
    versions = [row["version"] for row in rows]
    assert versions[0] < versions[1] < versions[2]
    assert versions[3] == versions[0]
    assert {row["far"] for row in rows} == {2.5e-8}  # whatever the unit says
    same = ("messenger", "instrument", "notice_type", "tense")
    assert len({tuple(row[name] for name in same) for row in rows}) == 1


def test_km3nets_tense_is_that_of_its_param(registry):
    assert normalise(km3net(1, "initial", "Test"), registry)["tense"] == "test"
    assert normalise(km3net(1, "initial", "drill"), registry)["tense"] == "unknown"


@pytest.mark.parametrize(
    "raw",
    [
        document(
            "ivo://org.svom/fsc#sb25030409_eclairs-catalog",
            group("Svom_Identifiers", params(Burst_Id="sb25030409")),
            PLACE,
        ),
        json_notices.gcn(
            "svom/trigger",
            **TRIGGER,
            instrument="ECLAIRs",
            id=["sb25030409"],
            event_name=["Sco X-1"],
        ),
    ],
    ids=["voevent", "json"],
)
def test_a_source_of_svoms_catalogue_is_no_burst(registry, raw):
    row = normalise(raw, registry)
    assert (row["messenger"], row["live"]) == ("xray", False)
    assert row["event_id"] == "SVOM-sb25030409"


def test_a_burst_of_svom_that_has_a_name_is_a_burst(registry):
    content = {"instrument": "ECLAIRs", "id": "sb25030409", "event_name": "GRB 250304A"}
    row = normalise(json_notices.gcn("svom/trigger", **TRIGGER, **content), registry)
    assert (row["messenger"], row["live"]) == ("grb", True)


@pytest.mark.parametrize(
    ("topic", "tense"),
    [
        ("burstcube/test", "test"),
        ("newton/eye/alert.test", "test"),
        ("newton/eye_test/alert", "test"),
        ("newton/testing/alert", "test"),
        ("newton/latest", "observation"),
        ("newton/contest/eye", "observation"),
        ("burstcube/alert", "observation"),
    ],
)
def test_the_notices_of_a_topic_for_tests_are_tests(registry, topic, tense):
    raw = json_notices.gcn(topic, **TRIGGER, id="9", alert_tense="current")
    assert normalise(raw, registry)["tense"] == tense


@pytest.mark.parametrize(
    ("word", "messenger", "after"),
    [
        ("Neutrino", "neutrino", 30.0),
        ("GW", "gw", 14.0),
        ("Gravitational Wave", "gw", 14.0),
        ("EM", "unknown", 7.0),
        ("Axion", "unknown", 7.0),
    ],
)
def test_a_new_mission_has_the_messenger_that_it_names(
    registry, word, messenger, after
):
    raw = json_notices.gcn("newton/eye", **TRIGGER, id="9", messenger=word)
    row = normalise(raw, registry)
    assert (row["messenger"], row["window_after"]) == (messenger, after)


def test_the_place_0_0_is_a_dummy_also_with_an_error(registry):
    raw = gcn(
        "MAXI#Unknown_source_Pos_8-0-1", 134, where(TIME, position(0, 0, 2.5)), TrigID=8
    )
    row = normalise(raw, registry)
    assert (row["position_kind"], row["ra"], row["cells"]) == ("dummy", None, None)
    near = where(TIME, position(0, 0.01, 2.5))
    raw = gcn("MAXI#Unknown_source_Pos_8-0-1", 134, near, TrigID=8)
    assert normalise(raw, registry)["position_kind"] == "source"


def neutrino(ra: float, p_value: float | None) -> dict:
    place = {"ra": ra, "dec": 8.5, "ra_dec_error": 0.7, "containment_probability": 0.9}
    return {"localization": place, "id": [f"1_{ra:g}"], "event_pval_generic": p_value}


def search(clock: str, *neutrinos: dict) -> bytes:
    """Return IceCube's search for neutrinos at a superevent."""
    return json_notices.gcn(
        "icecube/lvk_nu_track_search",
        type="IceCube LVK Alert Nu Track Search",
        ref_ID="S250304ab",
        alert_datetime=f"2025-03-04T{clock}Z",
        **TRIGGER,
        observation_start="2025-03-04T00:51:40Z",
        pval_generic=0.013,
        coincident_events=list(neutrinos),
    )


def test_a_search_for_neutrinos_belongs_to_the_superevent(registry):
    found = search("02:00:00", neutrino(60.5, 0.4), neutrino(61.5, 0.01))
    rows = [
        normalise(raw, registry)
        for raw in (found, search("03:00:00", neutrino(61.5, None)), search("09:00:00"))
    ]
    assert {row["event_id"] for row in rows} == {"S250304ab"}
    assert {row["messenger"] for row in rows} == {"neutrino"}
    assert [row["ra"] for row in rows] == [
        61.5,
        61.5,
        None,
    ]  # the smallest p-value
    assert rows[0]["error_r90"] == pytest.approx(0.7)
    assert rows[0]["significance"] == {"name": "pval_generic", "value": 0.013}
    group_of = {p.value: p.group for p in rows[0]["params"] if p.name == "ra"}
    assert group_of == dict.fromkeys(("60.5", "61.5"), "coincident_events/localization")


@pytest.mark.parametrize("filler", [None, 0.0, -1.0, 99.0, "nan"])
def test_a_filler_is_not_the_smallest_p_value_of_the_neutrinos(registry, filler):
    raw = search("02:00:00", neutrino(60.5, filler), neutrino(61.5, 0.9))
    assert normalise(raw, registry)["ra"] == 61.5


def test_the_best_neutrino_without_a_place_leaves_the_region_to_the_next(registry):
    best = {"id": ["1_9"], "event_pval_generic": 0.001}
    raw = search("02:00:00", neutrino(60.5, 0.4), best, neutrino(61.5, 0.1))
    assert normalise(raw, registry)["ra"] == 61.5


def test_either_p_value_of_a_neutrino_counts(registry):
    bayesian = neutrino(60.5, None) | {"event_pval_bayesian": 0.004}
    raw = search("02:00:00", neutrino(61.5, 0.01), bayesian)
    assert normalise(raw, registry)["ra"] == 60.5


def test_a_search_for_neutrinos_never_replaces_the_notice_of_the_wave(registry):
    late = normalise(search("23:00:00", neutrino(60.5, 0.4)), registry)
    sent = {"superevent_id": "S250304ab", "time_created": "2025-03-04T01:02:00Z"}
    wave = normalise(json_notices.lvk("PRELIMINARY", None, **sent), registry)
    assert wave["event_id"] == late["event_id"]
    assert wave["version"] > late["version"]


BURST = "ivo://nasa.gsfc.gcn/Fermi#GBM_Flt_Pos_2025-03-04T01:00:00.00_762829200_46-1"


def test_a_coincidence_of_lvk_cites_the_burst_and_keeps_no_map_as_text(registry):
    content = json.loads(json_notices.lvk("INITIAL", json_notices.EVENT))
    size = limits.TEXT_CHARS
    fits = b"SIMPLE  =                    T" + b" " * size
    content["external_coinc"] = {
        "ivorn": BURST,
        "observatory": "Fermi",
        "combined_skymap": json_notices.MAP + "A" * size,
        "map_of_tomorrow": base64.b64encode(fits).decode(),
        "other_map": base64.b64encode(gzip.compress(fits)).decode(),
        "time_coincidence_far": 2.5e-7,
    }
    row = normalise(json.dumps(content).encode(), registry)
    assert row["cites"] == [{"ivorn": BURST, "cite": "followup"}]
    texts = {p.name: p.value for p in row["params"] if p.group == "external_coinc"}
    assert texts.keys() == {"ivorn", "observatory", "time_coincidence_far"}


def test_no_coincidence_of_lvk_cites_nothing(registry):
    row = normalise(json_notices.lvk("INITIAL", json_notices.EVENT), registry)
    assert row["cites"] == []


def test_the_classes_of_lvk_have_group_and_significance(registry):
    event = json_notices.EVENT | {"significant": False, "group": "Burst"}
    row = normalise(json_notices.lvk("PRELIMINARY", event), registry)
    found = dict(row["classification"])
    assert (found["Burst"], found["significant"], found["BNS"]) == (1.0, 0.0, 0.9)
    what = params(GraceID="S250304ab", AlertType="Initial", Group="CBC", Significant=1)
    xml = document("ivo://gwnet/LVC#S250304ab-2-Initial", what)
    expected = [("CBC", 1.0), ("significant", 1.0)]
    assert normalise(xml, registry)["classification"] == expected


@pytest.mark.parametrize(
    ("number", "percent", "second", "expected"),
    [
        (4, 91, (6, 5), [("GRB", 0.91), ("GENERIC_TRANSIENT", 0.05)]),
        (8, 100, (4, 0), [("SOLAR_FLARE", 1.0), ("GRB", 0.0)]),
        (19, 60, (19, 40), [("TGF", 0.6)]),
        (0, 50, (99, 50), None),
        (4, 250, (4, -1), None),
    ],
)
def test_the_classes_of_gbm_have_names(registry, number, percent, second, expected):
    raw = gcn(
        "Fermi#GBM_Flt_Pos_7",
        111,
        PLACE,
        TrigID=7,
        Most_Likely_Index=number,
        Most_Likely_Prob=percent,
        Sec_Most_Likely_Index=second[0],
        Sec_Most_Likely_Prob=second[1],
    )
    assert normalise(raw, registry)["classification"] == expected


def test_swifts_flags_say_whether_the_source_is_in_a_catalogue(registry):
    flags = {
        "GRB_Identified": "false",
        "Target_in_Flt_Catalog": "true",
        "Target_in_Gnd_Catalog": "false",
        "Target_in_Blk_Catalog": "false",
    }
    status = group("Solution_Status", params(**flags))
    raw = gcn("SWIFT#BAT_GRB_Pos_6-1", 61, PLACE, TrigID=6, groups=status)
    classes = [("GRB", 0.0), ("catalogue source", 1.0)]
    assert normalise(raw, registry)["classification"] == classes
    raw = gcn("SWIFT#BAT_GRB_Pos_6-1", 61, PLACE, TrigID=6)
    assert normalise(raw, registry)["classification"] is None


@pytest.mark.parametrize(
    "filler", ["0.00", "-0.00", "0", "-1", "-99.0", "-21474836.48", "n/a"]
)
def test_a_filler_is_no_significance_and_no_rate(registry, filler):
    what = params(Image_Signif=filler, Rate_Signif="8.5", TrigID=6)
    raw = document("ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_6-1", what, PLACE)
    found = normalise(raw, registry)["significance"]
    assert found == {"name": "Rate_Signif", "value": 8.5}
    raw = raw.replace(b'value="8.5"', f'value="{filler}"'.encode())
    assert normalise(raw, registry)["significance"] is None
    raw = document("ivo://org.example/x#1", param("FAR", filler, "Hz"), PLACE)
    assert normalise(raw, registry)["far"] is None


@pytest.mark.parametrize(
    ("number", "event"),
    [
        ("762829205", "GBM-762829205"),  # seconds since 2001
        ("250304042", "LAT-offline-250304042"),  # YYMMDDfff
        ("99999", "LAT-offline-99999"),
    ],
)
def test_lats_offline_position_belongs_to_the_trigger_of_gbm(registry, number, event):
    raw = gcn("Fermi#LAT_Offline_Pos_1", 128, PLACE, TrigID=number)
    row = normalise(raw, registry)
    assert row["event_id"] == event
    final = gcn("Fermi#GBM_Fin_Pos_1", 115, PLACE, TrigID=number)
    is_later = row["version"] > normalise(final, registry)["version"]
    assert is_later == event.startswith("GBM-")


@pytest.mark.parametrize("containment", [0.68, 0.9, 0.99])
def test_a_box_of_maxi_has_its_containment_at_its_edge(registry, containment):
    corners = [[149.0, -1.0], [151.0, -1.0], [151.0, 1.0], [149.0, 1.0]]
    raw = json_notices.gcn(
        "maxi/gsc.unknown",
        **TRIGGER,
        **SENT,
        id="8",
        ra=150.0,
        dec=0.0,
        rectangular_error_corners=corners,
        containment_probability=containment,
    )
    row = normalise(raw, registry)
    assert row["containment"] == containment
    within = [p for p in row["pixels"] if p["level"] <= containment]
    cells = np.sum([p["hi"] - p["lo"] for p in within])
    area_deg2 = cells * localization.DEG2_PER_SR * 4 * np.pi / (12 * 4.0**29)
    assert area_deg2 == pytest.approx(4.0, rel=0.05)


def test_a_retraction_in_a_citation_of_any_case_names_the_event(registry):
    cites = cite("ivo://org.example/x#1", "Retraction")
    row = normalise(document("ivo://org.example/x#2", cites=cites), registry)
    assert row["event_id"] == "ivo://org.example/x#1"


def test_a_notice_names_the_events_of_others_that_it_cites(registry):
    burst = "ivo://nasa.gsfc.gcn/Fermi#GBM_Fin_Pos2024-01-15T01:00:01.00_726980000_0-1"
    superevent = params(GraceID="S240115ab", AlertType="Update")
    wave = document(
        "ivo://gwnet/LVC#S240115ab-3-Update",
        superevent + group("External Coincidence", params(External_Ivorn=burst)),
    )
    json_wave = json_notices.lvk(
        "UPDATE", json_notices.EVENT, external_coinc=[{"ivorn": burst}]
    )
    expected = ["GBM-726980000", "S240115AB"]
    for raw in (wave, json_wave):
        assert normalise(raw, registry)["names"] == expected
    assert normalise(wave, registry)["cites"] == []  # it has none


@pytest.mark.parametrize(
    ("cited", "name"),
    [
        ("ivo://nasa.gsfc.gcn/SWIFT#BAT_GRB_Pos_1102329-881", "Swift-1102329"),
        ("ivo://nasa.gsfc.gcn/SWIFT#XRT_Pos_1102329-1", "Swift-1102329"),
        ("ivo://nasa.gsfc.gcn/INTEGRAL#Wakeup_Pos_010337-0-490", "INTEGRAL-10337"),
        ("ivo://org.svom/fsc#sb24011505_eclairs-wakeup", "SVOM-sb24011505"),
        ("ivo://gwnet/LVC#MS230526b-2-Preliminary", "MS230526b"),
        ("ivo://nasa.gsfc.gcn/Fermi#LAT_Offline_Pos_2014-12-07-226", None),
        ("ivo://org.example/x#BAT_GRB_Pos_1102329-881", None),
    ],
)
def test_an_event_is_known_by_the_identifier_of_any_of_its_notices(
    registry, cited, name
):
    raw = document("ivo://org.example.telescope/x#9", cites=cite(cited, "followup"))
    assert normalise(raw, registry)["names"] == ([] if name is None else [name])


def test_a_notice_does_not_name_its_own_event(registry):
    earlier = cite("ivo://nasa.gsfc.gcn/Fermi#GBM_Alert_x_726980000_1-1", "followup")
    raw = gcn(
        "Fermi#GBM_Flt_Pos_x_726980000_2-2", 111, "", TrigID=726980000, cites=earlier
    )
    assert normalise(raw, registry)["names"] == []
