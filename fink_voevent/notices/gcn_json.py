# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""JSON notices to `Document`: LVK's (igwn.gwalert) and GCN's (its core schema).

Such a notice has no ivorn: one is made of what identifies it. All else becomes what it
would be in a VOEvent, so that streams.toml and what follows serve both.
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

from astropy.coordinates import angular_separation

from fink_voevent.errors import NoticeError
from fink_voevent.notices.measurements import number
from fink_voevent.notices.voevent import MAX_BYTES, Document, Location, Param

LVK, GCN = "igwn.gwalert", "gcn.notices"
MAX_DEPTH = 16
_SCHEMA = re.compile(r"gcn/notices/(?P<topic>[\w./-]+?)\.schema\.json")
_MAPS = ("skymap", "healpix_file")  # base64, not Params
# What the role of a VOEvent says, by alert_tense of GCN's schema.
_ROLES = {
    "current": "observation",
    "archival": "observation",
    "planned": "prediction",
    "injection": "injection",
    "commanded": "utility",
    "test": "test",
}
_UNITS = {"far": "Hz", "ra": "deg", "dec": "deg", "ra_dec_error": "deg"}


def is_json(raw: bytes) -> bool:
    """Whether bytes begin as a JSON object does."""
    if raw[:1] == b"<":  # nearly all are XML
        return False
    return raw.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"


def read(raw: bytes) -> Document:
    """Read a JSON notice.

    Raises
    ------
    NoticeError
        Where it is no JSON object, or neither LVK's nor of GCN's schema.
    """
    if len(raw) > MAX_BYTES:
        raise NoticeError(f"larger than {MAX_BYTES} bytes")
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise NoticeError(f"not JSON: {error}") from None
    if not isinstance(content, dict):
        raise NoticeError("not a JSON object")
    schema = _SCHEMA.search(str(content.get("$schema", "")))
    if "superevent_id" in content:
        return _lvk(raw, content)
    if schema is not None:
        return _gcn(raw, content, schema["topic"])
    raise NoticeError(
        "JSON without superevent_id (LVK) and without a $schema of GCN's notices"
    )


def _lvk(raw: bytes, content: dict[str, Any]) -> Document:
    event = content.get("event")
    event = event if isinstance(event, dict) else {}  # null in a retraction
    wanted = ("superevent_id", "alert_type", "time_created")
    missing = [k for k in wanted if not content.get(k)]
    if missing:
        raise NoticeError(f"an alert of LVK without {', '.join(missing)}")
    parts = [content[k] for k in wanted]
    test = str(content["superevent_id"]).startswith(("M", "T"))
    return Document(
        ivorn="ivo://gwnet/igwn.gwalert#" + "-".join(map(_text, parts)),
        role="test" if test else "observation",
        schema_version=None,
        schema_valid=None,
        date=_text(content["time_created"]),
        params=tuple(_params(content)),
        locations=(_location(event, event.get("time")),),
        cites=(),
        digest=hashlib.sha256(raw).hexdigest(),
        skymap=_map(event.get("skymap")),
    )


def _gcn(raw: bytes, content: dict[str, Any], topic: str) -> Document:
    digest = hashlib.sha256(raw).hexdigest()
    names = (content.get(k) for k in ("id", "event_name", "trigger_time"))
    name = next((_text(_first(n)) for n in names if n), digest[:16])
    wanted = ("alert_type", "record_number", "alert_datetime")
    parts = [_text(content[k]) for k in wanted if content.get(k) is not None]
    tense = _ROLES.get(str(content.get("alert_tense", "current")), "observation")
    return Document(
        ivorn=f"ivo://gcn.nasa.gov/{topic}#" + "-".join([name, *parts]),
        role=tense,
        schema_version=None,
        schema_valid=None,
        date=_text(content["alert_datetime"]) if "alert_datetime" in content else None,
        params=tuple(_params(content)),
        locations=(_location(content, content.get("trigger_time")),),
        cites=(),
        digest=digest,
        skymap=_map(content.get("healpix_file")),
    )


def _location(content: Mapping[str, Any], time: Any) -> Location:
    ra, dec = content.get("ra"), content.get("dec")
    stated = content.get("ra_dec_error")
    corners = _corners(content) if stated is None else ()
    error = _around(content, corners) if stated is None else _longest(stated)
    containment = number(_text(content.get("containment_probability")))
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
        ellipse=_ellipse(stated),
        corners=corners,
    )


def _numbers(value: Any) -> list[float]:
    """Finite numbers of a list; none where one of them is not."""
    found = [number(_text(v)) for v in value] if isinstance(value, list) else []
    return [] if None in found else [v for v in found if v is not None]


def _ellipse(stated: Any) -> tuple[float, float, float] | None:
    """Half-axes and position angle (deg) of GCN's ``[a, b, PA]``."""
    found = _numbers(stated)
    if not 2 <= len(found) <= 3:
        return None
    major, minor, angle = (*found, 0.0)[:3]
    return major, minor, angle


def _longest(stated: Any) -> Any:
    """Radius, or the longer half-axis of an ellipse."""
    found = _numbers(stated)[:2]
    return max(found) if found else _first(stated)


def _corners(content: Mapping[str, Any]) -> tuple[tuple[float, float], ...]:
    """Corners of MAXI's error boxes, right ascension and declination (deg)."""
    corners = content.get("rectangular_error_corners")
    places = [_numbers(c) for c in corners] if isinstance(corners, list) else []
    if any(len(place) != 2 or abs(place[1]) > 90 for place in places):
        return ()
    return tuple((ra, dec) for ra, dec in places)


def _around(
    content: Mapping[str, Any], corners: tuple[tuple[float, float], ...]
) -> float | None:
    """Radius of the circle around corners, deg."""
    centre = _numbers([content.get("ra"), content.get("dec")])
    if len(centre) != 2 or not corners:
        return None
    ra, dec = map(math.radians, centre)
    return max(
        math.degrees(angular_separation(ra, dec, *map(math.radians, place)))
        for place in corners
    )


def _params(content: Mapping[str, Any], group: str = "") -> Iterator[Param]:
    """Give leaves as Params, those within objects last; a list is several of a name."""
    if group.count("/") > MAX_DEPTH:
        raise NoticeError("refused: nested too deep")
    inner = []
    for name, value in content.items():
        if name in _MAPS or value is None:
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                inner.append((name, item))
            elif item is not None:
                yield Param(group, name, _text(item), _UNITS.get(name, ""), "")
    for name, item in inner:
        yield from _params(item, f"{group}/{name}" if group else name)


def _first(value: Any) -> Any:
    if isinstance(value, list):
        return value[0] if value else None
    return value


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else json.dumps(value)


def _map(text: Any) -> bytes | None:
    if not isinstance(text, str) or not text:
        return None
    try:
        return base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        return b""  # kept as a map that cannot be read
