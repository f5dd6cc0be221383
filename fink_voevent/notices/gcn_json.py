# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Read JSON notices, of LVK (igwn.gwalert) and of GCN's core schema, to `Document`.

These notices have no ivorn; one is composed of the fields that identify the notice.
Everything else is stored as a VOEvent would have it, so that streams.toml and all later
steps serve both formats.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from fink_voevent import limits
from fink_voevent.errors import NoticeError, UnknownFormatError
from fink_voevent.notices import other_documents
from fink_voevent.notices.document import (
    Document,
    Location,
    Param,
    check_size,
    inner_group,
    parse_number,
    without_blanks,
)

LVK, GCN = "igwn.gwalert", "gcn.notices"
_SCHEMA = re.compile(r"gcn/notices/(?P<topic>[\w./-]+?)\.schema\.json")
_LVK_TOPIC = re.compile(r"\b(lvk|lvc|igwn|ligo)\b", re.IGNORECASE)
# Sky maps in base64 do not become Params, whatever their name: FITS, and gzip.
_MAPS = ("skymap", "combined_skymap", "healpix_file")
_MAP_STARTS = ("U0lNUExFICA9", "H4sI")
_UNITS = {"far": "Hz", "ra": "deg", "dec": "deg", "ra_dec_error": "deg"}


def is_json(raw: bytes) -> bool:
    """Return whether bytes begin like a JSON object."""
    if raw[:1] == b"<":  # XML, as most notices are
        return False
    return without_blanks(raw)[:1] == b"{"


def read(raw: bytes) -> Document:
    """Read a JSON notice.

    Parameters
    ----------
    raw : bytes
        The JSON document.

    Raises
    ------
    NoticeError
        If the document exceeds one of the bounds of `fink_voevent.limits`, is not a
        JSON object of text in UTF-8, or is neither an alert of LVK nor of a schema of
        GCN. The message is the reason.
    """
    check_size(raw)
    content = _parse(without_blanks(raw))
    _check_values(content)
    if b"\\u" in raw:
        _check_escapes(content)
    name = str(content.get("$schema", ""))[: limits.URL_CHARS]
    schema = _SCHEMA.search(name)
    if "superevent_id" in content and not _is_of_others(schema):
        return _lvk_document(raw, content)
    if schema is not None:
        if other_documents.is_heartbeat(content):
            raise NoticeError(other_documents.HEARTBEAT)
        return _gcn_document(raw, content, schema["topic"])
    raise NoticeError(
        other_documents.describe_object(content)
        or "JSON without superevent_id (LVK) and without a $schema of GCN's notices"
    )


def _is_of_others(schema: re.Match[str] | None) -> bool:
    """Whether a schema is not one of LVK: its notices may refer to a superevent."""
    return schema is not None and not _LVK_TOPIC.search(schema["topic"])


def _parse(message: bytes) -> dict[str, Any]:
    """Return the JSON object that a message is."""
    try:
        content = json.loads(message.decode(), parse_int=_parse_int)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            reason = "more than one JSON value: send each notice as a message"
            raise NoticeError(reason) from None
        raise UnknownFormatError(f"not JSON: {error}") from None
    except (ValueError, RecursionError) as error:
        raise UnknownFormatError(f"not JSON: {error}") from None
    if not isinstance(content, dict):
        raise UnknownFormatError("not a JSON object")
    return content


def _parse_int(digits: str) -> int:
    if len(digits) > limits.NUMBER_CHARS:
        raise ValueError(f"a number has more than {limits.NUMBER_CHARS} digits")
    return int(digits)


def _check_values(content: dict[str, Any]) -> None:
    """Raise NoticeError if there are too many values, or if they are nested too deep.

    This follows no recursion of Python, which a nested document could exhaust.
    """
    level: list[Any] = [content]
    count = 0
    for _ in range(limits.NESTING):
        inner: list[Any] = []
        for value in level:
            inner += value.values() if isinstance(value, dict) else value
        count += len(inner)
        if count > limits.PARAMS:
            raise NoticeError(f"it has more than {limits.PARAMS} values")
        level = [value for value in inner if isinstance(value, (dict, list))]
        if not level:
            return
    raise NoticeError(f"nested more than {limits.NESTING} levels deep")


