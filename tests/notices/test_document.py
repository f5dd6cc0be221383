# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from fink_voevent.notices.document import parse_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.5", 1.5),
        (" -3e2 ", -300.0),
        ("0", 0.0),
        ("21474836.48", 21474836.48),
        (None, None),
        ("", None),
        ("many", None),
        ("nan", None),
        ("-inf", None),
        ("1e999", None),
        ("-2147483648", None),
        ("-21474836.48", None),
    ],
)
def test_finite_numbers_are_parsed_and_fillers_are_not(text, number):
    assert parse_number(text) == number
