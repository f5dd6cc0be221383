# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Our VTP broker: whom it serves, and that its VOEvents are not ingested again."""

from __future__ import annotations

import dataclasses
import socket
import struct
from datetime import datetime, timezone

import pyarrow as pa
import pytest
from helpers.kafka_broker import free_ports
from helpers.programs import program, wait_for
from helpers.routed_rows import AUTHOR, row

from fink_voevent.alerts.transient import from_coincidence
from fink_voevent.errors import ConfigError, NoticeError
from fink_voevent.ingest import conversion, parsing
from fink_voevent.listen.spool import sha256
from fink_voevent.notices import streams, voevent
from fink_voevent.publish.broadcast import parse_networks
from fink_voevent.publish.compose import Citation, compose
from fink_voevent.publish.submit import submit
from fink_voevent.tables.schema import arrow_schema


@pytest.fixture
def serve(tmp_path):
    """Return a function that starts the broker.

    It returns the ports for subscribers and for VOEvents, and the program.
    """

    def start(**environment: str):
        out, receive = free_ports(2)
        arguments = ("-m", "fink_voevent", "broadcast", "--port", str(out))
        arguments += ("--receive-port", str(receive))
        defaults = {"VOEVENT_SPOOL": str(tmp_path), "VOEVENT_BROADCAST_TEST_S": "0"}
        return out, receive, program(*arguments, **(defaults | environment))

    return start


def message(reader: socket.socket) -> bytes:
    """Read the next VTP message; empty if the broker has closed the connection."""
    head = reader.recv(4, socket.MSG_WAITALL)
    if not head:
        return b""
    return reader.recv(struct.unpack("!I", head)[0], socket.MSG_WAITALL)


def is_ready(process) -> bool:
    return "subscribers of" in process.stdout.readline()


def test_a_subscriber_of_another_network_is_not_served(serve):
    out, receive, running = serve(VOEVENT_BROADCAST_ALLOW="192.0.2.0/24")
    with running as process:
        wait_for(lambda: is_ready(process))
        with socket.create_connection(("127.0.0.1", out), 20) as reader:
            reader.settimeout(20)
            assert message(reader) == b""
        routed = row()
        packet = compose(from_coincidence(routed), AUTHOR, routed)
        state = submit(("127.0.0.1", receive), packet.raw, 10).state
        assert state == "acknowledged"  # the broker still runs


def test_test_voevents_are_sent_at_an_interval(serve):
    out, _, running = serve(VOEVENT_BROADCAST_TEST_S="1")
    with running as process:
        wait_for(lambda: is_ready(process))
        with socket.create_connection(("127.0.0.1", out), 20) as reader:
            reader.settimeout(20)
            found: set[bytes] = set()
            while len(found) < 2:
                raw = message(reader)
                if b"VOEvent" in raw and b"Transport" not in raw:
                    found.add(raw)
    documents = [voevent.read(raw) for raw in found]
    assert {d.role for d in documents} == {"test"}
    assert len({d.ivorn for d in documents}) == 2


def test_our_own_voevents_are_quarantined_and_are_not_events(registry, datatest):
    routed = row()
    ours = compose(from_coincidence(routed), AUTHOR, routed).raw
    theirs = (datatest / "voevents" / "gbm_test.xml").read_bytes()
    landed = [
        {
            "received_at": datetime(2026, 1, 1, tzinfo=timezone.utc),
            "transport": "vtp",
            "source": "x",
            "format": "voevent",
            "sha256": sha256(raw),
            "raw": raw,
        }
        for raw in (ours, theirs)
    ]
    batch = pa.RecordBatch.from_pylist(landed, schema=arrow_schema("landing"))
    guarded = dataclasses.replace(registry, our_authority=streams.authority(AUTHOR.ivo))
    rows = {
        table: part.to_pylist() for table, part in parsing.parse_batch(batch, guarded)
    }
    (kept,) = rows["quarantine"]
    assert (kept["raw"], kept["reason"]) == (ours, conversion.OWN)
    (event,) = rows["events"]
    assert event["sha256"] == sha256(theirs)


def test_a_voevent_that_is_too_large_for_comet_is_refused():
    routed = row()
    citations = [Citation(f"ivo://org.example/{0:0100000d}", "followup")]
    with pytest.raises(NoticeError, match="bytes; the limit is 99999"):
        compose(from_coincidence(routed), AUTHOR, routed, citations)


def test_networks_are_parsed_and_the_error_names_a_faulty_one():
    assert [str(n) for n in parse_networks("10.0.0.1/8, ::1")] == [
        "10.0.0.0/8",
        "::1/128",
    ]
    with pytest.raises(ConfigError, match=r"VOEVENT_BROADCAST_ALLOW: here"):
        parse_networks("10.0.0.0/8,here")


def test_a_port_in_use_is_an_error_without_traceback(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = ("-m", "fink_voevent", "broadcast", "--port", port)
        with program(*arguments, VOEVENT_SPOOL=str(tmp_path)) as process:
            text = process.stdout.read()
            assert process.wait(30) == 2
    assert "is another broker running" in text
    assert "Traceback" not in text
