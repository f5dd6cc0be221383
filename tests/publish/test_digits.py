# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Numbers as people read them."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.publish import digits

NUMBERS = st.floats(-1e300, 1e300)


@given(NUMBERS, st.integers(1, 12))
def test_a_number_has_so_many_significant_digits(value, count):
    text = digits.significant(value, count)
    assert math.isclose(float(text), value, rel_tol=0.5000001 * 10 ** (1 - count))
    if value and "e" not in text and abs(float(text)) < 10 ** (count - 1):
        assert len(Decimal(text).as_tuple().digits) == count


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0, "0"), (1e-5, "0.000010"), (1.26e-7, "1.3e-07"), (123, "120")],
)
def test_small_and_large_numbers(value, text):
    assert digits.significant(value, 2) == text


@given(st.floats(1e-12, 1e6), st.floats(-360, 360))
def test_rounding_is_small_against_the_error(error, value):
    text = digits.fixed(value, digits.decimals(error))
    assert abs(float(text) - value) <= error / 20 + 1e-12
    assert not (float(text) == 0 and text.startswith("-"))


@pytest.mark.parametrize("error", [0.0, -1.0, math.nan, math.inf])
def test_a_value_without_an_error_has_all_digits(error):
    assert digits.decimals(error) == digits.MOST_DECIMALS


@given(st.floats(0, 360, exclude_max=True), st.integers(0, 15))
def test_a_longitude_is_less_than_360(value, count):
    assert 0 <= float(digits.longitude(value, count)) < 360


@given(st.datetimes(timezones=st.just(timezone.utc)))
def test_a_moment_is_written_to_the_millisecond(time):
    text = digits.moment(time)
    back = datetime.fromisoformat(text).replace(tzinfo=timezone.utc)
    assert len(text) == len("2022-10-09T18:16:59.999")
    assert abs(back - time) < timedelta(milliseconds=1)
