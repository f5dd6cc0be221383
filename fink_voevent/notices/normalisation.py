# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Convert a notice to a row of the table events.

The same bytes always give the same row. What is particular to a publisher is in its
block of ``streams.toml``.
"""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from fink_voevent.errors import NoticeError, apply_each
from fink_voevent.notices import formats, identity, measurements
from fink_voevent.notices.burst_names import burst_names
from fink_voevent.notices.document import Document, check_identifier
from fink_voevent.notices.position import find_position
from fink_voevent.notices.publishers import Publishers
from fink_voevent.notices.streams import Registry, Stream, fill
from fink_voevent.notices.times import from_tjd, parse_iso, time_scale, to_utc
from fink_voevent.tables.schema import NAMESPACE

if TYPE_CHECKING:
    from fink_voevent.sky.skymap import SkyMap


_COINCIDENT = "External_Ivorn"  # in VOEvents of LVK; as ``external_coinc`` in JSON


class EventTime(NamedTuple):
    """Time of an event as written, its time scale, and where it was found."""

    time: datetime | None
    scale: str
    source: str


@dataclass(frozen=True)
class IdentifiedDocument:
    """A document with its stream.

    Parameters
    ----------
    document : Document
        Its content.
    stream : Stream
        The block of ``streams.toml`` to which it belongs.
    values : mapping
        Values of its Params and of the named groups of its ivorn, by name.
    issued : datetime or None
        When it was issued, UTC.
    registry : Registry
        All streams.
    """

    document: Document
    stream: Stream
    values: Mapping[str, str]
    issued: datetime | None
    registry: Registry

    @property
    def publishers(self) -> Publishers:
        """The publishers of all streams."""
        return self.registry.publishers


def notice_id(document: Document) -> str:
    """Return the UUIDv5 of a notice, from its ivorn and the bytes of its message."""
    name = f"notice {document.ivorn} {document.digest}"
    return str(uuid.uuid5(NAMESPACE, name))


def normalise(raw: bytes, registry: Registry) -> dict[str, Any]:
    """Convert a notice to a row of the table events.

    Parameters
    ----------
    raw : bytes
        The document, in any format.
    registry : Registry
        The streams.

    Returns
    -------
    dict
        Values of the columns `fink_voevent.tables.notices.READ_NOTICE` by name, without
        those of the reception, `received_at`, `transport` and `source`.

    Raises
    ------
    NoticeError
        If the bytes cannot be read as a notice. The message is the reason.
    """
    (row,) = normalise_all([raw], registry)
    if isinstance(row, NoticeError):
        raise row
    return row


def normalise_all(
    raws: Sequence[bytes],
    registry: Registry,
    received: Sequence[datetime | None] | None = None,
) -> list[dict[str, Any] | NoticeError]:
    """Convert several notices to rows of the table events.

    Parameters
    ----------
    raws : sequence of bytes
        The documents, in any format.
    registry : Registry
        The streams.
    received : sequence of datetime or None, optional
        When each document was received: an issue time of the future is not believed,
        see `identity.believed`. None believes any.

    Returns
    -------
    list
        For each document, in order, the row that `normalise` returns, or the error if
        it cannot be read.
    """
    # Each step is done for all documents before the next, so that its code and tables
    # stay in the processor's cache: this saves a seventh of the time.
    documents = formats.read_all(raws)
    identified = apply_each(partial(_identify, registry), documents)
    positions = apply_each(_position_columns, identified)
    moments = [None] * len(raws) if received is None else received
    results = apply_each(_row, raws, moments, identified, positions)
    rows = [r if isinstance(r, NoticeError) else r[0] for r in results]
    # The rows whose time is in another scale, converted at once.
    to_convert = [
        r for r in results if not isinstance(r, NoticeError) and r[1] != "utc"
    ]
    utc = to_utc([row["time"] for row, _ in to_convert], [s for _, s in to_convert])
    for (row, _), moment in zip(to_convert, utc, strict=True):
        row["time"] = moment
    return rows


def _identify(registry: Registry, document: Document) -> IdentifiedDocument:
    issued = parse_iso(document.date)
    stream, groups = registry.find(document.ivorn, document.values, issued)
    picked = stream.picked(document.params)
    values = {**document.values, **picked, **groups, "ivorn": document.ivorn}
    return IdentifiedDocument(document, stream, values, issued, registry)


def _position_columns(identified: IdentifiedDocument) -> dict[str, Any]:
    """Columns of the position and of the region."""
    position = find_position(identified.document, identified.stream, identified.values)
    fisher, ellipse, cells = position.fisher, position.ellipse, position.cells
    return {
        "ra": position.ra_deg,
        "dec": position.dec_deg,
        "position_kind": position.kind,
        "error_raw": position.error_raw_deg,
        "containment": position.containment,
        "error_r90": position.error_r90_deg,
        "area_90": position.area_90_deg2,
        "fisher": None
        if fisher is None
        else {
            "fraction": fisher.fraction,
            "core_kappa": fisher.core_kappa,
            "tail_kappa": fisher.tail_kappa,
        },
        "ellipse": None if ellipse is None else vars(ellipse),
        "cells": None if cells is None else [{"lo": lo, "hi": hi} for lo, hi in cells],
        "pixels": pixel_rows(position.skymap),
        "pixel_distances": distance_rows(position.skymap),
        "distance": _map_distance(position.skymap),
        "skymap_state": position.skymap_state,
    }


def _row(
    raw: bytes,
    received: datetime | None,
    identified: IdentifiedDocument,
    position: dict[str, Any],
) -> tuple[dict[str, Any], str]:
    """Row with the time as written, and the scale of that time."""
    document, stream, values = (
        identified.document,
        identified.stream,
        identified.values,
    )
    kind = identity.kind(document, stream, values)
    event_id = identity.event_id(document, stream, values, identified.publishers)
    check_identifier("event id", event_id)
    event_time = _event_time(identified)
    row = {
        "ivorn": document.ivorn,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "notice_id": notice_id(document),
        "event_id": event_id,
        "publisher": identified.publishers.of(document.ivorn),
        "version": identity.version(
            stream, values, identity.believed(identified.issued, received), kind
        ),
        "kind": kind,
        "tense": identity.tense(document, stream, values, kind),
        "live": stream.live,
        "schema_version": document.schema_version,
        "schema_valid": document.schema_valid,
        "issued": identified.issued,
        "stream": stream.name,
        "observatory": _filled(stream.observatory, values),
        "instrument": _filled(stream.instrument, values),
        "messenger": stream.messenger,
        "notice_type": _filled(stream.notice_type, values),
        "time": event_time.time,
        "time_source": event_time.source,
        **position,
        "window_before": stream.window_days[0],
        "window_after": stream.window_days[1],
        "far": measurements.false_alarm_rate(document, stream),
        "significance": measurements.significance(stream, values),
        "classification": measurements.classification(document, stream, values),
        "skymap_url": measurements.skymap_url(document),
        "skymap_sha256": None
        if document.skymap is None
        else hashlib.sha256(document.skymap).hexdigest(),
        "cites": [{"ivorn": i, "cite": c} for i, c in document.cites],
        "params": document.params,
        "names": sorted(burst_names(document.params) | _cited(identified)),
    }
    if position["distance"] is None:  # the distance of the sky map has priority
        row["distance"] = measurements.distance(values)
    return row, event_time.scale


def _cited(identified: IdentifiedDocument) -> set[str]:
    """Events of other publishers of which a notice is cited."""
    registry, publishers = identified.registry, identified.publishers
    own = publishers.of(identified.document.ivorn)
    cited = [ivorn for ivorn, _ in identified.document.cites]
    if identified.stream.messenger == "gw" and _COINCIDENT in identified.values:
        cited.append(identified.values[_COINCIDENT].strip())
    found = set()
    for ivorn in cited:
        publisher = publishers.of(ivorn)
        event = None if publisher == own else registry.event_of(ivorn)
        if event is not None and publishers.owns(publisher, event):
            found.add(event)
    return found


def _filled(template: str | None, values: Mapping[str, str]) -> str | None:
    if template is None or "{" not in template:
        return template
    return fill(template, values) or None


def _event_time(identified: IdentifiedDocument) -> EventTime:
    location = next((w for w in identified.document.locations if w.time), None)
    is_trigger = identified.stream.time == "trigger" and not (
        location is not None and location.is_observation
    )
    moment = parse_iso(location.time) if location else None
    if location is not None and moment is not None:
        scale = time_scale(location.coord_system)
        return EventTime(moment, scale, "isotime" if is_trigger else "observation")
    moment = from_tjd(identified.values, identified.issued)
    if moment is not None:
        return EventTime(moment, "utc", "tjd" if is_trigger else "observation")
    if location is not None and identified.issued is not None:
        return EventTime(identified.issued, "utc", "issued")  # instead of no match
    return EventTime(None, "utc", "none")


def pixel_rows(skymap: SkyMap | None) -> list[dict[str, float]] | None:
    """Return the pixels of a sky map as the tables store them; None without a map.

    Returns
    -------
    list of dict or None
        ``lo``, ``hi``, ``level`` and ``density`` of each pixel, as in `SkyMap`.
    """
    if skymap is None:
        return None
    names = ("lo", "hi", "level", "density")
    columns = zip(*[getattr(skymap, name).tolist() for name in names], strict=True)
    return [dict(zip(names, pixel, strict=True)) for pixel in columns]


def distance_rows(skymap: SkyMap | None) -> list[dict[str, float | None]] | None:
    """Return the distances of pixels as the tables store them.

    Returns
    -------
    list of dict or None
        ``distmu``, ``distsigma`` and ``distnorm`` of each pixel, None where a value is
        not finite; None without a map, or if it has no distances.
    """
    if skymap is None or skymap.distances is None:
        return None
    names = ("distmu", "distsigma", "distnorm")
    return [
        {n: v if math.isfinite(v) else None for n, v in zip(names, row, strict=True)}
        for row in skymap.distances.tolist()
    ]


def _map_distance(skymap: SkyMap | None) -> dict[str, float | None] | None:
    """Distance (Mpc) in the header of a sky map."""
    if skymap is None or skymap.distance is None:
        return None
    mean, std = skymap.distance
    return {"mean": mean, "std": std}
