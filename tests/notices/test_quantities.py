# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from datetime import timedelta

import pytest

from fink_voevent.notices import quantities as q


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (q.format_angle(14.79), "14.8 deg"),
        (q.format_angle(0.05), "3 arcmin"),
        (q.format_angle(0.0012), "4.32 arcsec"),
        (q.format_area(41_253.0), "41,253 deg2"),
        (q.format_area(0.00785), "28.3 arcmin2"),
        (q.format_area(1e-6), "13 arcsec2"),
        (q.format_duration(timedelta(seconds=26.04)), "26 s"),
        (q.format_duration(timedelta(seconds=119)), "119 s"),
        (q.format_duration(timedelta(minutes=85)), "85 min"),
        (q.format_duration(timedelta(days=23.7)), "23.7 d"),
        (q.format_rate(8.32), "8.32 /yr"),
        (q.format_rate(0.0102), "0.0102 /yr (one in 98 yr)"),
        (q.format_rate(0.0), "0 /yr"),
        (q.format_percent(0.864), "86.4 %"),
    ],
)
def test_a_quantity_has_the_unit_that_a_person_would_use(text, expected):
    assert text == expected
