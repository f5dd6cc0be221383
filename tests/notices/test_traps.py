# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents that are easily misread (datatest/traps.py) are read correctly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fink_voevent.notices.normalisation import normalise

DATA = Path(__file__).parents[2] / "datatest"
EXPECTED = {
    DATA / folder / f"{name}.{suffix}": expected
    for folder, suffix in (("traps", "xml"), ("json", "json"))
    for name, expected in json.loads(
        (DATA / "expected" / f"{folder}.json").read_text(encoding="utf-8")
    ).items()
}


def test_every_document_has_expected_values():
    documents = {p for folder in ("traps", "json") for p in (DATA / folder).iterdir()}
    assert documents == set(EXPECTED)


@pytest.mark.parametrize("document", EXPECTED, ids=lambda path: path.stem)
def test_a_trap_is_read_correctly(registry, document):
    row = normalise(document.read_bytes(), registry)
    for column, expected in EXPECTED[document].items():
        found = _value(row, column)
        if isinstance(expected, float):
            assert found == pytest.approx(expected, rel=3e-4), column
        else:
            assert found == expected, column


def _value(row: dict, column: str):
    """Value of a column; dots lead into structs and lists."""
    value = row
    for part in column.split("."):
        if isinstance(value, tuple | list):
            value = value[int(part)]
        elif hasattr(value, "_asdict"):
            value = value._asdict()[part]
        else:
            value = value[part]
        if hasattr(value, "_asdict"):
            value = value._asdict()
    if column == "classification":
        return dict(value)
    if column == "time" and value is not None:
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value
