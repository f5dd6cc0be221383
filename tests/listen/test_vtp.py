# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""VOEvents are received over VTP, from Comet's broadcaster and from a raw socket."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from comet.protocol.messages import authenticate, iamalive
from helpers.programs import broadcaster, listener, program, wait_for
from lxml import etree

from fink_voevent.listen.spool import Spool
from fink_voevent.listen.vtp import claimed_ivorn, first_element

LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol">'
    + b"".join(
        b'<!ENTITY %c "%s">' % (97 + i, b"&%c;" % (96 + i) * 10) for i in range(1, 10)
    )
    + b']><VOEvent ivorn="ivo://a/b#laughs">&j;</VOEvent>'
)
BAD = {
    "0-not-xml": b"this is not XML",
    "1-laughs": LAUGHS,
    "2-big": b'<VOEvent ivorn="ivo://a/b#big">' + b" " * 2_000_000 + b"</VOEvent>",
    "3-broken": b'<VOEvent ivorn="ivo://a/b#broken"><Who>',
    "4-no-role": b'<VOEvent ivorn="ivo://a/b#norole"/>',
    "5-strange-role": b'<VOEvent ivorn="ivo://a/b#observe" role="observe"/>',
    "6-no-ivorn": b"<VOEvent/>",
}


def landed(data: Path) -> list[bytes]:
    files = sorted((data / "data/voevent/landing").rglob("[!.]*.parquet"))
    return [raw for f in files for raw in pq.read_table(f)["raw"].to_pylist()]


def test_all_documents_reach_landing_unchanged_and_are_acknowledged(datatest, tmp_path):
    for name, raw in BAD.items():
        folder = tmp_path / "bad"
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(raw)
    with broadcaster(datatest / "voevents", tmp_path / "bad") as (port, comet):
        sent = [p.read_bytes() for p in sorted((datatest / "voevents").iterdir())]
        sent += BAD.values()
        with listener(port, tmp_path):
            assert comet.stdout.readline() == f"acknowledged {len(sent)}\n"
            wait_for(lambda: len(landed(tmp_path)) == len(sent))
    assert landed(tmp_path) == sent


def test_acknowledged_documents_are_kept_if_the_listener_is_killed(datatest, tmp_path):
    with broadcaster(datatest / "voevents") as (port, comet):
        # landing is an hour away: only the spool has the documents
        with listener(port, tmp_path, VOEVENT_LANDING_S="3600") as process:
            line = comet.stdout.readline()
            process.kill()
            process.wait()
        count = len(list((datatest / "voevents").iterdir()))
        assert line == f"acknowledged {count}\n"
    spool = Spool(str(tmp_path / "spool"), str(tmp_path / "data/voevent/landing"))
    assert spool.pending() + len(landed(tmp_path)) == count
    spool.close()


