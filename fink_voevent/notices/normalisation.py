# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""`Document` to `Notice`: one honest row, the same for the same bytes.

Which event, which version, when, where, how sure. What is particular to a publisher
comes from its block in ``streams.toml``.
"""

from __future__ import annotations

import functools
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

from fink_voevent.errors import NoticeError, each
from fink_voevent.notices import formats, identity, measurements, voevent
from fink_voevent.notices.position import Position, find_position
from fink_voevent.notices.streams import Registry, Stream
from fink_voevent.notices.times import from_tjd, parse_iso, scale_of, to_utc
from fink_voevent.sky.skymap import SkyMap
from fink_voevent.tables.schema import NAMESPACE

T = TypeVar("T")
_SURPRISES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class EventTime(NamedTuple):
    """Time of an event as written, its time scale, and where it was found."""

    time: datetime | None
    scale: str
    source: str


def notice_id(document: voevent.Document) -> str:
    """Identity of a notice: UUIDv5 of its ivorn and of the bytes of its message."""
    name = f"notice {document.ivorn} {document.digest}"
    return str(uuid.uuid5(NAMESPACE, name))


def normalise(raw: bytes, registry: Registry) -> dict[str, Any]:
    """Row of the events table for a notice, without the columns of its reception.

    Parameters
    ----------
    raw : bytes
        The document.
    registry : Registry
        The streams.

    Returns
    -------
    dict
        By column name of `fink_voevent.tables.notices.EVENTS`.

    Raises
    ------
    NoticeError
        With the reason, where the bytes cannot be read as a notice.
    """
    (row,) = normalise_all([raw], registry)
    if isinstance(row, NoticeError):
        raise row
    return row


def normalise_all(
    raws: Sequence[bytes], registry: Registry
) -> list[dict[str, Any] | NoticeError]:
    """Rows of several documents, in order; the error where one cannot be read.

    Step by step, not document by document: each step then finds its code and tables in
    the processor's cache, which saves a seventh of the time. Time scales are converted
    all at once.
    """
    documents = formats.read_all(raws)
    known = each(partial(_identify, registry), documents)
    places = each(_place, known)
    found = each(_row, raws, known, places)
    rows = [f if isinstance(f, NoticeError) else f[0] for f in found]
    dated = [f for f in found if not isinstance(f, NoticeError) and f[1] != "utc"]
    utc = to_utc([row["time"] for row, _ in dated], [scale for _, scale in dated])
    for (row, _), moment in zip(dated, utc, strict=True):
        row["time"] = moment
    return rows


@dataclass(frozen=True)
class Known:
    """A document and its stream; `values` are its Params and the parts of its ivorn."""

    document: voevent.Document
    stream: Stream
    values: Mapping[str, str]
    issued: datetime | None


def _understood(step: Callable[..., T]) -> Callable[..., T]:
    """Make what we do not foresee in one document an error of that document alone."""

    @functools.wraps(step)
    def guarded(*items: Any) -> T:
        try:
            return step(*items)
        except _SURPRISES as error:
            raise NoticeError(f"not understood, please report: {error!r}") from error

    return guarded


@_understood
def _identify(registry: Registry, document: voevent.Document) -> Known:
    issued = parse_iso(document.date)
    stream, groups = registry.find(document.ivorn, document.values, issued)
    values = {**document.values, **groups, "ivorn": document.ivorn}
    return Known(document, stream, values, issued)


@_understood
def _place(known: Known) -> dict[str, Any]:
    place = find_position(known.document, known.stream, known.values)
    return _position_columns(place)


@_understood
def _row(raw: bytes, known: Known, place: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Row with the time as written, and the scale of that time."""
    document, stream, values = known.document, known.stream, known.values
    version, is_update = identity.version(stream, values)
    when = _event_time(known)
    row = {
        "ivorn": document.ivorn,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "notice_id": notice_id(document),
        "event_id": identity.event_id(document, stream, values),
        "version": version,
        "kind": identity.kind(document, values, is_update),
        "tense": identity.tense(document, stream, values),
        "live": stream.live,
        "schema_version": document.schema_version,
        "schema_valid": document.schema_valid,
        "issued": known.issued,
        "stream": stream.name,
        "observatory": _fill(stream.observatory, values),
        "instrument": _fill(stream.instrument, values),
        "messenger": stream.messenger,
        "notice_type": _fill(stream.notice_type, values),
        "time": when.time,
        "time_source": when.source,
        **place,
        "window_before": stream.window_days[0],
        "window_after": stream.window_days[1],
        "far": measurements.far(document),
        "significance": measurements.significance(stream, values),
        "classification": measurements.classification(document),
        "skymap_url": measurements.skymap_url(document),
        "skymap_sha256": None
        if document.skymap is None
        else hashlib.sha256(document.skymap).hexdigest(),
        "cites": [{"ivorn": i, "cite": c} for i, c in document.cites],
        "params": document.params,
    }
    if place["distance"] is None:  # the sky map's own, else what the notice says
        row["distance"] = measurements.distance(values)
    return row, when.scale


def _fill(template: str | None, values: Mapping[str, str]) -> str | None:
    if template is None or "{" not in template:
        return template
    return identity.fill(template, values) or None


def _event_time(known: Known) -> EventTime:
    document = known.document
    source = "isotime" if known.stream.time == "trigger" else "observation"
    location = next((w for w in document.locations if w.time), None)
    moment = parse_iso(location.time) if location else None
    if location is not None and moment is not None:
        return EventTime(moment, scale_of(location.coord_system), source)
    moment = from_tjd(known.values, known.issued)
    if moment is not None:
        return EventTime(moment, "utc", "tjd" if source == "isotime" else source)
    return EventTime(None, "utc", "none")


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
        "ellipse": None if place.ellipse is None else vars(place.ellipse),
        "cells": None
        if place.cells is None
        else [{"lo": lo, "hi": hi} for lo, hi in place.cells],
        "pixels": pixels(place.skymap),
        "distance": _distance(place.skymap),
        "skymap_state": place.skymap_state,
    }


def pixels(skymap: SkyMap | None) -> list[dict[str, float]] | None:
    """Pixels of a map as the tables hold them; None where there is no map."""
    if skymap is None:
        return None
    names = ("lo", "hi", "level", "density")
    columns = zip(*[getattr(skymap, name).tolist() for name in names], strict=True)
    return [dict(zip(names, pixel, strict=True)) for pixel in columns]


def _distance(skymap: SkyMap | None) -> dict[str, float | None] | None:
    if skymap is None or skymap.distance is None:
        return None
    mean, std = skymap.distance
    return {"mean": mean, "std": std}
