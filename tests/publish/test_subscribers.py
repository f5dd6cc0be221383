# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Other programs that subscribe to our broker."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from helpers.kafka_broker import free_ports
from helpers.programs import program, wait_for
from helpers.routed_rows import AUTHOR, row

from fink_voevent.alerts.transient import of_coincidence
from fink_voevent.publish.compose import Cite, compose
from fink_voevent.publish.submit import submit


def test_pygcn_receives_what_we_broadcast(tmp_path):
    receive, out = free_ports(2)
    told = row()
    cites = [Cite("ivo://org.example/grb#1", "followup")]
    packet = compose(of_coincidence(told), AUTHOR, told, cites)
    ours = (
        *("-m", "fink_voevent", "broadcast"),
        *("--port", str(out), "--receive-port", str(receive)),
    )
    environment = {"VOEVENT_BROADCAST_TEST_S": "0", "VOEVENT_SPOOL": str(tmp_path)}
    reader = str(Path(__file__).parents[1] / "helpers" / "pygcn_reader.py")
    with program(*ours, **environment) as sender:
        wait_for(lambda: "subscribers of" in sender.stdout.readline())
        with program(reader, str(out)) as receiver:
            wait_for(lambda: "connected" in receiver.stdout.readline())
            answer = submit(("127.0.0.1", receive), packet.raw, 10)
            assert answer.state == "acknowledged"
            line = next(line for line in receiver.stdout if line.startswith("{"))
    read_there = json.loads(line)
    assert read_there == {
        "ivorn": packet.ivorn,
        "role": "observation",
        "bytes": len(packet.raw),
        "ra": told["alert_ra"],
        "dec": told["alert_dec"],
        "time": "2022-10-09T18:16:59.999000",
        "p_chance": told["p_chance"],
        "cites": [["ivo://org.example/grb#1", "followup"]],
    }


def test_an_unmodified_comet_receives_the_very_bytes(tmp_path):
    receive, out = free_ports(2)
    told = row()
    packet = compose(of_coincidence(told), AUTHOR, told)
    ours = (
        *("-m", "fink_voevent", "broadcast"),
        *("--port", str(out), "--receive-port", str(receive)),
    )
    kept = tmp_path / "kept"
    kept.mkdir()
    twistd = str(Path(sys.executable).with_name("twistd"))
    comet = (
        *(twistd, "-n", f"--pidfile={tmp_path}/pid", "comet", "-v"),
        *("--local-ivo=ivo://org.example/reader", f"--remote=127.0.0.1:{out}"),
        *("--save-event", f"--save-event-directory={kept}", f"--eventdb={tmp_path}"),
    )
    environment = {"VOEVENT_SPOOL": str(tmp_path / "spool")}
    with (
        program(*ours, VOEVENT_BROADCAST_TEST_S="0", **environment),
        program(*comet) as reader,
    ):
        wait_for(lambda: submit_when_read(reader, receive, packet.raw), 60)
        wait_for(lambda: any(kept.iterdir()), 30)
        (found,) = kept.iterdir()
        wait_for(lambda: found.stat().st_size == len(packet.raw), 30)
        assert found.read_bytes() == packet.raw
        again = submit(("127.0.0.1", receive), packet.raw, 10)
        assert again.state == "duplicate"
        invalid = packet.raw.replace(b'version="2.0" role', b'version="9" role')
        for _ in range(2):  # what is refused is not remembered as seen
            assert submit(("127.0.0.1", receive), invalid, 10).state == "refused"


def submit_when_read(reader, port: int, raw: bytes) -> bool:
    """Submit once the reader has subscribed."""
    if "Authenticate received" not in reader.stdout.readline():
        return False
    return submit(("127.0.0.1", port), raw, 10).state == "acknowledged"
