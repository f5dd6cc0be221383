# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Pictures: what is in them, where it is, and that they are the same each time."""

from __future__ import annotations

import re
import sys
from datetime import timedelta

import numpy as np
import pytest
from helpers.example_events import COUNTERPARTS
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from fink_voevent import plot
from fink_voevent.alerts.light_curve import LightCurve, Measurement
from fink_voevent.alerts.stamps import Stamps
from fink_voevent.errors import InputError
from fink_voevent.notices.normalisation import normalise
from fink_voevent.plot import sky_pictures
from fink_voevent.plot.cutout_pictures import grey, png_of
from fink_voevent.plot.style import COLOURS
from fink_voevent.sky import region as sky_region
from fink_voevent.sky.localization import fisher
from fink_voevent.sky.moc import region_moc
from fink_voevent.sky.region import Region, separation_deg

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def merger(datatest, registry):
    raw = (datatest / "truth" / "gw170817.json").read_bytes()
    return sky_region.from_row(normalise(raw, registry))


@pytest.fixture(scope="module")
def marks():
    one = COUNTERPARTS["gw170817.json"]
    return [plot.Mark(1, one.ra, one.dec, "gold"), plot.Mark(2, 196.5, -27.0, "bronze")]


@pytest.mark.parametrize("draw", [plot.sky, plot.near])
def test_a_picture_is_svg_with_words_and_the_same_each_time(merger, marks, draw):
    text = plot.svg(draw(merger, marks), "one", "A <title>", "& more")
    root = etree.fromstring(text)
    assert root.find(f"{SVG}title").text == "A <title>"
    assert root.get("aria-labelledby") == "one-title one-desc"
    names = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(names) == len(set(names))
    assert all(name.startswith("one-") for name in names)
    texts = ["".join(e.itertext()) for e in root.iter(f"{SVG}text")]
    assert "1" in texts
    assert text == plot.svg(draw(merger, marks), "one", "A <title>", "& more")
    assert len(text) < 100_000


def test_colours_are_variables_so_that_a_page_can_be_dark(merger, marks):
    text = plot.svg(plot.near(merger, marks), "one", "")
    colours = set(re.findall(r"#[0-9a-f]{6}", text))
    assert colours <= set(COLOURS.values())
    assert text.count("var(--accent,") > 2


def test_right_ascension_grows_to_the_left_and_north_is_up(merger):
    axes = plot.near(merger).axes[0]
    x, y = axes.wcs.wcs_world2pix([197.0, 198.0, 197.0], [-24.0, -24.0, -23.0], 0)
    assert x[1] < x[0]
    assert y[2] > y[0]


def test_the_contour_of_90_percent_lies_where_the_level_is_09(merger):
    """It is smoothed by about half a pixel: 0.2 deg here."""
    figure = plot.near(merger, view=plot.View(merger.ra, merger.dec, 20.0))
    axes = figure.axes[0]
    lines = [c for c in axes.collections if not c.get_facecolor().size]
    paths = lines[0].get_paths()[0].vertices
    ra, dec = axes.wcs.wcs_pix2world(paths[:, 0], paths[:, 1], 0)
    edge = merger.places()
    outer = np.abs(merger.level_at(edge.ra, edge.dec) - 0.9) < 0.05
    nearest = [
        separation_deg(r, d, edge.ra[outer], edge.dec[outer]).min()
        for r, d in zip(ra[::7], dec[::7], strict=True)
    ]
    assert max(nearest) < 1.0


@settings(max_examples=50)
@given(
    st.floats(0, 359),
    st.floats(-80, 80),
    st.floats(0.001, 60),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 360)), min_size=1, max_size=6),
)
def test_the_near_view_contains_the_first_three(ra, dec, radius, offsets):
    region = Region(ra, dec, fisher(radius, 0.9))
    r, theta = np.array([o[0] for o in offsets]), [o[1] for o in offsets]
    decs = np.clip(dec + r * min(radius, 9) * np.cos(np.radians(theta)), -89, 89)
    ras = (ra + r * min(radius, 9) * np.sin(np.radians(theta))) % 360
    marks = [
        plot.Mark(n + 1, float(a), float(d))
        for n, (a, d) in enumerate(zip(ras, decs, strict=True))
    ]
    view = sky_pictures.near_view(region, marks)
    away = [float(separation_deg(view.ra, view.dec, m.ra, m.dec)) for m in marks[:3]]
    assert max(away) <= view.half_deg


def test_a_far_candidate_does_not_widen_the_near_view_to_the_sky(merger):
    marks = [plot.Mark(1, 197.45, -23.38), plot.Mark(2, 20.0, 40.0)]
    assert sky_pictures.near_view(merger, marks).half_deg < 20


def test_a_small_region_is_marked_by_a_ring_on_the_whole_sky():
    tiny = Region(40.0, 10.0, fisher(0.05, 0.9))
    axes = plot.sky(tiny).axes[0]
    assert [line.get_markersize() for line in axes.lines] == [11]


def test_a_light_curve_has_its_points_limits_and_the_line_of_the_event(merger):
    from datetime import datetime, timezone

    event = datetime(2024, 1, 1, tzinfo=timezone.utc)
    measured = LightCurve(
        (
            Measurement(event - timedelta(days=40), 19.0, None, "r", "limit"),
            Measurement(event - timedelta(days=2), 20.5, None, "r", "limit"),
            Measurement(event + timedelta(days=1), 18.0, 0.1, "r", "detection"),
            Measurement(event + timedelta(days=2), 18.5, 0.1, "g", "detection"),
        ),
        is_complete=True,
    )
    axes = plot.light_curve(measured, event).axes[0]
    assert axes.yaxis_inverted()
    days = sorted(x for line in axes.lines[1:] for x in line.get_xdata())
    assert days == [-2.0, 1.0, 2.0]  # nothing of 40 days before
    assert list(axes.lines[0].get_xdata()) == [0.0, 0.0]


def test_the_grey_levels_of_a_cutout_turn_the_first_row_down():
    image = np.zeros((5, 5), np.float32)
    image[0, 0], image[4, 4] = 100.0, np.nan
    levels = grey(image)
    assert levels[4, 0] == 255
    assert levels[0, 4] == 0
    assert grey(np.full((2, 2), np.nan, np.float32)).max() == 0
    assert png_of(image).startswith(b"\x89PNG")


def test_cutouts_leave_a_missing_one_empty():
    figure = plot.cutouts(Stamps({"science": np.eye(9, dtype=np.float32)}))
    assert [len(axes.images) for axes in figure.axes] == [1, 0, 0]


def test_the_finder_is_centred_on_the_candidate(merger, marks):
    axes = plot.finder(197.45, -23.38, marks, merger).axes[0]
    x, y = axes.wcs.wcs_world2pix([197.45], [-23.38], 0)
    assert x[0] == pytest.approx(sum(axes.get_xlim()) / 2, abs=1)
    assert y[0] == pytest.approx(sum(axes.get_ylim()) / 2, abs=1)


@pytest.mark.parametrize(
    ("library", "call"),
    [
        ("matplotlib.figure", lambda region: plot.near(region)),
        ("PIL", lambda region: png_of(np.eye(3, dtype=np.float32))),
        ("mocpy", lambda region: region_moc(region, 0.9)),
    ],
)
def test_a_library_that_is_missing_is_named(monkeypatch, merger, library, call):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=r"pip install 'fink-voevent\[pages\]'"):
        call(merger)
