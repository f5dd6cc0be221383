# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents that trip readers: each is read as it is right (datatest/traps.py)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fink_voevent.notices.normalisation import normalise

DATA = Path(__file__).parents[2] / "datatest"
EXPECTED = {
    DATA / folder / f"{name}.{suffix}": answers
    for folder, suffix in (("traps", "xml"), ("json", "json"))
    for name, answers in json.loads(
        (DATA / "expected" / f"{folder}.json").read_text(encoding="utf-8")
    ).items()
}


def test_every_document_has_an_answer():
    there = {p for folder in ("traps", "json") for p in (DATA / folder).iterdir()}
    assert there == set(EXPECTED)


@pytest.mark.parametrize("path_of", EXPECTED, ids=lambda path: path.stem)
def test_a_trap_is_read_right(registry, path_of):
    row = normalise(path_of.read_bytes(), registry)
    for path, expected in EXPECTED[path_of].items():
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
