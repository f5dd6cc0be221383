# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import socket

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


def test_all_is_well_where_all_is_there(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        found = report(tmp_path, sources=f"127.0.0.1:{port}")
    found.pop("clock")  # of the machine that runs the tests
    failed = {name: text for name, (ok, text) in found.items() if not ok}
    assert failed == {}
    assert found[f"source 127.0.0.1:{port}"] == (True, "takes connections")


def test_each_fault_says_what_to_do(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    found = report(
        tmp_path,
        {"FINK_HOME": str(tmp_path)},
        data_prefix=str(blocked / "data"),
        kafka_servers="127.0.0.1:9",
        sources="127.0.0.1:9",
    )
    for name in ("fink", "data prefix", "kafka", "source 127.0.0.1:9"):
        ok, text = found[name]
        assert not ok
        assert text
    assert "set FINK_HOME" in found["fink"][1]


def test_a_checkout_that_is_not_enabled_is_told(tmp_path):
    fink_checkout.checkout(tmp_path / "fink", tmp_path / "data")
    found = report(tmp_path, {"FINK_HOME": str(tmp_path / "fink")})
    assert "fink_voevent enable -s ztf" in found["fink"][1]
