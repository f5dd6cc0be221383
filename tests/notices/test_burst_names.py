# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The names of bursts in Params."""

from __future__ import annotations

import pytest

from fink_voevent.notices.burst_names import burst_names
from fink_voevent.notices.document import Param


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("GRB 221009A", "GRB221009A"),
        ("grb221009a", "GRB221009A"),
        ("GRB 221009.553", "GRB221009553"),
        ("EP240115a", "EP240115A"),
        ("S190425z", "S190425Z"),
        ("AT 2017gfo", "AT2017GFO"),
        ("IC 170922A", "IC170922A"),
        ("sb25120806", "SB25120806"),
        ("FRB 20180916B", "FRB20180916B"),
        ("GRB 221009", None),  # of which there may be several
        ("GRB", None),
        ("1", None),
        ("", None),
        ("GRB 221009A and others", None),
        ("GRB221009A" * 10, None),
    ],
)
def test_the_names_of_bursts(value, name):
    expected = frozenset() if name is None else frozenset({name})
    assert burst_names([Param("", "event_name", value, "", "")]) == expected
    assert burst_names([Param("", "Comments", value, "", "")]) == frozenset()


def test_a_reference_to_a_notice_has_the_name_of_its_event():
    reference = Param(
        "reference", "gcn.notices.LVK.alert", "S240115aa-2-Preliminary", "", ""
    )
    assert burst_names([reference]) == {"S240115AA"}
