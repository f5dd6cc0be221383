# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Nobody speaks for another: forged documents change no event, and are reported."""

from __future__ import annotations

import json
import re
from pathlib import Path

import json_notices
import notices
import pytest
from helpers.hostile import gcn_json
from helpers.received import Received
from hypothesis import given, settings
from hypothesis import strategies as st

HONEST, OTHER = "honest.example:8099", "hostile.example:8099"
STREAM = "ivo://honest.obs/stream"
GBM = "ivo://nasa.gsfc.gcn/Fermi#GBM_Fin_Pos_2024-01-15T02:00:00.00_727000001_{}-115"
GCN = "gcn/gcn.classic.voevent.FERMI_GBM_FIN_POS"


def document(ivorn, place=None, cites=(), date="2024-01-15T02:10:00", params=()):
    """Return a VOEvent."""
    values = tuple((name, str(value), "") for name, value in params)
    time = "2024-01-15T02:00:00"
    return notices.xml(
        notices.Notice("", ivorn, date, time, values, place, cites=tuple(cites))
    ).encode()


def gbm(sequence, place, date="2024-01-15T02:10:00", ivorn=None) -> bytes:
    params = [("Packet_Type", 115), ("TrigID", 727000001), ("Coords_Type", 1)]
    return document(
        ivorn or GBM.format(sequence),
        place,
        date=date,
        params=[*params, ("Sequence_Num", sequence)],
    )


HONEST_EVENTS = {
    "GBM-727000001": (50.0, 10.0, "update"),
    f"{STREAM}#A1": (200.0, 20.0, "initial"),
    f"{STREAM}#A2": (300.0, 30.0, "initial"),
    f"{STREAM}#A3": (120.0, 40.0, "initial"),
}
LATE = "2024-01-15T02:20:00"
FORGED = {
    "a retraction of another publisher": document(
        "ivo://evil.example/x#1", cites=[(f"{STREAM}#A1", "retraction")], date=LATE
    ),
    "a notice of another publisher that supersedes": document(
        "ivo://evil.example/x#2",
        (301.5, 32.0, 0.5),
        [(f"{STREAM}#A2", "supersedes")],
        LATE,
    ),
    "a retraction of a named event": document(
        "ivo://evil.example/x#3", cites=[(GBM.format(0), "retraction")], date=LATE
    ),
    "a free counter": gbm(999999, (90.0, -20.0, 0.5), LATE),
    "another identifier of the publisher": gbm(
        1, (90.0, -20.0, 0.5), LATE, "ivo://nasa.gsfc.gcn/Fermi#GBM_Fin_Pos_evil"
    ),
    "an unknown type of a known authority": document(
        "ivo://nasa.gsfc.gcn/Fermi#New_Type", (9.0, 9.0, 0.5), date=LATE
    ),
    "an identifier that was used before": document(
        f"{STREAM}#A3", (120.0, 40.0, 0.5), [(f"{STREAM}#A2", "supersedes")], LATE
    ),
    "upper case": document(
        "ivo://HONEST.obs/Stream#A9",
        (1.0, 1.0, 0.5),
        [(f"{STREAM}#A1", "retraction")],
        LATE,
    ),
    "a topic with the name of a mission": gcn_json(
        **{"$schema": "https://gcn.nasa.gov/schema/gcn/notices/GBM.schema.json"},
        id=["727000001"],
        alert_type="retraction",
    ),
    "a superevent with the name of a burst": json.dumps(
        {
            "superevent_id": "GBM-727000001",
            "alert_type": "RETRACTION",
            "time_created": "2024-01-15T02:20:00Z",
        }
    ).encode(),
    "a reference with the name of a burst": gcn_json(
        **{
            "$schema": "https://gcn.nasa.gov/schema/gcn/notices/icecube/"
            "lvk_nu_track_search.schema.json"
        },
        ref_ID="GBM-727000001",
        alert_type="retraction",
    ),
    "a stream of nearly that name": document(
        "ivo://km3netx.example/x#1", (9.0, 9.0, 0.5), params=[("Event_Name", "K1")]
    ),
}


@pytest.fixture
def received(tmp_path: Path) -> Received:
    """Honest events of two publishers, each from the source that may speak for it."""
    found = Received(tmp_path, f"{HONEST},{OTHER},gcn://T")
    found.send(GCN, gbm(0, (50.0, 10.0, 0.5)), transport="kafka")
    for name, (ra, dec, _) in HONEST_EVENTS.items():
        if name.startswith(STREAM):
            found.send(HONEST, document(name, (ra, dec, 0.5)))
    assert found.places() == HONEST_EVENTS
    assert found.warnings == []
    return found


