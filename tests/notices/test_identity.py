# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Order of the notices of an event, their kind and their tense."""

from __future__ import annotations

import json

import json_notices
import pytest
from trap_documents import TIME, cite, document, gcn, group, params, position, where

from fink_voevent.notices.identity import RANK_STEP
from fink_voevent.notices.normalisation import normalise

DAY = "2025-03-04"
MAP_PLACE = where(TIME, position(200.25, 11.5, 4))


def read(registry, raw: bytes) -> dict:
    return normalise(raw, registry)


def gbm(kind: str, packet: int, clock: str, number: int, **more) -> bytes:
    """Return a VOEvent of GBM, issued at a time of day."""
    ivorn = f"Fermi#GBM_{kind}_2025-03-04T01:00:00.00_762829205_{number}-{packet}"
    return gcn(
        ivorn,
        packet,
        MAP_PLACE,
        TrigID=762829205,
        Sequence_Num=number,
        date=f"{DAY}T{clock}",
        **more,
    )


def gbm_json(subtype: str, clock: str, **more) -> bytes:
    """Return a JSON notice of the same trigger of GBM."""
    content = {
        "id": ["762829205", "bn250304042"],
        "trigger_time": f"{DAY}T01:00:00",
        "alert_datetime": f"{DAY}T{clock}",
        "alert_type": "update",
        "subtype": subtype,
        "ra": 33.0,
        "dec": -7.0,
        "ra_dec_error": 9.0,
    }
    return json_notices.gcn("fermi/gbm/trigger", **content | more)


def in_order(registry, *documents: bytes) -> bool:
    """Whether the versions of documents of one event rise."""
    rows = [read(registry, raw) for raw in documents]
    assert len({row["event_id"] for row in rows}) == 1
    versions = [row["version"] for row in rows]
    return versions == sorted(set(versions))


def test_the_ground_position_issued_last_is_current_whatever_its_number(registry):
    numbered = [("01:00:44", 61), ("01:01:20", 0), ("01:01:55", 1), ("01:03:00", 0)]
    documents = [gbm("Gnd_Pos", 112, clock, n) for clock, n in numbered]
    assert in_order(registry, *documents)


def test_types_of_one_trigger_are_in_one_order_over_both_topics(registry):
    assert in_order(
        registry,
        gbm("Alert", 110, "01:00:10", 1),
        gbm("Flt_Pos", 111, "01:00:25", 47),
        gbm_json("FLIGHT_POSITION", "01:00:31", record_number=4),
        gbm_json("GROUND_POSITION", "01:00:40", record_number=5),
        gbm("Gnd_Pos", 112, "01:00:44", 61),
        gbm_json("FINAL_POSITION", "01:20:00", record_number=6),
    )


def test_a_flight_position_issued_late_does_not_replace_a_ground_position(registry):
    late = gbm_json("FLIGHT_POSITION", "01:09:00", record_number=9)
    assert in_order(registry, late, gbm("Gnd_Pos", 112, "01:00:44", 2))


def gecam(place: str, serial: int, clock: str) -> bytes:
    packet = 188 if place == "FLT" else 189
    return gcn(
        f"GECAM#{place}_Event_2025-03-04T077:00:00_{serial:06}-{packet}",
        packet,
        MAP_PLACE,
        Trigger_Number=77,
        MISSION="C",
        Pkt_Ser_Num=serial,
        date=f"{DAY}T{clock}",
    )


def test_gecams_ground_position_follows_its_flight_position(registry):
    flight, ground = gecam("FLT", 112, "02:01:00"), gecam("GND", 31, "02:14:00")
    assert in_order(registry, flight, ground)
    kinds = [read(registry, raw)["kind"] for raw in (flight, ground)]
    assert kinds == ["initial", "update"]


def test_versions_of_lvk_rise_in_both_formats(registry):
    made = [
        ("PRELIMINARY", "12:03:10"),
        ("INITIAL", "12:30:00"),
        ("UPDATE", "18:00:05"),
    ]
    event = json_notices.EVENT
    assert in_order(
        registry,
        *(
            json_notices.lvk(kind, event, time_created=f"2024-01-15T{clock}Z")
            for kind, clock in made
        ),
        json_notices.lvk("RETRACTION", None, time_created="2024-01-16T00:00:00Z"),
        json_notices.lvk("UPDATE", event, time_created="2024-01-17T00:00:00Z"),
    )


def icecube(revision: int, clock: str) -> bytes:
    return gcn(
        f"AMON#ICECUBE_BRONZE_Event2025-03-04_{revision}",
        174,
        MAP_PLACE,
        run_id=140900,
        event_id=77,
        Rev=revision,
        date=f"{DAY}T{clock}",
    )


def test_a_documented_revision_orders_notices_of_one_second(registry):
    assert in_order(registry, *(icecube(n, "03:00:00") for n in range(3)))
    assert in_order(registry, icecube(2, "03:00:00"), icecube(1, "03:00:01"))


