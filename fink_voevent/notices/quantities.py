# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Angles, areas, durations and rates as text, in the unit that a person would use."""

from __future__ import annotations

from datetime import timedelta


def format_number(number: float) -> str:
    """Return a number with three digits, or with all of those before the point."""
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def format_angle(angle_deg: float) -> str:
    """Return an angle (deg), 0 or more, in deg, arcmin or arcsec.

    Examples
    --------
    >>> format_angle(0.5), format_angle(0.05), format_angle(0.001)
    ('0.5 deg', '3 arcmin', '3.6 arcsec')
    """
    if angle_deg >= 0.5:
        return f"{format_number(angle_deg)} deg"
    if angle_deg * 60 >= 0.5:
        return f"{format_number(angle_deg * 60)} arcmin"
    return f"{format_number(angle_deg * 3600)} arcsec"


def format_area(area_deg2: float) -> str:
    """Return an area (deg2), 0 or more, in deg2, arcmin2 or arcsec2."""
    if area_deg2 >= 0.1:
        return f"{format_number(area_deg2)} deg2"
    if area_deg2 * 60**2 >= 0.1:
        return f"{format_number(area_deg2 * 60**2)} arcmin2"
    return f"{format_number(area_deg2 * 3600**2)} arcsec2"


def format_duration(duration: timedelta) -> str:
    """Return a duration, 0 or more, in days, hours, minutes or seconds."""
    seconds = duration.total_seconds()
    for unit_s, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit_s:
            return f"{format_number(seconds / unit_s)} {unit}"
    return f"{format_number(seconds)} s"


def format_rate(per_year: float) -> str:
    """Return a rate (1/yr), 0 or more; with its inverse if it is below 1/yr."""
    text = f"{format_number(per_year)} /yr"
    if 0 < per_year < 1:
        return f"{text} (one in {format_number(1 / per_year)} yr)"
    return text


def format_percent(probability: float) -> str:
    """Return a probability (0-1) in percent."""
    return f"{probability * 100:.3g} %"
