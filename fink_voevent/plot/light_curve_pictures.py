# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Picture of a light curve, with limits and the line of the event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from fink_voevent.alerts.light_curve import DETECTION, LIMIT, LightCurve, Measurement
from fink_voevent.plot.style import FONT_PT, colour, new_figure

LEAST_SPAN = 1.0  # mag: less would make noise look like a change
BEFORE_DAYS = 15.0  # earlier measurements are not drawn


class Point(NamedTuple):
    """A measurement relative to the event: days, magnitude and error (mag)."""

    days: float
    magnitude: float
    error: float
    band: str
    kind: str


def points(light_curve: LightCurve, event_time: datetime) -> list[Point]:
    """Return the measurements from `BEFORE_DAYS` before an event on.

    Parameters
    ----------
    light_curve : LightCurve
    event_time : datetime
        UTC.

    Returns
    -------
    list of Point
        If none of these is a detection, all measurements.
    """
    every = [_point(one, event_time) for one in light_curve.measurements]
    recent = [point for point in every if point.days >= -BEFORE_DAYS]
    return recent if any(p.kind != LIMIT for p in recent) else every


def _point(one: Measurement, event_time: datetime) -> Point:
    days = (one.time - event_time).total_seconds() / 86400.0
    return Point(days, one.magnitude, one.error or 0.0, one.band, one.kind)


def light_curve(measured: LightCurve, event_time: datetime) -> Any:
    """Draw a light curve: detections, limits, and a line at the time of the event.

    Parameters
    ----------
    measured : LightCurve
    event_time : datetime
        UTC.

    Returns
    -------
    matplotlib.figure.Figure
        Its only axes have days since the event and magnitudes (AB), bright at the top.

    Raises
    ------
    InputError
        If matplotlib is not installed.
    """
    figure = new_figure(3.6, 2.1)
    axes = figure.add_axes((0.165, 0.2, 0.815, 0.74))
    shown = points(measured, event_time)
    axes.axvline(0.0, color=colour("accent"), linewidth=1.2, zorder=1)
    for band in sorted({point.band for point in shown}):
        _draw_band(axes, band, [point for point in shown if point.band == band])
    _finish(axes, shown)
    return figure


def _draw_band(axes: Any, band: str, shown: Sequence[Point]) -> None:
    ink = colour(f"band-{band.lower()}")
    style: dict[str, Any] = {"color": ink, "linestyle": "none", "zorder": 3}
    detected = [point for point in shown if point.kind != LIMIT]
    limits = [point for point in shown if point.kind == LIMIT]
    label = band or "band not known"
    if detected:
        axes.errorbar(
            [p.days for p in detected],
            [p.magnitude for p in detected],
            [p.error for p in detected],
            marker="o" if all(p.kind == DETECTION for p in detected) else "s",
            markersize=4,
            elinewidth=0.8,
            label=label,
            **style,
        )
    if limits:
        axes.plot(
            [p.days for p in limits],
            [p.magnitude for p in limits],
            marker="v",
            markersize=4,
            markerfacecolor="none",
            markeredgewidth=0.8,
            label=f"{label} limit",
            **style,
        )


def _finish(axes: Any, shown: Sequence[Point]) -> None:
    days = [0.0, *(point.days for point in shown)]
    margin = max(0.06 * (max(days) - min(days)), 0.05)
    axes.set_xlim(min(days) - margin, max(days) + margin)
    if shown:
        bright = min(point.magnitude - point.error for point in shown)
        faint = max(point.magnitude + point.error for point in shown)
        room = max(0.12 * (faint - bright), (LEAST_SPAN - (faint - bright)) / 2.0)
        axes.set_ylim(faint + room, bright - room)
    muted = colour("muted")
    axes.set_facecolor("none")
    axes.tick_params(colors=muted, labelsize=FONT_PT, length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(muted)
    axes.set_xlabel("days since the event", color=muted, fontsize=FONT_PT)
    axes.set_ylabel("magnitude (AB)", color=muted, fontsize=FONT_PT)
    axes.annotate(
        "event",
        (0.0, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(3, -2),
        textcoords="offset points",
        va="top",
        color=colour("accent"),
        fontsize=FONT_PT,
    )
    if shown:
        axes.legend(
            fontsize=FONT_PT - 1,
            frameon=False,
            labelcolor=muted,
            handletextpad=0.2,
            loc="best",
        )
    axes.xaxis.get_major_locator().set_params(nbins=6)
    axes.yaxis.get_major_locator().set_params(nbins=5)
    axes.set_axisbelow(True)