def test_a_revision_with_thousands_of_digits_is_no_revision(registry):
    plain = read(registry, icecube(0, "03:00:00"))["version"]
    raw = icecube(0, "03:00:00").replace(
        b'name="Rev" value="0"', b'name="Rev" value="' + b"9" * 5000 + b'"'
    )
    assert read(registry, raw)["version"] == plain


def test_a_retraction_of_any_type_follows_all_types_of_the_event(registry):
    retraction = gbm_json("", "02:00:00", alert_type="retraction")
    assert in_order(registry, gbm("Fin_Pos", 115, "01:20:00", 0), retraction)


def chime(alert_type: str, **more) -> bytes:
    return json_notices.gcn("chime/frb", id="31", alert_type=alert_type, **more)


def test_without_dates_the_alert_types_order_the_notices(registry):
    types = ("initial", "subsequent", "update", "retraction")
    assert in_order(registry, *map(chime, types))


def test_a_retraction_without_a_date_follows_all_dated_notices_of_its_rank(registry):
    dated = document(
        "ivo://ca.chimenet.frb/FRB-DETECTION-#31",
        group("event parameters", params(event_no=31)),
        MAP_PLACE,
    )
    assert in_order(registry, chime("update"), dated, chime("retraction"))


def test_a_version_is_exact_as_a_float(registry):
    for row in (
        read(registry, chime("retraction")),
        read(registry, gbm("Fin_Pos", 115, "01:20:00", 0)),
    ):
        assert 0 <= row["version"] < 2**53
        assert int(float(row["version"])) == row["version"]
    assert row["version"] // RANK_STEP == 4


UNKNOWN_PLACE = "ivo://org.example.survey/alerts#9"


@pytest.mark.parametrize(
    ("word", "tense"),
    [
        ("current", "observation"),
        ("Archival", "observation"),
        ("TEST", "test"),
        (" Test ", "test"),
        ("injections", "injection"),
        ("Injection", "injection"),
        ("planned", "prediction"),
        ("commanded", "utility"),
        ("rehearsal", "unknown"),
        (7, "unknown"),
        (["current"], "unknown"),
    ],
)
def test_only_known_words_of_alert_tense_are_observations(registry, word, tense):
    raw = json_notices.gcn("newton/eye", id="7", alert_tense=word)
    assert read(registry, raw)["tense"] == tense


@pytest.mark.parametrize(
    ("name", "word", "tense"),
    [
        ("Alert_Tense", "Injections", "injection"),
        ("alert_tense", "rehearsal", "unknown"),
        ("AlertTense", "Test", "test"),
        ("is_test", "True", "test"),
        ("TestFlag", "1", "test"),
        ("Test", "false", "observation"),
        ("HardwareInjection", "yes", "injection"),
        ("simulated", "true", "injection"),
        ("Alert_Type", "TEST", "test"),
        ("AlertType", "Test", "test"),
        ("AlertType", "Follow-up of a galaxy", "observation"),
        ("Alert_Type", "rehearsal", "unknown"),
    ],
)
def test_a_param_in_any_spelling_says_that_it_is_no_observation(
    registry, name, word, tense
):
    raw = document(UNKNOWN_PLACE, params(**{name: word}), MAP_PLACE)
    assert read(registry, raw)["tense"] == tense


@pytest.mark.parametrize(
    ("role", "tense"),
    [
        ("", "observation"),
        ("Observation", "observation"),
        ("Test", "test"),
        ("injections", "injection"),
        ("drill", "unknown"),
    ],
)
def test_only_known_roles_are_observations(registry, role, tense):
    raw = document(UNKNOWN_PLACE, "", MAP_PLACE, role=f' role="{role}"')
    assert read(registry, raw)["tense"] == tense


@pytest.mark.parametrize(
    ("alert_type", "tense"),
    [
        ("INITIAL", "observation"),
        ("EARLY_WARNING", "observation"),
        ("PRELIMINARY", "observation"),
        ("REHEARSAL", "unknown"),
    ],
)
def test_an_unknown_alert_type_is_no_observation(registry, alert_type, tense):
    gw = json_notices.lvk(alert_type, json_notices.EVENT)
    burst = json_notices.gcn("newton/eye", id="7", alert_type=alert_type)
    assert read(registry, gw)["tense"] == tense
    assert read(registry, burst)["tense"] == tense


def test_a_retraction_with_an_unknown_word_for_its_type_still_retracts(registry):
    raw = json_notices.gcn("newton/eye", id="7", alert_type="Retraction (manual)")
    row = read(registry, raw)
    assert (row["kind"], row["tense"]) == ("retraction", "observation")


def test_a_hardware_injection_is_an_injection(registry):
    raw = document(
        "ivo://gwnet/LVC#S250304ab-1-Preliminary",
        params(GraceID="S250304ab", AlertType="Preliminary", HardwareInj=1),
    )
    assert read(registry, raw)["tense"] == "injection"


NOT_A_BURST = group("Test_mpos", params(Def_NOT_a_GRB="true"))


