# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Other programs, unmodified, subscribe to our broker."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

from helpers.kafka_broker import free_ports
from helpers.programs import program, wait_for
from helpers.routed_rows import AUTHOR, row

from fink_voevent.alerts.transient import from_coincidence
from fink_voevent.publish import author_socket
from fink_voevent.publish.compose import Citation, compose
from fink_voevent.publish.submit import Connect, submit


def test_pygcn_receives_what_we_broadcast(tmp_path):
    (out,) = free_ports(1)
    routed = row()
    citations = [Citation("ivo://org.example/grb#1", "followup")]
    packet = compose(from_coincidence(routed), AUTHOR, routed, citations)
    broadcast = (
        *("-m", "fink_voevent", "broadcast"),
        *("--port", str(out), "--local-ivo", AUTHOR.ivo),
    )
    environment = {"VOEVENT_BROADCAST_TEST_S": "0", "VOEVENT_SPOOL": str(tmp_path)}
    connect = partial(author_socket.connect, str(tmp_path))
    reader = str(Path(__file__).parents[1] / "helpers" / "pygcn_reader.py")
    with program(*broadcast, **environment) as sender:
        wait_for(lambda: "subscribers of" in sender.stdout.readline())
        with program(reader, str(out)) as receiver:
            wait_for(lambda: "connected" in receiver.stdout.readline())
            answer = submit(connect, packet.raw, 10)
            assert answer.state == "acknowledged"
            line = next(line for line in receiver.stdout if line.startswith("{"))
    received = json.loads(line)
    assert received == {
        "ivorn": packet.ivorn,
        "role": "observation",
        "bytes": len(packet.raw),
        "ra": routed["alert_ra"],
        "dec": routed["alert_dec"],
        "time": "2022-10-09T18:16:59.999",
        "p_chance": routed["p_chance"],
        "cites": [["ivo://org.example/grb#1", "followup"]],
    }


def test_comet_receives_the_same_bytes(tmp_path):
    (out,) = free_ports(1)
    routed = row()
    packet = compose(from_coincidence(routed), AUTHOR, routed)
    broadcast = (
        *("-m", "fink_voevent", "broadcast"),
        *("--port", str(out), "--local-ivo", AUTHOR.ivo),
    )
    saved = tmp_path / "saved"
    saved.mkdir()
    twistd = str(Path(sys.executable).with_name("twistd"))
    comet = (
        *(twistd, "-n", f"--pidfile={tmp_path}/pid", "comet", "-v"),
        *("--local-ivo=ivo://org.example/reader", f"--remote=127.0.0.1:{out}"),
        *("--save-event", f"--save-event-directory={saved}", f"--eventdb={tmp_path}"),
    )
    environment = {"VOEVENT_SPOOL": str(tmp_path / "spool")}
    connect = partial(author_socket.connect, str(tmp_path / "spool"))
    with (
        program(*broadcast, VOEVENT_BROADCAST_TEST_S="0", **environment),
        program(*comet) as reader,
    ):
        wait_for(lambda: submit_when_read(reader, connect, packet.raw), 60)
        wait_for(lambda: any(saved.iterdir()), 30)
        (found,) = saved.iterdir()
        wait_for(lambda: found.stat().st_size == len(packet.raw), 30)
        assert found.read_bytes() == packet.raw
        again = submit(connect, packet.raw, 10)
        assert again.state == "duplicate"
        invalid = packet.raw.replace(b'version="2.0" role', b'version="9" role')
        for _ in range(2):  # a refused VOEvent is not remembered as seen
            assert submit(connect, invalid, 10).state == "refused"


def submit_when_read(reader, connect: Connect, raw: bytes) -> bool:
    """Submit a packet if the reader has subscribed; return whether it was accepted."""
    if "Authenticate received" not in reader.stdout.readline():
        return False
    return submit(connect, raw, 10).state == "acknowledged"
