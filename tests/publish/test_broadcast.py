# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Our VTP broker: what it accepts, and that no subscriber harms the others."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import stat
import struct
import subprocess
import threading
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from helpers.kafka_broker import free_ports
from helpers.programs import program, wait_for
from helpers.routed_rows import AUTHOR, row

from fink_voevent.alerts.transient import from_coincidence
from fink_voevent.errors import ConfigError, NoticeError, StorageError
from fink_voevent.notices import voevent
from fink_voevent.publish import author_socket, broadcast_report
from fink_voevent.publish.authors import RefusedError, checked
from fink_voevent.publish.broadcast import parse_networks
from fink_voevent.publish.compose import Author, Citation, compose
from fink_voevent.publish.submit import Answer, submit

IAMALIVE = (
    b'<t:Transport xmlns:t="http://www.telescope-networks.org/xml/Transport/v1.1"'
    b' role="iamalive" version="1.0"><Origin>ivo://x/y</Origin></t:Transport>'
)


@pytest.fixture
def spool(tmp_path):
    # longer than the name of a Unix socket can be
    folder = tmp_path / ("a" * 60) / ("b" * 60)
    folder.mkdir(parents=True)
    return str(folder)


@pytest.fixture
def serve(spool):
    """Return a function that starts the broker.

    It returns the port for subscribers and the program.
    """

    def start(**environment: str):
        (out,) = free_ports(1)
        arguments = ("-m", "fink_voevent", "broadcast", "--port", str(out))
        defaults = {
            "VOEVENT_SPOOL": spool,
            "VOEVENT_BROADCAST_TEST_S": "0",
            "VOEVENT_LOCAL_IVO": AUTHOR.ivo,
        }
        return out, program(*arguments, **(defaults | environment))

    return start


class Shared(NamedTuple):
    """A broker for several tests."""

    port: int
    spool: str
    process: subprocess.Popen[str]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    spool = str(tmp_path_factory.mktemp("shared"))
    (out,) = free_ports(1)
    arguments = ("-m", "fink_voevent", "broadcast", "--port", str(out))
    environment = {
        "VOEVENT_SPOOL": spool,
        "VOEVENT_BROADCAST_TEST_S": "0",
        "VOEVENT_LOCAL_IVO": AUTHOR.ivo,
    }
    with program(*arguments, **environment) as process:
        wait_for(lambda: is_ready(process))
        yield Shared(out, spool, process)


def message(reader: socket.socket) -> bytes:
    """Read the next VTP message; empty if the broker has closed the connection."""
    head = reader.recv(4, socket.MSG_WAITALL)
    if not head:
        return b""
    return reader.recv(struct.unpack("!I", head)[0], socket.MSG_WAITALL)


def frame(raw: bytes) -> bytes:
    return struct.pack("!I", len(raw)) + raw


def is_ready(process) -> bool:
    return "subscribers of" in process.stdout.readline()


_NUMBERS = itertools.count()


def voevents(count: int, padding: int = 0) -> list[bytes]:
    """Return VOEvents that no other test sends."""
    made = []
    for number in itertools.islice(_NUMBERS, count):
        routed = row(number, classification="x" * padding or None)
        made.append(compose(from_coincidence(routed), AUTHOR, routed).raw)
    return made


def send(spool: str, raw: bytes) -> Answer:
    return submit(partial(author_socket.connect, spool), raw, 20)


def subscriber(port: int, buffer_bytes: int = 0) -> socket.socket:
    reader = socket.socket()
    if buffer_bytes:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    reader.settimeout(20)
    reader.connect(("127.0.0.1", port))
    return reader


def events_of(reader: socket.socket, count: int) -> list[bytes]:
    """Read so many VOEvents, and leave out messages of VTP itself."""
    found: list[bytes] = []
    while len(found) < count:
        raw = message(reader)
        assert raw, "the connection was closed"
        if b"Transport" not in raw:
            found.append(raw)
            reader.sendall(frame(IAMALIVE.replace(b"iamalive", b"ack")))
    return found


def status_when(spool: str, test) -> broadcast_report.BroadcastStatus:
    found = []

    def is_there() -> bool:
        status = broadcast_report.read(spool)
        found[:] = [status]
        return status is not None and test(status)

    wait_for(is_there)
    return found[0]


def test_a_subscriber_of_another_network_is_not_served(serve, spool):
    out, running = serve(VOEVENT_BROADCAST_ALLOW="192.0.2.0/24")
    with running as process:
        wait_for(lambda: is_ready(process))
        with subscriber(out) as reader, contextlib.suppress(ConnectionResetError):
            assert message(reader) == b""
        assert send(spool, voevents(1)[0]).state == "acknowledged"  # it still runs
        process.terminate()
        process.wait(30)
    assert not author_socket.path_of(spool).exists()
    assert broadcast_report.read(spool) is None