@pytest.mark.parametrize("raw", FORGED.values(), ids=FORGED)
def test_a_forged_document_changes_no_honest_event(received, raw):
    change = received.send(OTHER, raw)
    assert not HONEST_EVENTS.keys() & {*change.before, *change.after}
    assert HONEST_EVENTS.items() <= received.places().items()
    assert len(received.rows["events"]) == 5  # it is kept, and listed


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(list(FORGED)))
def test_forged_documents_in_any_order_and_first_change_no_honest_event(
    tmp_path_factory, order
):
    """They land before all honest ones, in one batch."""
    found = Received(
        tmp_path_factory.mktemp("sky"), f"{HONEST}={STREAM},{OTHER},gcn://T"
    )
    found.send(OTHER, *(FORGED[name] for name in order))
    found.send(GCN, gbm(0, (50.0, 10.0, 0.5)), transport="kafka")
    for name, (ra, dec, _) in HONEST_EVENTS.items():
        if name.startswith(STREAM):
            found.send(HONEST, document(name, (ra, dec, 0.5)))
    places = found.places()
    assert HONEST_EVENTS.items() <= places.items()
    own = {"ivo://evil.example/x#2", "ivo://km3netx.example/x#1"}
    assert places.keys() - HONEST_EVENTS.keys() == own


def test_all_from_one_source_that_may_speak_for_both_still_keep_apart(tmp_path):
    """The publishers are honest, and one of them cites the other's notices."""
    found = Received(tmp_path, f"{OTHER}=ivo://*")
    found.send(OTHER, gbm(0, (50.0, 10.0, 0.5)))
    for name, (ra, dec, _) in HONEST_EVENTS.items():
        if name.startswith(STREAM):
            found.send(OTHER, document(name, (ra, dec, 0.5)))
    foreign = [
        name for name in FORGED if "free" not in name and "identifier" not in name
    ]
    for name in foreign:
        if name not in ("upper case",):  # that is the same publisher
            found.send(OTHER, FORGED[name])
    assert HONEST_EVENTS.items() <= found.places().items()
    assert found.warnings == []


def test_a_coincidence_of_lvk_is_related_to_the_burst_that_it_cites(received):
    """Unless the notice of LVK comes from a source that may not speak for it."""
    coincidence = {"ivorn": GBM.format(0), "observatory": "Fermi", "gcn_notice_id": 1}
    wave = json_notices.lvk("UPDATE", json_notices.EVENT, external_coinc=coincidence)
    received.send(OTHER, wave)
    burst, superevent = "GBM-727000001", json.loads(wave)["superevent_id"]
    assert received.current.states[burst].related_event_ids == ()
    change = received.send("gcn/igwn.gwalert", wave, transport="kafka")
    assert change.changed == sorted([burst, superevent])
    assert change.after[burst].related_event_ids == (superevent,)
    assert change.after[superevent].related_event_ids == (burst,)


def test_the_real_update_counts_after_forged_ones(received):
    received.send(OTHER, *FORGED.values())
    update = gbm(2, (50.02, 10.02, 0.4), "2024-01-15T02:30:00")
    received.send(GCN, update, transport="kafka")
    assert received.places()["GBM-727000001"][:2] == (50.02, 10.02)


def test_the_operator_sees_who_carries_what_and_the_line_to_add(received):
    received.send(OTHER, FORGED["a free counter"])
    received.send(OTHER, FORGED["an identifier that was used before"])
    fermi, honest = received.warnings
    assert fermi == (
        f"{OTHER} carries notices of fermi, which belongs to {GCN_SOURCE}: they are"
        f" kept and change nothing. If {OTHER} may speak for it, set VOEVENT_SOURCES="
        f"'{HONEST},{OTHER}=ivo://nasa.gsfc.gcn/fermi,gcn://T'"
    )
    assert f"which belongs to {HONEST}" in honest
    line = re.search(r"VOEVENT_SOURCES='(.*)'", honest)[1]
    assert line == f"{HONEST}={STREAM},{OTHER}={STREAM},gcn://T"


GCN_SOURCE = GCN.replace("gcn/", "gcn://", 1)


