# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Small light curves: small, in their frame, bright at the top."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from fink_voevent.plot.light_curve_pictures import Point
from fink_voevent.show.small_light_curve import HEIGHT, WIDTH, small_light_curve

points = st.builds(
    Point,
    st.floats(-15, 300),
    st.floats(10, 30),
    st.just(0.0),
    st.sampled_from(["g", "r", "", "<b>"]),
    st.sampled_from(["detection", "negative", "limit"]),
)


@given(st.lists(points, min_size=1, max_size=60))
def test_every_point_lies_in_the_frame(shown):
    text = small_light_curve(shown, 'of "<one>"')
    assert len(text) < 2500
    root = etree.fromstring(text)
    assert root.get("aria-label") == 'of "<one>"'
    for path in root.iter("path"):
        for x, y in re.findall(r"M(-?[\d.]+) (-?[\d.]+)", path.get("d")):
            assert 0 <= float(x) <= WIDTH
            assert 0 <= float(y) <= HEIGHT


def test_bright_is_up_and_time_goes_to_the_right():
    shown = [
        Point(1.0, 18.0, 0.0, "g", "detection"),
        Point(2.0, 19.0, 0.0, "r", "detection"),
    ]
    root = etree.fromstring(small_light_curve(shown, ""))
    places = {
        path.get("class"): re.match(r"M([\d.]+) ([\d.]+)", path.get("d"))
        for path in root.iter("path")
    }
    first, second, event = places["de b-g"], places["de b-r"], places["ev"]
    assert float(event[1]) < float(first[1]) < float(second[1])
    assert float(first[2]) < float(second[2])


def test_no_points_are_no_picture():
    assert small_light_curve([], "nothing") == ""
