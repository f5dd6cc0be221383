# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import doctest

import pyarrow as pa
import pytest

from fink_voevent.events import significance

MAPS = pa.map_(pa.string(), pa.float64())


@pytest.mark.parametrize(
    ("classes", "messenger", "expected"),
    [
        ({}, "grb", None),
        ({}, "gw", None),
        ({"significant": 1.0, "BNS": 0.9}, "gw", True),
        ({"significant": 0.0, "BNS": 0.9}, "gw", False),
        ({"significant": 0.0, "GRB": 0.9}, "grb", False),
        ({"Terrestrial": 0.99}, "gw", None),
        ({"GRB": 0.94, "GENERIC_TRANSIENT": 0.05}, "grb", True),
        ({"GRB": 0.4, "TGF": 0.6}, "grb", False),
        ({"GRB": 0.5, "TGF": 0.5}, "grb", True),
        ({"GENERIC_TRANSIENT": 0.9, "GRB": 0.1}, "grb", None),
        ({"UNRELIABLE_LOCATION": 0.9}, "grb", False),
        ({"GRB": 0.0}, "grb", None),
        ({"GRB": 0.0, "catalogue source": 1.0}, "grb", False),
        ({"GRB": 0.4, "TGF": 0.6}, "neutrino", None),
    ],
)
def test_what_a_publisher_says_decides(classes, messenger, expected):
    assert significance.is_significant(classes, messenger) is expected


def test_columns_of_notices_are_read_row_by_row():
    maps = pa.chunked_array([pa.array([[("significant", 0.0)], None, []], MAPS)])
    messengers = pa.chunked_array([["gw", "gw", "grb"]])
    found = significance.significances(maps, messengers).to_pylist()
    assert found == [False, None, None]


def test_the_examples_run():
    assert doctest.testmod(significance).failed == 0