def test_a_line_to_add_is_the_setting_that_makes_the_source_count(received):
    forged = FORGED["a free counter"]
    received.send(OTHER, forged)
    line = re.search(r"VOEVENT_SOURCES='(.*)'", received.warnings[-1])[1]
    change = received.set_sources(line)
    assert change.changed == ["GBM-727000001"]
    assert received.places()["GBM-727000001"][:2] == (90.0, -20.0)
    back = received.set_sources(f"{HONEST},{OTHER},gcn://T")
    assert back.changed == ["GBM-727000001"]
    assert received.places() == HONEST_EVENTS


def test_an_ivorn_that_a_shell_would_run_is_in_no_line_to_add(received):
    raw = document("ivo://honest.obs/$(reboot)';x#1", (9.0, 9.0, 0.5))
    received.send(HONEST, raw)
    received.send(OTHER, raw)
    (text,) = received.warnings
    assert "VOEVENT_SOURCES" not in text
    assert "cannot be written in a setting" in text


def test_a_flood_of_publishers_is_a_few_lines(received):
    flood = [document(f"ivo://nasa.gsfc.gcn/x{n}#1") for n in range(50)]
    received.send(OTHER, *flood)
    assert len(received.warnings) == 11
    assert received.warnings[-1].startswith("40 more publishers")


def test_gcn_over_vtp_and_kafka_is_one_source_if_the_operator_says_so(tmp_path):
    raw = gbm(0, (50.0, 10.0, 0.5))
    found = Received(tmp_path, f"{HONEST},gcn://T")
    assert found.send(HONEST, raw).changed == []
    assert "fermi" in found.warnings[0]
    assert found.send(GCN, raw, transport="kafka").changed == ["GBM-727000001"]
    assert len(found.rows["events"]) == len(found.rows["copies"]) == 1
    (state,) = found.current.states.values()
    assert state.notice.source == GCN_SOURCE
    change = found.set_sources(f"gcn={HONEST},gcn://T")
    (state,) = found.current.states.values()
    assert state.notice.source == HONEST  # which was first
    assert change.changed == ["GBM-727000001"]
    later = gbm(2, (50.02, 10.02, 0.4), "2024-01-15T02:30:00")
    assert found.send(HONEST, later).changed == ["GBM-727000001"]
    assert found.send(GCN, later, transport="kafka").changed == []


def numbered(number: int) -> bytes:
    return document(f"{STREAM}#B{number}", (10.0 * number, 5.0, 0.5))


@pytest.mark.parametrize("broker", ["gcn", "k.example:9092"])
def test_topics_of_one_broker_are_one_source_and_reported_once(tmp_path, broker):
    """The publisher is not known: its topics belong to the broker that was first."""
    found = Received(tmp_path, f"{HONEST},gcn://^x,kafka://k.example:9092/x1")
    for number in (1, 2, 3):
        found.send(f"{broker}/x{number}", numbered(number), transport="kafka")
    assert found.places().keys() == {f"{STREAM}#B{n}" for n in (1, 2, 3)}
    assert found.log == []
    found.send(HONEST, numbered(4))
    assert len(found.warnings) == 1
    found.send(HONEST, numbered(5))
    assert len(found.warnings) == 1


def test_topics_of_a_broker_that_may_not_speak_are_one_warning(tmp_path):
    """The line that it gives is that of all its topics of one setting."""
    setting = f"{HONEST},kafka://k.example:9092/x1+x2+x3"
    found = Received(tmp_path, setting)
    found.send(HONEST, numbered(0))
    found.send("k.example:9092/x1", numbered(1), transport="kafka")
    for number in (2, 3):
        found.send(f"k.example:9092/x{number}", numbered(number), transport="kafka")
    (warning,) = found.warnings
    line = re.search(r"VOEVENT_SOURCES='(.*)'", warning)[1]
    assert line == f"{HONEST}={STREAM},kafka://k.example:9092/x1+x2+x3={STREAM}"
    found.set_sources(line)
    assert found.places().keys() == {f"{STREAM}#B{n}" for n in range(4)}
    named = [text for is_warning, text in found.log if not is_warning]
    assert len(named) == 2  # one for each setting


def test_a_first_start_with_a_hostile_source_is_mended_by_the_line(tmp_path):
    genuine = document(f"{STREAM}#A1", (200.0, 20.0, 0.5))
    forged = document(f"{STREAM}#A2", (9.0, 9.0, 0.5))
    found = Received(tmp_path, f"{OTHER},{HONEST}")
    found.send(OTHER, genuine, forged)
    found.send(HONEST, genuine)
    (warning,) = found.warnings
    assert warning.startswith(f"{HONEST} carries notices of {STREAM}, which belongs to")
    found.set_sources(f"{OTHER},{HONEST}={STREAM}")
    assert found.places() == {f"{STREAM}#A1": (200.0, 20.0, "initial")}
    found.set_sources(f"{OTHER},{HONEST}")  # what was said remains
    assert found.places() == {f"{STREAM}#A1": (200.0, 20.0, "initial")}


