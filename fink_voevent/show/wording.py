# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Numbers, times and names as a page writes them, with their units."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from fink_voevent.notices.measurements import YEAR_S
from fink_voevent.notices.quantities import format_area, format_number

MESSENGERS = {
    "grb": "Gamma-ray burst",
    "gw": "Gravitational wave",
    "neutrino": "Neutrino",
    "frb": "Fast radio burst",
    "xray": "X-ray transient",
    "optical": "Optical transient",
    "supernova": "Supernova",
    "gamma": "Gamma-ray source",
    "unknown": "Event of an unknown kind",
}
SURVEYS = {"ztf": "ZTF", "rubin": "Rubin"}
# Classes of LVK in words; others are written as their publisher calls them.
CLASSES = {
    "BNS": "two neutron stars",
    "NSBH": "a neutron star and a black hole",
    "BBH": "two black holes",
    "Terrestrial": "noise of the detectors",
    "MassGap": "an object in the mass gap",
}
MOST_NAME = 60  # characters of a name made by others


def messenger(name: str) -> str:
    """Return a messenger in words."""
    return MESSENGERS.get(name, name)


def survey(name: str) -> str:
    """Return the name of a survey as people write it."""
    return SURVEYS.get(name, name)


def short(text: str, most: int = MOST_NAME) -> str:
    """Return a text that others have made, printable and not longer than `most`."""
    clean = "".join(c if c.isprintable() else "\ufffd" for c in text)
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"


def time(moment: datetime | None) -> str:
    """Return a time to the second, or "not known"."""
    return "not known" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def area(area_deg2: float) -> str:
    """Return an area with its unit."""
    text = format_area(area_deg2)
    return f"{text[:-1]}²"  # it ends with deg2, arcmin2 or arcsec2


def angle(angle_deg: float) -> str:
    """Return an angle with its unit: degrees, arcminutes or arcseconds."""
    if angle_deg >= 0.5:
        return f"{format_number(angle_deg)}°"
    if angle_deg * 60 >= 0.5:
        return f"{format_number(angle_deg * 60)}′"
    return f"{format_number(angle_deg * 3600)}″"


def duration(days: float) -> str:
    """Return a duration (d) as minutes, hours or days, without its sign."""
    days = abs(days)
    if days < 1.0 / 12.0:
        return f"{days * 1440:.0f} min"
    return f"{days * 24:.1f} h" if days < 2.0 else f"{days:.3g} d"


def percent(probability: float) -> str:
    """Return a probability (0-1) in percent, no digits but for the smallest."""
    value = 100.0 * probability
    if 0.0 < value < 1.0:
        return f"{value:.1g} %"
    return f"{value:.0f} %"


def expected(number: float | None) -> str:
    """Return an expected number, two digits; a dash if it is not known."""
    if number is None:
        return "–"
    if math.isinf(number) or number >= 100:
        return "> 99"
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def magnitude(value: float | None, band: str) -> str:
    """Return a magnitude with its band; a dash if it is not measured."""
    if value is None:
        return "–"
    return f"{value:.1f} mag ({band})" if band else f"{value:.1f} mag"


def position(ra_deg: float, dec_deg: float) -> str:
    """Return a position in degrees, as it can be copied."""
    return f"{ra_deg:.5f} {dec_deg:+.5f}"


def sexagesimal(ra_deg: float, dec_deg: float) -> str:
    """Return a position as hours and degrees, to 0.1 arcsec."""
    tenths = round(abs(dec_deg) * 36000)
    degrees, rest = divmod(tenths, 36000)
    hundredths = round(ra_deg % 360.0 / 15.0 * 360000) % (24 * 360000)
    hours, part = divmod(hundredths, 360000)
    sign = "-" if dec_deg < 0 else "+"
    return (
        f"{hours:02d}:{part // 6000:02d}:{part % 6000 / 100:05.2f}"
        f" {sign}{degrees:02d}:{rest // 600:02d}:{rest % 600 / 10:04.1f}"
    )


def false_alarms(rate_hz: float) -> str:
    """Return a false-alarm rate as one in so many years, or as so many a year."""
    per_year = rate_hz * YEAR_S
    if per_year <= 0:
        return "none expected"
    if per_year < 1:
        return f"1 in {format_number(1 / per_year)} years"
    return f"{format_number(per_year)} a year"


def likely_class(classes: Mapping[str, float]) -> str:
    """Return the most probable class of a merger in words; empty if there is none."""
    known = {name: classes[name] for name in CLASSES if classes.get(name) is not None}
    if not known:
        return ""
    best = max(known, key=lambda name: known[name])
    if best == "Terrestrial":
        return f"most likely noise ({percent(known[best])})"
    return f"most likely {CLASSES[best]} ({percent(known[best])})"