def test_a_missing_broker_is_logged_once_and_found_later(datatest, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with listener(port, tmp_path, VOEVENT_MAX_RECONNECT_S="1") as process:
        lines = [process.stdout.readline()]
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", port))
            server.listen()
            server.settimeout(30)
            connection, _ = server.accept()
            lines.append(process.stdout.readline())
            connection.close()
    assert "cannot be reached" in lines[0]
    assert "trying again" in lines[0]
    assert f"connected to 127.0.0.1:{port}" in lines[1]


def test_a_listener_without_a_writable_spool_exits_with_one_line(tmp_path):
    (tmp_path / "spool").write_text("a file")
    with listener(1, tmp_path) as process:
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 2
    assert len(out.splitlines()) == 1
    assert "set VOEVENT_SPOOL" in out


def test_landing_that_cannot_be_written_is_logged_once_and_loses_nothing(
    datatest, tmp_path
):
    (tmp_path / "data").write_text("a file where the folder should be")
    with broadcaster(datatest / "voevents") as (port, comet):
        with listener(port, tmp_path, VOEVENT_LANDING_S="0.1") as process:
            comet.stdout.readline()
            stay, again = "documents stay in the spool", "landing can be written again"
            assert any(stay in line for line in process.stdout)
            (tmp_path / "data").unlink()
            for line in process.stdout:
                assert stay not in line
                if again in line:
                    break
            count = len(list((datatest / "voevents").iterdir()))
            wait_for(lambda: len(landed(tmp_path)) == count)


class Peer:
    """A VTP broker for one listener: the test sends bytes and reads messages."""

    def __init__(self, tmp_path: Path, **environment: str) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.settimeout(30)
        self.port = self.server.getsockname()[1]
        self.context = listener(self.port, tmp_path, **environment)
        self.process = self.context.__enter__()
        self.socket, _ = self.server.accept()
        self.socket.settimeout(30)

    def close(self) -> None:
        self.socket.close()
        self.context.__exit__(None, None, None)
        self.server.close()

    def send(self, raw: bytes) -> None:
        self.socket.sendall(struct.pack(">I", len(raw)) + raw)

    def receive(self) -> etree._Element:
        head = self._exactly(4)
        return etree.fromstring(self._exactly(struct.unpack(">I", head)[0]))

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            assert more, "the listener closed the connection"
            data += more
        return data


@pytest.fixture
def peer(tmp_path):
    peer = Peer(tmp_path, VOEVENT_MAX_MESSAGE_BYTES="100000")
    yield peer
    peer.close()


@pytest.mark.parametrize(
    "space",
    [
        "http://www.telescope-networks.org/xml/Transport/v1.1",
        "http://telescope-networks.org/schema/Transport/v1.1",
    ],
)
@pytest.mark.parametrize("message", [iamalive, authenticate])
def test_transport_messages_are_answered_in_any_namespace(peer, space, message):
    raw = message("ivo://org.example/broker").raw_bytes
    default = b"http://www.telescope-networks.org/xml/Transport/v1.1"
    peer.send(raw.replace(default, space.encode()))
    answer = peer.receive()
    assert answer.get("role") == message("ivo://x/y").element.get("role")
    assert answer.findtext("Origin") == "ivo://org.example/broker"


def test_a_transport_message_after_a_line_feed_is_answered(peer):
    peer.send(b"\n" + iamalive("ivo://a/b").raw_bytes)
    assert peer.receive().get("role") == "iamalive"


def test_an_acknowledgement_names_the_notice(peer):
    peer.send(b'<VOEvent ivorn="ivo://a/b#c" role="test"/>')
    answer = peer.receive()
    assert (answer.get("role"), answer.findtext("Origin")) == ("ack", "ivo://a/b#c")


def test_a_message_that_is_too_long_is_logged_and_the_next_connection_works(peer):
    peer.socket.sendall(struct.pack(">I", 100_001))
    lines = [peer.process.stdout.readline() for _ in range(2)]
    assert any("100001 bytes, over VOEVENT_MAX_MESSAGE_BYTES" in line for line in lines)
    peer.socket, _ = peer.server.accept()
    peer.socket.settimeout(30)
    peer.send(b'<VOEvent ivorn="ivo://a/b#next"/>')
    assert peer.receive().findtext("Origin") == "ivo://a/b#next"


@pytest.mark.parametrize("raw", BAD.values(), ids=BAD.keys())
def test_root_element_and_ivorn_are_found_in_any_bytes(raw):
    root = first_element(raw)
    assert root is None or etree.QName(root).localname == "VOEvent"
    assert claimed_ivorn(raw) in ("", *(f"ivo://a/b#{n}" for n in
        ("laughs", "big", "broken", "norole", "observe")))  # fmt: skip


def test_a_listener_stops_after_its_supervisor(tmp_path):
    command = [
        sys.executable,
        "-m",
        "fink_voevent",
        "listen",
        "--source",
        "127.0.0.1:1",
    ]
    code = (
        "import os, subprocess, sys\n"
        "os.environ['FINK_VOEVENT_SUPERVISOR'] = str(os.getpid())\n"
        "p = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL,"
        " stderr=subprocess.DEVNULL)\n"
        "print(p.pid, flush=True)\n"
    )
    environment = {**os.environ, "VOEVENT_SPOOL": str(tmp_path / "spool"),
                   "VOEVENT_DATA_PREFIX": str(tmp_path / "data")}  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    stat = Path(f"/proc/{int(done.stdout)}/stat")
    wait_for(lambda: not stat.exists() or stat.read_text().split()[2] == "Z")


def test_land_is_a_command_for_an_unmodified_comet(datatest, tmp_path):
    """Comet runs one process for each event, many at once; each lands once."""
    bin_folder = Path(sys.executable).parent
    environment = {
        "VOEVENT_DATA_PREFIX": str(tmp_path / "data"),
        "VOEVENT_SPOOL": str(tmp_path / "spool"),
    }
    (tmp_path / "eventdb").mkdir()
    with broadcaster(datatest / "voevents") as (port, _):
        with program(
            str(bin_folder / "twistd"), "-n", f"--pidfile={tmp_path / 'pid'}", "comet",
            "--local-ivo=ivo://org.example/test", f"--remote=127.0.0.1:{port}",
            f"--eventdb={tmp_path / 'eventdb'}",
            f"--cmd={bin_folder / 'fink_voevent_land'}", **environment,
        ):  # fmt: skip
            count = len(list((datatest / "voevents").iterdir()))
            wait_for(lambda: len(landed(tmp_path)) == count)
    sent = sorted(p.read_bytes() for p in (datatest / "voevents").iterdir())
    assert sorted(landed(tmp_path)) == sent
