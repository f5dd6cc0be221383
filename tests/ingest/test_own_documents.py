# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What we publish never becomes an event, whatever its format and its way back."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime, timezone

import pyarrow as pa
import pytest
from comet.utility import broker_test_message
from helpers.routed_rows import AUTHOR, T0, row

from fink_voevent.alerts.transient import from_coincidence
from fink_voevent.ingest import conversion
from fink_voevent.listen.spool import sha256
from fink_voevent.notices import own, streams
from fink_voevent.publish.compose import compose
from fink_voevent.route import gcn_notice
from fink_voevent.tables.schema import arrow_schema

SCHEMAS = [
    "https://gcn.nasa.gov/schema/v4/gcn/notices/fink/coincidence.schema.json",
    "https://gcn.nasa.gov/schema/main/gcn/notices/einstein_probe/wxt/alert.schema.json",
    "https://gcn.nasa.gov/schema/v6.0.0/gcn/notices/core/FollowUp.schema.json",
    "https://gcn.nasa.gov/schema/v4/gcn/notices/svom/grm.schema.json",
]


def read(*raws: bytes, transport: str = "vtp", authority: str = AUTHOR.ivo):
    """Convert documents; return the events and the rows of quarantine."""
    landed = [
        {
            "received_at": datetime(2026, 1, 1, tzinfo=timezone.utc),
            "transport": transport,
            "source": "x",
            "format": "voevent",
            "sha256": sha256(raw),
            "raw": raw,
        }
        for raw in raws
    ]
    batch = pa.RecordBatch.from_pylist(landed, schema=arrow_schema("landing"))
    registry = dataclasses.replace(
        streams.load(), our_authority=streams.authority(authority)
    )
    rows, reasons = conversion.convert(batch, registry)
    set_aside = conversion.quarantine(batch, reasons)
    return rows.events.to_pylist(), set_aside.to_pylist()


def our_voevent(with_coincidence: bool = True) -> bytes:
    routed = row()
    pair = routed if with_coincidence else None
    return compose(from_coincidence(routed), AUTHOR, pair).raw


def our_notice(**changes) -> dict:
    iso = T0.isoformat()
    names = ("event_time", "alert_time", "notice_received_at")
    unknown = dict.fromkeys(gcn_notice.COINCIDENCE_FIELDS)
    pair = unknown | row() | dict.fromkeys(names, iso)
    pair |= {"related_event_ids": [], "background_id": "b", "packet_missing": True}
    return gcn_notice.compose({"coincidence": pair}) | changes


@pytest.mark.parametrize("transport", ["vtp", "kafka", "file"])
def test_ours_is_set_aside_and_what_is_not_is_an_event(datatest, transport):
    theirs = (datatest / "voevents" / "gbm_test.xml").read_bytes()
    events, set_aside = read(our_voevent(), theirs, transport=transport)
    assert [event["sha256"] for event in events] == [sha256(theirs)]
    (kept,) = set_aside
    assert (kept["raw"], kept["reason"]) == (our_voevent(), own.OWN)


@pytest.mark.parametrize(
    "ivorn",
    [
        "ivo://ORG.EXAMPLE/FINK#x",
        "IVO://org.example/another/stream#x",
        "ivo://org.example#x",
        "ivo://org.example?x",
        " ivo://org.example/fink#x ",
        "ivo:///org.example/fink#x",
    ],
)
def test_every_identifier_of_our_authority_is_ours(datatest, ivorn):
    theirs = (datatest / "voevents" / "gbm_test.xml").read_bytes()
    start = theirs.index(b'ivorn="') + 7
    raw = theirs[:start] + ivorn.encode() + theirs[theirs.index(b'"', start) :]
    events, (kept,) = read(raw)
    assert (events, kept["reason"]) == ([], own.OWN)
    events, set_aside = read(raw, authority="ivo://org.example.other/fink")
    assert (len(events), set_aside) == (1, [])


@pytest.mark.parametrize("with_coincidence", [True, False])
def test_a_voevent_of_fink_with_another_authority_is_no_event(with_coincidence):
    events, (kept,) = read(
        our_voevent(with_coincidence), authority="ivo://org.example.new/fink"
    )
    assert (events, kept["reason"]) == ([], own.OWN_FORM)


@pytest.mark.parametrize("schema", [*SCHEMAS, None, "x"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ra": 10.0, "dec": 20.0, "trigger_time": "2024-01-15T02:00:00Z"},
        {"mission": "FINK"},
        {"mission": "other"},
        {"alert_tense": "test"},
        {"ref_ID": ["a", "b"]},
    ],
    ids=str,
)
def test_our_json_notices_are_no_events_with_any_schema(schema, changes):
    notice = our_notice(**changes) | ({} if schema is None else {"$schema": schema})
    for text in (
        json.dumps(notice),
        json.dumps(notice, indent=2),
        json.dumps([notice]),
    ):
        events, (kept,) = read(text.encode(), transport="kafka")
        assert events == []
        if not text.startswith("["):
            assert kept["reason"] == own.OWN_FORM


def test_a_notice_of_another_mission_with_the_same_schema_is_an_event():
    notice = {
        "$schema": SCHEMAS[1],
        "mission": "Einstein Probe",
        "id": ["EP1"],
        "alert_datetime": "2024-01-15T03:00:00Z",
        "trigger_time": "2024-01-15T02:00:00Z",
        "ra": 10.0,
        "dec": 10.0,
        "ra_dec_error": 1.0,
    }
    events, set_aside = read(json.dumps(notice).encode(), transport="kafka")
    assert (len(events), set_aside) == (1, [])


def test_the_hourly_test_events_of_our_broker_are_not_in_quarantine():
    ours = broker_test_message(AUTHOR.ivo).raw_bytes
    assert read(ours) == ([], [])
    theirs = broker_test_message("ivo://org.example.other/fink").raw_bytes
    events, set_aside = read(theirs)
    assert ([event["tense"] for event in events], set_aside) == (["test"], [])
