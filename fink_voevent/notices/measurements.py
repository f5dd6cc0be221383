# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What a notice measures beside time and place: rate, significance, class, distance."""

from __future__ import annotations

import math
from collections.abc import Mapping

from fink_voevent.notices.streams import Stream
from fink_voevent.notices.voevent import Document

DAY_S, YEAR_S = 86400.0, 365.25 * 86400.0
_RATE_UNITS = {
    "": 1.0,
    "hz": 1.0,
    "s^-1": 1.0,
    "1/s": 1.0,
    "yr^-1": 1 / YEAR_S,
    "1/yr": 1 / YEAR_S,
    "day^-1": 1 / DAY_S,
    "1/day": 1 / DAY_S,
    "d^-1": 1 / DAY_S,
}
_RATES = ("FAR", "far", "Far")
_CLASS_GROUPS = ("classification", "properties")
_SKYMAPS = ("skymap_fits", "HealPix_URL", "SkyMap", "healpix_url", "SKYMAP_URL")


def number(text: str | None) -> float | None:
    """Finite number of a text; None where it is none, or one of GCN's int32 fillers."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value > -2.1e7 else None


def far(document: Document) -> float | None:
    """False-alarm rate in Hz, from any unit; null where there is none."""
    if not any(name in document.values for name in _RATES):
        return None
    for param in document.params:
        if param.name in _RATES:
            value = number(param.value)
            scale = _RATE_UNITS.get(param.unit.strip().lower())
            if value is not None and scale is not None:
                return value * scale
    return None


def significance(
    stream: Stream, values: Mapping[str, str]
) -> dict[str, str | float] | None:
    """Name and value of the first Param that the stream names for it."""
    for name in stream.significance:
        value = number(values.get(name))
        if value is not None:
            return {"name": name, "value": value}
    return None


def classification(document: Document) -> list[tuple[str, float]] | None:
    """Probabilities by class: the Params of LVK's groups."""
    groups = {param.group for param in document.params}
    wanted = {
        group for group in groups if group.rpartition("/")[2].lower() in _CLASS_GROUPS
    }
    if not wanted:
        return None
    probabilities = {
        param.name: number(param.value)
        for param in document.params
        if param.group in wanted
    }
    return [(k, v) for k, v in probabilities.items() if v is not None] or None


def distance(values: Mapping[str, str]) -> dict[str, float | None] | None:
    """Mean and standard deviation of the distance, Mpc."""
    mean = number(values.get("distmean"))
    if mean is None:
        return None
    return {"mean": mean, "std": number(values.get("diststd"))}


def skymap_url(document: Document) -> str | None:
    """Address of the sky map; null where it is a filler that says "not yet"."""
    for name in _SKYMAPS:
        if name not in document.values:
            continue
        for param in document.params:
            if param.name == name and param.value.startswith(("http://", "https://")):
                return None if "not.yet" in param.value else param.value
    return None
