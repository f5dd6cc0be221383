# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import socket

import pytest
from helpers import fink_checkout

from fink_voevent.config.load import load
from fink_voevent.ops.doctor import checks


def report(tmp_path, environment=None, **values) -> dict[str, tuple[bool, str]]:
    values = {
        "data_prefix": str(tmp_path / "data"),
        "spool": str(tmp_path / "spool"),
        **values,
    }
    found = checks(load({}, values).settings, environment or {})
    return {name: (ok, text) for name, ok, text in found}


def test_no_check_fails_if_nothing_is_missing(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = report(tmp_path, sources=f"127.0.0.1:{port}")
    found.pop("clock")  # depends on the machine that runs the tests
    failed = {name: text for name, (ok, text) in found.items() if not ok}
    assert failed == {}
    assert found[f"source 127.0.0.1:{port}"] == (True, "accepts connections")


def test_a_check_that_fails_says_what_to_do(tmp_path):
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
        ok, text = found[name]
        assert not ok
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
    found, text = report(tmp_path)["java"]
    assert found is ok
    assert ok or "Spark 3.5 needs Java 8, 11 or 17" in text


def test_a_checkout_that_is_not_enabled_is_reported(tmp_path):
    fink_checkout.checkout(tmp_path / "fink", tmp_path / "data")
    found = report(tmp_path, {"FINK_HOME": str(tmp_path / "fink")})
    assert "fink_voevent enable -s ztf" in found["fink"][1]