def _check_escapes(content: dict[str, Any]) -> None:
    """Raise NoticeError if an escape is one half of a character: a lone surrogate."""
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        escape = ascii(error.object[error.start])[1:-1]
        raise NoticeError(f"not JSON: {escape} is not a character") from None


def _lvk_document(raw: bytes, content: dict[str, Any]) -> Document:
    event = content.get("event")
    event = event if isinstance(event, dict) else {}  # null in a retraction
    required = ("superevent_id", "alert_type", "time_created")
    missing = [name for name in required if not content.get(name)]
    if missing:
        raise NoticeError(f"an alert of LVK without {', '.join(missing)}")
    parts = [content[name] for name in required]
    is_test = str(content["superevent_id"]).upper().startswith(("M", "T"))
    return Document(
        ivorn="ivo://gwnet/igwn.gwalert#" + "-".join(map(_text, parts)),
        role="test" if is_test else "observation",
        schema_version=None,
        schema_valid=None,
        date=_text(content["time_created"]),
        params=tuple(_params(content)),
        locations=(_location(event, event.get("time")),),
        cites=tuple(_coincident_notices(content)),
        digest=hashlib.sha256(raw).hexdigest(),
        skymap=_decoded_map(event.get("skymap")),
    )


def _coincident_notices(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the notices of other instruments with which LVK finds a coincidence."""
    found = content.get("external_coinc")
    for coincidence in found if isinstance(found, list) else [found]:
        ivorn = coincidence.get("ivorn") if isinstance(coincidence, dict) else None
        if isinstance(ivorn, str) and ivorn.strip():
            yield ivorn.strip(), "followup"


def _gcn_document(raw: bytes, content: dict[str, Any], topic: str) -> Document:
    digest = hashlib.sha256(raw).hexdigest()
    names = (content.get(k) for k in ("id", "event_name", "trigger_time"))
    name = next((_text(_first(n)) for n in names if n), digest[:16])
    optional = ("alert_type", "record_number", "alert_datetime")
    parts = [_text(content[k]) for k in optional if content.get(k) is not None]
    tense = content.get("alert_tense")
    return Document(
        ivorn=f"ivo://gcn.nasa.gov/{topic}#" + "-".join([name, *parts]),
        role=None if tense is None else _text(tense),
        schema_version=None,
        schema_valid=None,
        date=_text(content["alert_datetime"]) if "alert_datetime" in content else None,
        params=tuple(_params(content)),
        locations=(_location(content, *_time(content)), *_directions(content)),
        cites=(),
        digest=digest,
        skymap=_decoded_map(content.get("healpix_file")),
    )


def _time(content: Mapping[str, Any]) -> tuple[Any, bool]:
    """Time of the trigger, or of the start of the observation; whether it is that."""
    trigger = content.get("trigger_time")
    if trigger:
        return trigger, False
    return content.get("observation_start"), True


def _location(
    content: Mapping[str, Any], time: Any, is_observation: bool = False
) -> Location:
    ra, dec = content.get("ra"), content.get("dec")
    stated_error = content.get("ra_dec_error")
    if stated_error is None:
        corners = _corners(content)
        error = _circumscribed_radius(content, corners)
    else:
        corners = ()
        error = _largest(stated_error)
    containment = parse_number(_text(content.get("containment_probability")))
    return Location(
        coord_system="UTC-ICRS-TOPO",
        time=_text(time) if time else None,
        names=("RA", "Dec"),
        c1=None if ra is None else _text(ra),
        c2=None if dec is None else _text(dec),
        error=None if error is None else _text(error),
        unit="deg",
        containment=containment if containment and 0 < containment < 1 else None,
        systematic_included=content.get("systematic_included") is True,
        ellipse=_ellipse(stated_error),
        corners=corners,
        is_observation=is_observation,
    )


def _directions(content: Mapping[str, Any]) -> list[Location]:
    """Places of the neutrinos that IceCube finds at a superevent, the best first."""
    found = content.get("coincident_events")
    events = found if isinstance(found, list) else []
    ranked = sorted((e for e in events if isinstance(e, dict)), key=_p_value)
    best = ranked[: limits.LOCATIONS - 1]  # all of them are Params
    places = [event.get("localization", event) for event in best]
    return [_location(place, None) for place in places if isinstance(place, dict)]


def _p_value(event: Mapping[str, Any]) -> float:
    """Smallest p-value of a coincident neutrino; more than 1 if it has none.

    A number that is not above 0 and at most 1 is none, but a filler.
    """
    names = ("event_pval_generic", "event_pval_bayesian")
    numbers = [parse_number(_text(event.get(name))) for name in names]
    return min((n for n in numbers if n is not None and 0 < n <= 1), default=2.0)


def _numbers(value: Any) -> list[float]:
    """Finite numbers of a list; empty if one of its items is not a finite number."""
    items = value if isinstance(value, list) else []
    numbers = [parse_number(_text(item)) for item in items]
    return [] if None in numbers else [n for n in numbers if n is not None]


def _ellipse(stated_error: Any) -> tuple[float, float, float] | None:
    """Half-axes and position angle (deg) of GCN's ``[a, b, PA]``."""
    numbers = _numbers(stated_error)
    if not 2 <= len(numbers) <= 3:
        return None
    major, minor, angle = (*numbers, 0.0)[:3]
    return major, minor, angle


def _largest(stated_error: Any) -> Any:
    """Radius of a circle, or longer half-axis of an ellipse, as written."""
    half_axes = _numbers(stated_error)[:2]
    return max(half_axes) if half_axes else _first(stated_error)


def _corners(content: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    """Right ascension and declination (deg) of the corners of MAXI's error boxes."""
    corners = content.get("rectangular_error_corners")
    places = [_numbers(c) for c in corners] if isinstance(corners, list) else []
    if len(places) > limits.CORNERS:
        raise NoticeError(f"it has {len(places)} corners, more than {limits.CORNERS}")
    if any(len(place) != 2 or abs(place[1]) > 90 for place in places):
        return ()
    return tuple((ra, dec) for ra, dec in places)


def _circumscribed_radius(
    content: Mapping[str, Any], corners: tuple[tuple[float, float], ...]
) -> float | None:
    """Radius (deg) of the circle around the position that contains all corners."""
    centre = _numbers([content.get("ra"), content.get("dec")])
    if len(centre) != 2 or not corners:
        return None
    from astropy.coordinates import angular_separation  # slow to load

    ra, dec = map(math.radians, centre)
    return max(
        math.degrees(angular_separation(ra, dec, *map(math.radians, place)))
        for place in corners
    )


def _params(content: Mapping[str, Any], group: str = "") -> Iterator[Param]:
    """Yield the values of an object as Params, those of inner objects last.

    A list becomes several Params of one name.
    """
    inner_objects = []
    for name, value in content.items():
        if name in _MAPS or value is None:
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                inner_objects.append((name, item))
            elif isinstance(item, str) and item.startswith(_MAP_STARTS):
                continue
            elif item is not None:
                yield Param(group, name, _text(item), _UNITS.get(name, ""), "")
    for name, item in inner_objects:
        yield from _params(item, inner_group(group, name))


def _first(value: Any) -> Any:
    """First item of a list, or the value itself if it is not a list."""
    if isinstance(value, list):
        return value[0] if value else None
    return value


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else json.dumps(value)


def _decoded_map(text: Any) -> bytes | None:
    """Bytes of a sky map in base64; empty if it cannot be decoded."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        return b""  # reported as a map that cannot be read, not as a missing map