def test_a_publisher_that_streams_toml_knows_is_never_won_by_first_use(tmp_path):
    found = Received(tmp_path, f"{OTHER},{HONEST}")
    assert found.send(OTHER, gbm(0, (50.0, 10.0, 0.5))).changed == []
    assert found.send(HONEST, gbm(0, (50.0, 10.0, 0.5))).changed == []
    assert len(found.warnings) == 2


def test_standard_input_and_files_of_others_are_sources_and_files_are_the_operators(
    tmp_path,
):
    raws = [gbm(n, (50.0 + n, 10.0, 0.5)) for n in range(3)]
    found = Received(tmp_path, "")
    assert found.send("stdin", raws[0], transport="stdin").changed == []
    assert found.send("/x.parquet", raws[1], transport="parquet").changed == []
    assert found.send("/x.xml", raws[2], transport="file").changed == ["GBM-727000001"]
    assert {row["source"] for row in found.rows["events"]} == {
        "land",
        "parquet",
        "files",
    }
    change = found.set_sources("land=ivo://nasa.gsfc.gcn/fermi")
    assert "land may speak for fermi" in found.log[-1][1]
    assert change.changed in ([], ["GBM-727000001"])


def test_files_do_not_win_a_publisher(tmp_path):
    found = Received(tmp_path, HONEST)
    found.send("/x.xml", document(f"{STREAM}#A1"), transport="file")
    found.send(HONEST, document(f"{STREAM}#A2", (1.0, 1.0, 0.5)))
    assert found.warnings == []
    assert found.places().keys() == {f"{STREAM}#A2"}


def test_an_issue_time_of_the_future_is_not_believed(tmp_path):
    found = Received(tmp_path, HONEST)
    name = f"{STREAM}#A1"
    cites = [(name, "supersedes")]
    found.send(HONEST, document(name, (1.0, 1.0, 0.5)))
    future = document(f"{STREAM}#A2", (2.0, 2.0, 0.5), cites, "2124-01-15T00:00:00")
    found.send(HONEST, future)
    assert found.places() == {name: (2.0, 2.0, "update")}
    last = document(f"{STREAM}#A3", (3.0, 3.0, 0.5), cites, "2024-01-15T02:40:00")
    found.send(HONEST, last, minutes=20)
    assert found.places() == {name: (3.0, 3.0, "update")}
    assert found.rows["events"][1]["issued"].year == 2124  # as it was written


def test_a_clock_that_is_a_little_fast_is_believed(tmp_path):
    found = Received(tmp_path, HONEST)
    found.send(HONEST, document(f"{STREAM}#A1", date="2024-01-15T02:34:00"))
    (row,) = found.rows["events"]
    assert row["version"] == row["issued"].timestamp() * 1000


def test_the_shows_from_one_source_that_nobody_has_named_change_no_honest_event(
    tmp_path,
):
    """Of GCN's publishers it is not the source; the other one belongs to it."""
    found = Received(tmp_path, OTHER)
    honest = {n: p for n, p in HONEST_EVENTS.items() if n.startswith(STREAM)}
    found.send(OTHER, gbm(0, (50.0, 10.0, 0.5)))
    for name, (ra, dec, _) in honest.items():
        found.send(OTHER, document(name, (ra, dec, 0.5)))
    before = {name: found.current.states[name] for name in honest}
    found.send(OTHER, *(raw for name, raw in FORGED.items() if name != "upper case"))
    assert before.items() <= dict(found.current.states).items()
    assert "GBM-727000001" not in found.current.states


def test_an_element_in_another_encoding_is_not_the_same_notice(received):
    """Or the wrong text would be that of the notice once the right one has come."""
    raw = document(f"{STREAM}#A7", (9.0, 9.0, 0.5), params=[("name", "Mérope")])
    _, _, element = raw.partition(b"?>")
    received.send(OTHER, b'<?xml version="1.0" encoding="ISO-8859-1"?>' + element)
    received.send(HONEST, raw)
    state = received.current.states[f"{STREAM}#A7"]
    rows = {row["notice_id"]: row for row in received.rows["events"]}
    assert rows[state.notice_id]["params"][0]["value"] == "Mérope"
    received.send(OTHER, element)  # without a declaration: the same
    assert len(received.rows["copies"]) == 1
