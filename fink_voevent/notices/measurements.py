# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Measured values other than time and position.

These are the false-alarm rate, significance, classification, distance and the address
of the sky map.
"""

from __future__ import annotations

from collections.abc import Mapping

from fink_voevent import limits
from fink_voevent.notices.document import Document, parse_number
from fink_voevent.notices.streams import Stream

DAY_S, YEAR_S = 86400.0, 365.25 * 86400.0
_HZ_PER_UNIT = {
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
_RATE_PARAMS = ("FAR", "far", "Far")
_FLAG_VALUES = {"true": 1.0, "1": 1.0, "false": 0.0, "0": 0.0}
_CLASS_GROUPS = ("classification", "properties")
_SKYMAP_PARAMS = ("skymap_fits", "HealPix_URL", "SkyMap", "healpix_url", "SKYMAP_URL")


def false_alarm_rate(document: Document, stream: Stream) -> float | None:
    """Return the false-alarm rate in Hz, whatever its unit; None if it is not given.

    A rate of 0, or a negative one, is not given. The field `far_unit` of the stream
    replaces the unit.
    """
    if not any(name in document.values for name in _RATE_PARAMS):
        return None
    for param in document.params:
        if param.name in _RATE_PARAMS:
            value = parse_number(param.value)
            unit = stream.far_unit or param.unit
            scale = _HZ_PER_UNIT.get(unit.strip().lower())
            if value is not None and value > 0 and scale is not None:
                return value * scale
    return None


def significance(
    stream: Stream, values: Mapping[str, str]
) -> dict[str, str | float] | None:
    """Return the significance of an event.

    Parameters
    ----------
    stream : Stream
        Its field `significance` names the Params to look for.
    values : mapping
        Values of the Params by name.

    Returns
    -------
    dict or None
        ``name`` and ``value`` of the first of these Params that is a number above 0,
        which GCN writes in place of a missing value, as others do -1 or -99; None if
        there is none.
    """
    for name in stream.significance:
        value = parse_number(values.get(name))
        if value is not None and value > 0:
            return {"name": name, "value": value}
    return None


def classification(
    document: Document, stream: Stream, values: Mapping[str, str]
) -> list[tuple[str, float]] | None:
    """Return the classes that a notice names, and the probability (0-1) of each.

    Parameters
    ----------
    document : Document
        Params in the groups of classes of LVK and of GCN's schema are probabilities.
    stream : Stream
        Its fields `classes` and `class_...` name the Params that give classes by a
        number, in words, or as a flag. A word has the probability 1, a flag 1 or 0.
    values : mapping
        Values of the Params by name.

    Returns
    -------
    list of (str, float) or None
        None if there is no class.
    """
    found = {**_numbered(stream, values), **_named(stream, values)}
    found |= _grouped(document)
    return list(found.items()) or None


def _numbered(stream: Stream, values: Mapping[str, str]) -> dict[str, float]:
    """Classes that are given by their number, with a probability in percent."""
    found: dict[str, float] = {}
    for number, probability in stream.class_numbers.items():
        name = stream.classes.get(values.get(number, "").strip())
        percent = parse_number(values.get(probability))
        if name is not None and percent is not None and 0 <= percent <= 100:
            found.setdefault(name, percent / 100)
    return found


def _named(stream: Stream, values: Mapping[str, str]) -> dict[str, float]:
    """Classes that are given in words, or as a flag."""
    words = [values.get(name, "").strip() for name in stream.class_names]
    found = {word: 1.0 for word in words if word}
    for flag, name in stream.class_flags.items():
        value = _FLAG_VALUES.get(values.get(flag, "").strip().lower())
        if value is not None:
            found[name] = max(value, found.get(name, 0.0))
    return found


def _grouped(document: Document) -> dict[str, float]:
    """Probabilities in LVK's groups of classes."""
    groups = {
        param.group
        for param in document.params
        if param.group.rpartition("/")[2].lower() in _CLASS_GROUPS
    }
    if not groups:
        return {}
    probabilities = {
        param.name: parse_number(param.value)
        for param in document.params
        if param.group in groups
    }
    return {k: v for k, v in probabilities.items() if v is not None}


def distance(values: Mapping[str, str]) -> dict[str, float | None] | None:
    """Return mean and standard deviation (``std``) of the distance, Mpc.

    Numbers that are not above 0 are not given.
    """
    mean, std = (parse_number(values.get(name)) for name in ("distmean", "diststd"))
    if mean is None or mean <= 0:
        return None
    return {"mean": mean, "std": std if std is not None and std > 0 else None}


def skymap_url(document: Document) -> str | None:
    """Return the address of the sky map.

    None if it is missing, if it is longer than `limits.URL_CHARS`, or if it says that
    the map is not yet available.
    """
    for name in _SKYMAP_PARAMS:
        if name not in document.values:
            continue
        for param in document.params:
            url = param.value
            if param.name == name and url.startswith(("http://", "https://")):
                is_usable = "not.yet" not in url and len(url) <= limits.URL_CHARS
                return url if is_usable else None
    return None