def test_test_voevents_are_sent_at_an_interval(serve):
    out, running = serve(VOEVENT_BROADCAST_TEST_S="1")
    with running as process:
        wait_for(lambda: is_ready(process))
        with subscriber(out) as reader:
            found: set[bytes] = set()
            while len(found) < 2:
                found |= set(events_of(reader, 1))
    documents = [voevent.read(raw) for raw in found]
    assert {d.role for d in documents} == {"test"}
    assert len({d.ivorn for d in documents}) == 2


def test_only_our_user_can_reach_the_socket(shared):
    path = author_socket.path_of(shared.spool)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    listening = psutil.Process(shared.process.pid).net_connections("inet")
    assert {c.laddr.port for c in listening if c.status == "LISTEN"} == {shared.port}
    if os.geteuid() == 0:  # another user of this machine
        assert not _connects_as(65534, path)


def _connects_as(user: int, path: Path) -> bool:
    child = os.fork()
    if child == 0:
        try:
            os.setuid(user)
            folder = path.parent
            os.chdir(folder)
            socket.socket(socket.AF_UNIX).connect(path.name)
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_what_is_not_ours_is_refused_counted_and_never_sent(shared):
    out, spool, _ = shared
    ours, other = voevents(2)
    foreign_author = Author("ivo://nasa.gsfc.gcn/Fermi")
    routed = row()
    foreign = compose(from_coincidence(routed), foreign_author, routed).raw
    similar = ours.replace(b"ivo://org.example/fink#", b"ivo://org.example.evil/fink#")
    dtd = ours.replace(b"<voe:VOEvent", b"<!DOCTYPE a []><voe:VOEvent", 1)
    refused = [
        foreign,
        similar,
        dtd,
        b"hello",
        b"",
        b'{"mission": "Fink"}',
        ours.replace(b'role="observation"', b'role="x"'),
        ours.replace(b'role="observation" ', b""),
        ours.replace(b"#", b"#\xc3\xa9\x20", 1),
        ours.replace(b'version="2.0" role', b'version="9" role'),
        b'<Transport role="authenticate"/>',
        ours + ours,
    ]
    with subscriber(out) as reader:
        message(reader)
        for raw in refused * 2:  # a refused document is not remembered as sent
            answer = send(spool, raw)
            assert answer.state == "refused", raw
            assert answer.text.startswith("Event rejected: "), raw
        assert "not of our authority" in send(spool, foreign).text
        assert send(spool, b"<x>" * 100_000).state == "unanswered"
        for raw in (ours, other):
            assert send(spool, raw).state == "acknowledged"
            assert send(spool, raw).state == "duplicate"
        reused = ours.replace(b"Fink: alerts", b"Fink: other alerts")
        assert "another content" in send(spool, reused).text
        upper = reused.replace(b"ivo://org.example/fink#", b"ivo://ORG.example/FINK#")
        assert "another content" in send(spool, upper).text
        assert events_of(reader, 2) == [ours, other]
    status = status_when(spool, lambda s: s.refused.get("reused ivorn") == 2)
    assert status.sent >= 2
    assert status.refused["not of our authority"] == 5
    assert status.refused["not a valid VOEvent"] == 20
    assert status.refused["too long"] == 1
    assert "28 documents refused" in status.line()


def test_an_ivorn_is_sent_once_also_after_a_restart(serve, spool):
    (raw,) = voevents(1)
    for state in ("acknowledged", "duplicate"):
        _, running = serve()
        with running as process:
            wait_for(lambda process=process: is_ready(process))
            assert send(spool, raw).state == state
            process.send_signal(signal.SIGKILL)  # leaves the socket behind
            process.wait()


def test_a_second_broker_of_one_spool_does_not_start(shared):
    arguments = ("-m", "fink_voevent", "broadcast", "--port", "0")
    with program(*arguments, VOEVENT_SPOOL=shared.spool) as other:
        assert "another broker serves" in other.stdout.read()
        assert other.wait(30) == 2
    assert send(shared.spool, voevents(1)[0]).state == "acknowledged"


def test_a_socket_of_another_program_is_not_used(spool, tmp_path):
    assert "start `fink_voevent broadcast`" in send(spool, b"<x/>").text
    path = author_socket.path_of(spool)
    path.parent.mkdir()
    path.write_text("no socket")
    with pytest.raises(PermissionError):
        author_socket.connect(spool, 1)
    assert send(spool, b"<x/>").is_reached is False
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    with (
        pytest.raises(StorageError, match="VOEVENT_SPOOL"),
        author_socket.listening(str(blocked)),
    ):
        pass


