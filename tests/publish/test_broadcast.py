# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Our broker: whom it serves, and that what it sends never comes back in."""

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

from fink_voevent.alerts.transient import of_coincidence
from fink_voevent.errors import ConfigError, NoticeError
from fink_voevent.ingest import parsing
from fink_voevent.listen.spool import sha256
from fink_voevent.notices import streams, voevent
from fink_voevent.publish.broadcast import networks
from fink_voevent.publish.compose import Cite, compose
from fink_voevent.publish.submit import submit
from fink_voevent.tables.schema import arrow_schema


@pytest.fixture
def serve(tmp_path):
    """Return what starts the broker: its ports, for subscribers and for VOEvents."""

    def started(**environment: str):
        out, receive = free_ports(2)
        ours = ("-m", "fink_voevent", "broadcast", "--port", str(out))
        ours += ("--receive-port", str(receive))
        given = {"VOEVENT_SPOOL": str(tmp_path), "VOEVENT_BROADCAST_TEST_S": "0"}
        return out, receive, program(*ours, **(given | environment))

    return started


def message(reader: socket.socket) -> bytes:
    """Next message of VTP; nothing where the broker has closed."""
    head = reader.recv(4, socket.MSG_WAITALL)
    if not head:
        return b""
    return reader.recv(struct.unpack("!I", head)[0], socket.MSG_WAITALL)


def is_ready(process) -> bool:
    return "subscribers of" in process.stdout.readline()


def test_who_is_not_allowed_is_not_served(serve):
    out, receive, running = serve(VOEVENT_BROADCAST_ALLOW="192.0.2.0/24")
    with running as process:
        wait_for(lambda: is_ready(process))
        with socket.create_connection(("127.0.0.1", out), 20) as reader:
            reader.settimeout(20)
            assert message(reader) == b""
        told = row()
        packet = compose(of_coincidence(told), AUTHOR, told)
        state = submit(("127.0.0.1", receive), packet.raw, 10).state
        assert state == "acknowledged"  # it lives


def test_tests_are_sent_at_an_interval_and_say_that_they_are(serve):
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


def test_what_we_sent_is_kept_apart_and_never_an_event(registry, datatest):
    told = row()
    ours = compose(of_coincidence(told), AUTHOR, told).raw
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
    assert (kept["raw"], kept["reason"]) == (ours, parsing.OWN)
    (event,) = rows["events"]
    assert event["sha256"] == sha256(theirs)


def test_what_comet_would_refuse_for_its_size_does_not_leave():
    told = row()
    cites = [Cite(f"ivo://org.example/{n:0100d}", "followup") for n in range(1500)]
    with pytest.raises(NoticeError, match="bytes, 99999 at most"):
        compose(of_coincidence(told), AUTHOR, told, cites)


def test_networks_are_read_and_a_faulty_one_is_named():
    assert [str(n) for n in networks("10.0.0.1/8, ::1")] == ["10.0.0.0/8", "::1/128"]
    with pytest.raises(ConfigError, match=r"VOEVENT_BROADCAST_ALLOW: here"):
        networks("10.0.0.0/8,here")


def test_a_closed_port_is_no_traceback(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ours = ("-m", "fink_voevent", "broadcast", "--port", port)
        with program(*ours, VOEVENT_SPOOL=str(tmp_path)) as process:
            text = process.stdout.read()
            assert process.wait(30) == 2
    assert "is another broker running" in text
    assert "Traceback" not in text
