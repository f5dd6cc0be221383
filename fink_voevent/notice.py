# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""`Document` to `Notice`: one honest row, the same for the same bytes.

Which event, which version, when, where, how sure. What is particular to a publisher
comes from its block in ``streams.toml``.
"""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fink_voevent import classify, voevent
from fink_voevent.errors import NoticeError
from fink_voevent.position import Position, find_position
from fink_voevent.streams import Registry, Stream
from fink_voevent.times import from_tjd, parse_iso, to_utc

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://fink-broker.org/fink-voevent")
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
_SURPRISES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_CLASS_GROUPS = ("Classification", "Properties")
_SKYMAPS = ("skymap_fits", "HealPix_URL", "SkyMap", "healpix_url", "SKYMAP_URL")


@dataclass(frozen=True)
class EventTime:
    """UTC time of an event and where in the notice it was found."""

    time: datetime | None
    source: str


def notice_id(ivorn: str, raw: bytes) -> str:
    """Identity of a notice: UUIDv5 of its ivorn and of its element's bytes."""
    digest = hashlib.sha256(voevent.element_bytes(raw)).hexdigest()
    return str(uuid.uuid5(NAMESPACE, f"notice {ivorn} {digest}"))


def normalise(raw: bytes, registry: Registry) -> dict[str, Any]:
    """Row of the events table for a VOEvent, without the columns of its reception.

    Parameters
    ----------
    raw : bytes
        The document.
    registry : Registry
        The streams.

    Returns
    -------
    dict
        By column name of `fink_voevent.schema.EVENTS`.

    Raises
    ------
    NoticeError
        With the reason, where the bytes cannot be read as a VOEvent.
    """
    document = voevent.read(raw)
    try:
        return _row(raw, document, registry)
    except _SURPRISES as error:
        # one document that we do not foresee must not stop the stream
        raise NoticeError(f"not understood, please report: {error!r}") from error


def _row(raw: bytes, document: voevent.Document, registry: Registry) -> dict[str, Any]:
    issued = parse_iso(document.date)
    stream, groups = registry.find(document.ivorn, document.values, issued)
    values = {**document.values, **groups, "ivorn": document.ivorn}
    version, is_update = classify.version(stream, values)
    when = _event_time(document, stream, values, issued)
    place = find_position(document, stream, values)
    return {
        "ivorn": document.ivorn,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "notice_id": notice_id(document.ivorn, raw),
        "event_id": classify.event_id(document, stream, values),
        "version": version,
        "kind": classify.kind(document, values, is_update),
        "tense": classify.tense(document, stream, values),
        "live": stream.live,
        "schema_version": document.schema_version,
        "schema_valid": document.schema_valid,
        "issued": issued,
        "stream": stream.name,
        "observatory": stream.observatory,
        "instrument": stream.instrument,
        "messenger": stream.messenger,
        "notice_type": _fill(stream.notice_type, values),
        "time": when.time,
        "time_source": when.source,
        **_position_columns(place),
        "window_before": stream.window_days[0],
        "window_after": stream.window_days[1],
        "far": _far(document),
        "significance": _significance(stream, values),
        "classification": _classification(document),
        "distance": _distance(values),
        "skymap_url": _skymap_url(document),
        "cites": [{"ivorn": i, "cite": c} for i, c in document.cites],
        "params": document.params,
    }


def _fill(template: str | None, values: Mapping[str, str]) -> str | None:
    if template is None or "{" not in template:
        return template
    return classify.fill(template, values) or None


def _event_time(
    document: voevent.Document,
    stream: Stream,
    values: Mapping[str, str],
    issued: datetime | None,
) -> EventTime:
    source = "isotime" if stream.time == "trigger" else "observation"
    location = next((w for w in document.locations if w.time), None)
    moment = parse_iso(location.time) if location else None
    if location is not None and moment is not None:
        return EventTime(to_utc(moment, location.coord_system), source)
    moment = from_tjd(values, issued)
    if moment is not None:
        return EventTime(moment, "tjd" if source == "isotime" else source)
    return EventTime(None, "none")


def _position_columns(place: Position) -> dict[str, Any]:
    mixture = place.fisher
    return {
        "ra": place.ra_deg,
        "dec": place.dec_deg,
        "position_kind": place.kind,
        "error_raw": place.error_raw_deg,
        "containment": place.containment,
        "error_r90": place.error_r90_deg,
        "area_90": place.area_90_deg2,
        "fisher": None
        if mixture is None
        else {
            "fraction": mixture.fraction,
            "core_kappa": mixture.core_kappa,
            "tail_kappa": mixture.tail_kappa,
        },
        "cells": None
        if place.cells is None
        else [{"lo": lo, "hi": hi} for lo, hi in place.cells],
    }


def number(text: str | None) -> float | None:
    """Finite number of a text; None where it is none, or one of GCN's int32 fillers."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value > -2.1e7 else None


def _far(document: voevent.Document) -> float | None:
    for param in document.params:
        if param.name.upper() == "FAR":
            value = number(param.value)
            scale = _RATE_UNITS.get(param.unit.strip().lower())
            if value is not None and scale is not None:
                return value * scale
    return None


def _significance(stream: Stream, values: Mapping[str, str]) -> dict[str, Any] | None:
    for name in stream.significance:
        value = number(values.get(name))
        if value is not None:
            return {"name": name, "value": value}
    return None


def _classification(document: voevent.Document) -> list[tuple[str, float]] | None:
    probabilities = {
        param.name: number(param.value)
        for param in document.params
        if param.group and param.group.rpartition("/")[2] in _CLASS_GROUPS
    }
    return [(k, v) for k, v in probabilities.items() if v is not None] or None


def _distance(values: Mapping[str, str]) -> dict[str, float | None] | None:
    mean = number(values.get("distmean"))
    if mean is None:
        return None
    return {"mean": mean, "std": number(values.get("diststd"))}


def _skymap_url(document: voevent.Document) -> str | None:
    for name in _SKYMAPS:
        for param in document.params:
            if param.name == name and param.value.startswith(("http://", "https://")):
                return None if "not.yet" in param.value else param.value
    return None
