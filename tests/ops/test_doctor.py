# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import http.server
import os
import socketserver
import struct
import threading
from datetime import datetime, timedelta, timezone
from importlib import metadata

import pytest
from click.testing import CliRunner
from helpers import fink_checkout
from helpers.programs import broadcaster

from fink_voevent.cli import main
from fink_voevent.config.load import load
from fink_voevent.ops.doctor import Check, checks


def report(tmp_path, environment=None, **values) -> dict[str, tuple[str, str]]:
    values = {
        "data_prefix": str(tmp_path / "data"),
        "spool": str(tmp_path / "spool"),
        **values,
    }
    found = checks(load({}, values).settings, environment or {})
    return {name: (level, text) for name, level, text in found}


def test_no_check_fails_if_nothing_is_missing(tmp_path):
    with broadcaster() as (port, _):
        found = report(tmp_path, sources=f"127.0.0.1:{port}", min_free_mb=0.0)
    failed = {name: text for name, (level, text) in found.items() if level == "FAIL"}
    assert failed == {}
    level, text = found[f"source 127.0.0.1:{port}"]
    assert (level, text) == (
        "ok",
        "ivo://org.example/broadcaster speaks VTP (authenticate)",
    )
    warned = {name for name, (level, _) in found.items() if level == "warn"}
    assert warned == {"fink", "rates"}
    assert "all " in found["libraries"][1]


def test_a_check_that_fails_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr("fink_voevent.ops.doctor.LIMIT_S", 1.0)
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    found = report(
        tmp_path,
        {"FINK_HOME": str(tmp_path)},
        data_prefix=str(blocked / "data"),
        kafka_servers="127.0.0.1:9",
        sources="127.0.0.1:9",
        filters="fink_voevent.filters,nowhere",
    )
    for name in ("fink", "data prefix", "kafka", "filters", "source 127.0.0.1:9"):
        level, text = found[name]
        assert level == "FAIL"
        assert text
    assert "set FINK_HOME" in found["fink"][1]


@pytest.mark.parametrize(
    ("line", "ok"),
    [
        ('openjdk version "17.0.9" 2023-10-17', True),
        ('openjdk version "11.0.21" 2023-10-17', True),
        ('java version "1.8.0_392"', True),
        ('openjdk version "21.0.1" 2023-10-17', False),
        ("", False),
    ],
)
def test_java_of_another_version_is_reported(tmp_path, monkeypatch, line, ok):
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho '{line}' >&2\n")
    java.chmod(0o755)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    level, text = report(tmp_path)["java"]
    assert level == ("ok" if ok else "FAIL")
    assert ok or "Spark 3.5 needs Java 8, 11 or 17" in text


def test_a_checkout_that_is_not_enabled_is_reported(tmp_path):
    fink_checkout.checkout(tmp_path / "fink", tmp_path / "data")
    found = report(tmp_path, {"FINK_HOME": str(tmp_path / "fink")})
    assert "fink_voevent enable -s ztf" in found["fink"][1]


@contextlib.contextmanager
def serving(handler: type[socketserver.BaseRequestHandler]):
    """Serve on loopback in a thread; yields the port."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def says(text: bytes) -> type[socketserver.BaseRequestHandler]:
    """Return a program that sends something and waits until the peer has gone."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(text)
            while self.request.recv(4096):
                pass

    return Handler


def alive(ahead: timedelta) -> bytes:
    """Return an iamalive of a broker whose clock is ahead."""
    moment = datetime.now(timezone.utc) + ahead
    raw = (
        b'<trn:Transport xmlns:trn="http://telescope-networks.org/schema/Transport/v1.1"'
        b' role="iamalive" version="1.0"><Origin>ivo://org.example/b</Origin>'
        b"<TimeStamp>" + f"{moment:%Y-%m-%dT%H:%M:%SZ}".encode() + b"</TimeStamp>"
        b"</trn:Transport>"
    )
    return struct.pack("!I", len(raw)) + raw


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Log nothing."""


@pytest.mark.parametrize(
    "handler",
    [Quiet, says(b"SSH-2.0-OpenSSH_9.2\r\n"), says(b"220 mail.example.org\r\n")],
    ids=["web", "ssh", "mail"],
)
def test_another_server_does_not_pass_as_a_broker(tmp_path, monkeypatch, handler):
    monkeypatch.setattr("fink_voevent.ops.vtp_greeting.GREETING_S", 0.5)
    with serving(handler) as port:
        level, text = report(tmp_path, sources=f"127.0.0.1:{port}")[
            f"source 127.0.0.1:{port}"
        ]
    assert level == "FAIL"
    assert "VTP" in text or "closed the connection" in text or "broke" in text
    assert text.isprintable()


def test_a_broker_that_is_silent_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr("fink_voevent.ops.vtp_greeting.GREETING_S", 0.2)
    with serving(says(b"")) as port:
        found = report(tmp_path, sources=f"127.0.0.1:{port}")
    assert found[f"source 127.0.0.1:{port}"][0] == "warn"


@pytest.mark.parametrize(
    ("ahead_s", "level"), [(0, "ok"), (20, "warn"), (-20, "warn"), (3600, "FAIL")]
)
def test_the_clock_is_compared_with_that_of_the_broker(
    tmp_path, monkeypatch, ahead_s, level
):
    monkeypatch.setenv("PATH", "/nowhere")  # without timedatectl
    monkeypatch.setattr("fink_voevent.ops.doctor._java", lambda: "not looked at")
    with serving(says(alive(timedelta(seconds=ahead_s)))) as port:
        found = report(tmp_path, sources=f"127.0.0.1:{port}")
    assert found["clock"][0] == level
    assert found[f"source 127.0.0.1:{port}"][1].startswith("ivo://org.example/b speaks")
    assert ("behind" in found["clock"][1]) == (ahead_s > 0) or not ahead_s


def test_a_library_that_is_missing_or_too_old_is_named(tmp_path, monkeypatch):
    required = ["click>=99", "no-such-library>=1", 'other>=1; extra == "test"']
    monkeypatch.setattr(metadata, "requires", lambda _: required)
    level, text = report(tmp_path)["libraries"]
    assert level == "FAIL"
    assert "click is " in text
    assert "no-such-library is missing" in text
    assert "other" not in text


def test_the_command_ends_with_2_if_a_check_fails_and_not_for_a_warning(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr("fink_voevent.ops.doctor.LIMIT_S", 1.0)
    options = ["--data-prefix", str(tmp_path / "d"), "--spool", str(tmp_path / "s")]
    environment = {"VOEVENT_KAFKA_SERVERS": "127.0.0.1:9"}
    done = CliRunner().invoke(main, ["doctor", *options], env=environment)
    assert done.exit_code == 2
    (line,) = [one for one in done.stdout.splitlines() if one.startswith("FAIL kafka:")]
    assert "is it reachable" in line
    assert "warn sources: none" in done.stdout
    assert "rdkafka" not in "".join(capfd.readouterr())  # its own lines
    monkeypatch.setattr(
        "fink_voevent.ops.doctor.checks", lambda *_: [Check("x", "warn", "text")]
    )
    done = CliRunner().invoke(main, ["doctor", *options])
    assert (done.exit_code, done.output) == (0, "warn x: text\n")


def test_the_rights_to_write_to_topics_are_known(tmp_path, broker, prefix):
    found = report(tmp_path, kafka_servers=broker.plain, topic_prefix=prefix)
    level, text = found["topics"]
    assert level == "ok", text
    assert text.startswith("0 of ")
