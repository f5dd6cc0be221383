# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A small light curve as SVG of about 1 kB: a page can have a thousand of them.

`plot.light_curve` is ten times larger, and takes a hundred times longer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from fink_voevent.alerts.light_curve import DETECTION, LIMIT, NEGATIVE
from fink_voevent.plot.light_curve_pictures import LEAST_SPAN, Point

WIDTH, HEIGHT = 168, 56
_LEFT, _RIGHT, _TOP, _BOTTOM = 28, 162, 5, 42
MOST_POINTS = 24  # the latest; older ones would be a stain
# Of a path, after it has moved to the point: a dot, a square, a triangle.
_SHAPES = {DETECTION: "h0", NEGATIVE: "m-2-2h4v4h-4z", LIMIT: "m-2.5-2h5l-2.5 4z"}
_CLASSES = {DETECTION: "de", NEGATIVE: "ne", LIMIT: "li"}
_KNOWN_BANDS = frozenset("ugrizy")


def small_light_curve(points: Sequence[Point], label: str) -> str:
    """Return the picture of a light curve.

    Parameters
    ----------
    points : sequence of Point
        In the order of time; magnitudes are AB, bright at the top.
    label : str
        What the picture shows, for those who cannot see it.

    Returns
    -------
    str
        An SVG element; empty without points.
    """
    shown = list(points)[-MOST_POINTS:]
    if not shown:
        return ""
    days = [0.0, *(point.days for point in shown)]
    first, last = min(days), max(days)
    margin = max(0.05 * (last - first), 0.02)
    first, last = first - margin, last + margin
    bright = min(point.magnitude for point in shown)
    faint = max(point.magnitude for point in shown)
    room = max(0.1 * (faint - bright), (LEAST_SPAN - (faint - bright)) / 2.0)
    bright, faint = bright - room, faint + room

    def x(day: float) -> str:
        return _short(_LEFT + (_RIGHT - _LEFT) * (day - first) / (last - first))

    def y(magnitude: float) -> str:
        return _short(_TOP + (_BOTTOM - _TOP) * (magnitude - bright) / (faint - bright))

    drawn: dict[str, str] = {}  # one path for all points of a kind and band
    for point in shown:
        place = f"M{x(point.days)} {y(point.magnitude)}"
        name = _class(point)
        drawn[name] = drawn.get(name, "") + place + _SHAPES[point.kind]
    marks = "".join(f'<path class="{name}" d="{d}"/>' for name, d in drawn.items())
    zero = x(0.0)
    return (
        f'<svg class="lc" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(label)}">'
        f'<path class="ax" d="M{_LEFT} {_TOP}V{_BOTTOM}H{_RIGHT}"/>'
        f'<path class="ev" d="M{zero} {_TOP}V{_BOTTOM}"/>'
        f'<text x="{_LEFT - 3}" y="{_TOP + 6}" class="e">{bright + room / 2:.1f}</text>'
        f'<text x="{_LEFT - 3}" y="{_BOTTOM}" class="e">{faint - room / 2:.1f}</text>'
        f"{_day_labels(first + margin, last - margin, x)}{marks}</svg>"
    )


def _day_labels(first: float, last: float, x: Callable[[float], str]) -> str:
    """Label the event, and the end that is further from it."""
    far, anchor = (first, "s") if -first > last else (last, "e")
    return (
        f'<text x="{x(0.0)}" y="{HEIGHT - 4}">0</text>'
        f'<text x="{x(far)}" y="{HEIGHT - 4}" class="{anchor}">{far:+.2g} d</text>'
    )


def _class(point: Point) -> str:
    """Class of CSS of a point, by its kind and its band."""
    band = point.band.lower()
    return _CLASSES[point.kind] + (f" b-{band}" if band in _KNOWN_BANDS else "")


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