def test_subscribers_that_do_not_read_are_disconnected_and_delay_nobody(serve, spool):
    out, running = serve()
    large = voevents(60, padding=40_000)  # 5 MB, more than may wait
    with running as process:
        wait_for(lambda: is_ready(process))
        memory = psutil.Process(process.pid).memory_info().rss
        deaf = [subscriber(out, 4096) for _ in range(15)]
        with subscriber(out) as reader:
            waits, got = [], []

            def read() -> None:
                got.extend(events_of(reader, len(large)))

            reading = threading.Thread(target=read)
            reading.start()
            for raw in large:
                start = time.monotonic()
                assert send(spool, raw).state == "acknowledged"
                waits.append(time.monotonic() - start)
            reading.join(180)
            assert got == large
        assert max(waits) < 30  # the deaf never read
        status = status_when(spool, lambda s: s.dropped.get("does not read") == 15)
        assert status.waiting == 0
        grown = psutil.Process(process.pid).memory_info().rss - memory
        assert grown < 60 * 2**20  # 15 times 5 MB would be 75 MB
        for one in deaf:
            one.close()
        process.terminate()
        text = process.stdout.read()
    lines = [line for line in text.splitlines() if "does not read" in line]
    assert len(lines) == 11  # single lines up to a limit, then a count
    assert "15 disconnected (does not read 15)" in lines[-1]


def test_many_connections_are_bounded(serve, spool):
    out, running = serve(VOEVENT_BROADCAST_SUBSCRIBERS="30")
    with running as process:
        wait_for(lambda: is_ready(process))
        readers = [subscriber(out) for _ in range(50)]
        status = status_when(spool, lambda s: sum(s.turned_away.values()) == 30)
        assert status.subscribers == {"127.0.0.1": 20}
        (raw,) = voevents(1)
        assert send(spool, raw).state == "acknowledged"
        assert events_of(readers[0], 1) == [raw]
        for reader in readers:
            reader.close()
        status_when(spool, lambda s: not s.subscribers)
        with subscriber(out) as reader:  # there is room again
            assert b"authenticate" in message(reader)


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (frame(IAMALIVE) * 200, "sends too much"),
        (frame(b"x") * 200, "sends too much"),
        (struct.pack("!I", 2**32 - 1), "sends too much"),
        (frame(IAMALIVE.replace(b"iamalive", b"nak")), "nak"),
    ],
    ids=["answers", "rubbish", "4 GB", "nak"],
)
def test_a_subscriber_that_sends_too_much_is_disconnected(shared, sent, kind):
    out, spool, _ = shared
    status = broadcast_report.read(spool)
    before = 0 if status is None else status.dropped.get(kind, 0)
    with subscriber(out) as reader, subscriber(out) as other:
        reader.sendall(sent)
        status_when(spool, lambda s: s.dropped.get(kind, 0) == before + 1)
        (raw,) = voevents(1)
        assert send(spool, raw).state == "acknowledged"
        assert events_of(other, 1) == [raw]


def authentication(*filters: str) -> bytes:
    params = "".join(f'<Param name="xpath-filter" value="{f}"/>' for f in filters)
    return IAMALIVE.replace(b"iamalive", b"authenticate").replace(
        b"</t:", f"<Meta>{params}</Meta></t:".encode()
    )


def test_filters_of_subscribers_select_and_keep_the_order(shared):
    out, spool, _ = shared
    made = voevents(12)
    with subscriber(out) as reader, subscriber(out) as slow:
        some = "//Param[@name='alert_id' and @value mod 2 = 1]"
        reader.sendall(frame(authentication(some, "not-a-function()")))
        slow.sendall(frame(authentication("//*[//*[//*[//*]]]")))
        status_when(spool, lambda s: s.dropped.get("filter") == 1)
        for raw in made:
            assert send(spool, raw).state == "acknowledged"
        odd = [raw for raw in made if int(voevent.read(raw).values["alert_id"]) % 2]
        assert events_of(reader, 6) == odd


def test_a_submission_that_is_never_complete_ends(shared):
    _, spool, _ = shared
    slow = [author_socket.connect(spool, 30) for _ in range(30)]
    for connection in slow:
        connection.sendall(struct.pack("!I", 90_000) + b"<")
    assert send(spool, voevents(1)[0]).state == "acknowledged"
    slow[0].settimeout(30)
    assert slow[0].recv(1) == b""  # after 5 s
    for connection in slow:
        connection.close()


@pytest.mark.parametrize("ivorn", ["ivo://org.example#1", "ivo://ORG.Example/x#y"])
def test_our_authority_is_ours_whatever_its_case_and_stream(ivorn):
    (raw,) = voevents(1)
    start = raw.index(b'ivorn="') + 7
    changed = raw[:start] + ivorn.encode() + raw[raw.index(b'"', start) :]
    assert checked(changed, "org.example").ivorn == ivorn
    with pytest.raises(RefusedError):
        checked(changed, "example")


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
