# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Other programs, unmodified, subscribe to our broker."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import sys
import time
from functools import partial
from pathlib import Path

from helpers.kafka_broker import free_ports
from helpers.programs import program, wait_for
from helpers.routed_rows import AUTHOR, commit_rows, row

from fink_voevent.alerts.transient import from_coincidence
from fink_voevent.notices import voevent
from fink_voevent.publish import author_socket
from fink_voevent.publish.compose import Citation, compose
from fink_voevent.publish.outbox import BULK, Outbox
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
        wait_for(lambda: submit_when_read(reader, connect, packet.raw))
        wait_for(lambda: any(saved.iterdir()))
        (found,) = saved.iterdir()
        wait_for(lambda: found.stat().st_size == len(packet.raw))
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


def test_coincidences_arrive_while_126_alerts_of_files_wait(tmp_path, datatest):
    """With the programs themselves: broadcast, publish, and publish FILE."""
    (out,) = free_ports(1)
    environment = {
        "VOEVENT_SPOOL": str(tmp_path / "spool"),
        "VOEVENT_DATA_PREFIX": str(tmp_path / "data"),
        "VOEVENT_LOCAL_IVO": AUTHOR.ivo,
        "VOEVENT_BROADCAST_TEST_S": "0",
        "VOEVENT_PUBLISH": "grb_bronze",
        "VOEVENT_PUBLISH_DRY_RUN": "false",
        "VOEVENT_PUBLISH_PER_HOUR": "20",
    }
    root = str(tmp_path / "data" / "voevent")
    command = ("-m", "fink_voevent")
    files = (*command, "publish", str(datatest / "rubin"))
    with (
        program(*command, "broadcast", "--port", str(out), **environment) as sender,
        contextlib.closing(Outbox(environment["VOEVENT_SPOOL"])) as outbox,
    ):
        wait_for(lambda: "subscribers of" in sender.stdout.readline())
        with (
            socket.create_connection(("127.0.0.1", out), 60) as reader,
            program(*files, **environment),
        ):
            # the hour is full for alerts of files
            wait_for(lambda: outbox.count_accepted(0, (BULK,)) == 20)
            wait_for(lambda: outbox.count_pending((BULK,)) == 106)
            with program(*command, "publish", **environment) as publisher:
                commit_rows(root, 0, [row(1), row(2)])
                committed = time.monotonic()
                received = read_until(reader, lambda raws: len(raws) == 22)
                commit_rows(root, 1, [row(1, batch=1, status="retracted")])
                received += read_until(reader, lambda raws: len(raws) == 1)
                waited_s = time.monotonic() - committed
                assert publisher.poll() is None
    documents = [voevent.read(raw) for raw in received]
    assert [d.values["survey"] for d in documents] == ["rubin"] * 20 + ["ztf"] * 3
    assert [d.values["status"] for d in documents[20:]] == ["new", "new", "retracted"]
    assert waited_s < 600  # of an hour; most is the start of a program


def read_until(reader: socket.socket, test) -> list[bytes]:
    """Read VOEvents, acknowledge them, and return them once a test is true."""
    found: list[bytes] = []
    while not test(found):
        (length,) = struct.unpack("!I", reader.recv(4, socket.MSG_WAITALL))
        raw = reader.recv(length, socket.MSG_WAITALL)
        if b"Transport" not in raw:
            found.append(raw)
            answer = b'<Transport role="ack"/>'
            reader.sendall(struct.pack("!I", len(answer)) + answer)
    return found