def test_integrals_flag_that_it_is_no_burst_retracts_the_event(registry):
    wakeup = gcn("INTEGRAL#Wakeup_Pos_9000-0-1", 53, MAP_PLACE, TrigID=9000)
    place = where(TIME, position(200.25, 11.5, -0.04))
    offline = gcn(
        "INTEGRAL#Offline_Pos_9000-1-2", 55, place, TrigID=74536, groups=NOT_A_BURST
    )
    assert in_order(registry, wakeup, offline)
    row = read(registry, offline)
    assert (row["kind"], row["error_raw"]) == ("retraction", None)


def test_the_same_flag_of_an_x_ray_transient_does_not_retract_it(registry):
    raw = gcn("SWIFT#BAT_Trans_Pos_5-1", 84, MAP_PLACE, TrigID=5, groups=NOT_A_BURST)
    assert read(registry, raw)["kind"] == "initial"


@pytest.mark.parametrize(
    "raw",
    [
        document("ivo://org.example.survey/alerts#9_Retracted"),
        document("ivo://org.example.survey/alerts#RETRACT_9"),
        document(UNKNOWN_PLACE, cites=cite("ivo://org.example.survey/a#8", "retracts")),
        document(UNKNOWN_PLACE, params(isRetracted="TRUE")),
        document(UNKNOWN_PLACE, params(Notice_Type="Retraction")),
        document(UNKNOWN_PLACE, params(Alert_Type="Cancelled")),
        json_notices.gcn("newton/eye", id="7", retracted=True),
        json_notices.gcn("newton/eye", id="7", alert_type=["withdrawn"]),
        json_notices.lvk("Cancelled", None),
        document("ivo://org.example.survey/alerts#9_retraction"),
        document(
            UNKNOWN_PLACE, cites=cite("ivo://org.example.survey/a#8", "Retraction")
        ),
        document(UNKNOWN_PLACE, params(Retraction=1, AlertType="Preliminary")),
        document(UNKNOWN_PLACE, params(Alert_Type="retraction")),
        json_notices.gcn("newton/eye", id="7", alert_type="RETRACTION"),
    ],
)
def test_a_retraction_is_recognised_in_every_form(registry, raw):
    assert read(registry, raw)["kind"] == "retraction"


def test_a_flag_that_is_false_retracts_nothing(registry):
    flags = params(Retraction="false", RetractFlag=0, Def_NOT_a_GRB="false")
    raw = document(UNKNOWN_PLACE, flags, MAP_PLACE)
    assert read(registry, raw)["kind"] == "initial"


@pytest.mark.parametrize(
    "changes",
    [
        {"superevent_id": "MS250304ab"},
        {"superevent_id": "ms250304ab"},
        {"event": json_notices.EVENT | {"search": "mdc"}},
    ],
)
def test_a_mock_superevent_of_lvk_is_an_injection(registry, changes):
    raw = json_notices.lvk("INITIAL", **{"event": json_notices.EVENT} | changes)
    assert read(registry, raw)["tense"] == "injection"


def test_a_retraction_without_a_number_is_the_last_of_its_second(registry):
    same = {"id": ["138900_77"], "alert_datetime": f"{DAY}T05:00:00Z"}
    topic = "icecube/single_neutrino_alerts"
    update = json_notices.gcn(topic, **same, record_number=3, alert_type="update")
    retraction = json_notices.gcn(topic, **same, alert_type="retraction")
    assert in_order(registry, update, retraction)


def test_notices_without_an_id_are_of_the_event_that_they_name(registry):
    notices = [
        json_notices.gcn(
            "newton/eye",
            event_name=name,
            alert_type=kind,
            alert_datetime=f"{DAY}T0{hour}:00:00Z",
        )
        for hour, (name, kind) in enumerate(
            [
                ("NE250304a", "initial"),
                (["NE250304a"], "update"),
                ("NE250304a", "retraction"),
            ]
        )
    ]
    assert in_order(registry, *notices)


def test_the_trigger_of_gbm_is_found_among_several_identifiers(registry):
    flight = json_notices.gcn(
        "fermi/gbm/alert", id=727000001, subtype="FLIGHT_POSITION"
    )
    ground = json_notices.gcn(
        "fermi/gbm/alert", id=["bn240115083", "727000001"], subtype="GROUND_POSITION"
    )
    assert in_order(registry, flight, ground)


def test_a_notice_of_others_that_names_a_superevent_is_not_one_of_lvk(registry):
    raw = json_notices.gcn("swift/bat/guano", superevent_id="S250304ab", id="3")
    row = read(registry, raw)
    assert (row["event_id"], row["messenger"]) == ("Guano-3", "grb")
    assert row["names"] == ["S250304AB"]


def test_a_search_for_a_mock_superevent_is_an_injection(registry):
    content = json.loads(json_notices.gcn("icecube/lvk_nu_track_search"))
    content |= {"ref_ID": "MS250304ab", "trigger_time": f"{DAY}T01:00:00Z"}
    assert read(registry, json.dumps(content).encode())["tense"] == "injection"
