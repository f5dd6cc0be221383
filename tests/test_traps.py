# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents that trip readers: each is read as it is right (datatest/traps.py)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fink_voevent.notice import normalise

DATA = Path(__file__).parent.parent / "datatest"
EXPECTED = json.loads((DATA / "expected" / "traps.json").read_text(encoding="utf-8"))


def test_every_document_has_an_answer():
    assert {p.stem for p in (DATA / "traps").glob("*.xml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_trap_is_read_right(registry, name):
    row = normalise((DATA / "traps" / f"{name}.xml").read_bytes(), registry)
    for path, expected in EXPECTED[name].items():
        found = _reach(row, path)
        if isinstance(expected, float):
            assert found == pytest.approx(expected, rel=3e-4), path
        else:
            assert found == expected, path


def _reach(row: dict, path: str):
    value = row
    for part in path.split("."):
        if isinstance(value, tuple | list):
            value = value[int(part)]
        elif hasattr(value, "_asdict"):
            value = value._asdict()[part]
        else:
            value = value[part]
        if hasattr(value, "_asdict"):
            value = value._asdict()
    if path == "classification":
        return dict(value)
    if path == "time" and value is not None:
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value
