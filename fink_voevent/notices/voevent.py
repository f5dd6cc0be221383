# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""VOEvent bytes to `Document`: what a publisher wrote, found wherever it wrote it.

Versions 1.1, 2.0, 2.1, no namespace, any prefix and any order of children are read by
local name. Nothing is interpreted here: that is `fink_voevent.notices.normalisation`.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, NamedTuple
from xml.parsers.expat import ExpatError

import xmltodict
from lxml import etree

from fink_voevent.errors import NoticeError, each

MAX_BYTES = 16 * 2**20

_PARSER_OPTIONS = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,  # libxml2 then stops at a depth of 256 and at 10 MB of text
}

_ELEMENT = re.compile(rb"<(?=[A-Za-z_]).*>", re.DOTALL)
_INNER_PREFIX = re.compile(rb"<[A-Za-z_][\w.-]*:(?!VOEvent[\s>])")
_VERSION = re.compile(r"/v?(\d\.\d+)$")


class Param(NamedTuple):  # made by the dozen for each document: a tuple is quick
    """One Param; `group` is empty outside of Groups, ``a/b`` for b nested in a."""

    group: str
    name: str
    value: str
    unit: str
    ucd: str


@dataclass(frozen=True)
class Location:
    """One ObsDataLocation, as text; None where it is not there."""

    coord_system: str
    time: str | None
    names: tuple[str, str]
    c1: str | None
    c2: str | None
    error: str | None
    unit: str
    containment: float | None = None
    systematic_included: bool = False
    ellipse: tuple[float, float, float] | None = None  # half-axes, position angle
    corners: tuple[tuple[float, float], ...] = ()  # of an error box, ra and dec (deg)


@dataclass(frozen=True)
class Document:
    """A VOEvent as it was written."""

    ivorn: str
    role: str | None
    schema_version: str | None
    schema_valid: bool | None
    date: str | None
    params: tuple[Param, ...]
    locations: tuple[Location, ...]
    cites: tuple[tuple[str, str], ...]
    digest: str  # SHA-256 of the message, without what a transport may add
    skymap: bytes | None = None  # FITS, where the notice holds it

    @functools.cached_property
    def values(self) -> Mapping[str, str]:
        """Value of each Param by name; the first of a name, outside of Groups first."""
        pairs = [(name, value) for _, name, value, _, _ in reversed(self.params)]
        if self.params and self.params[-1].group:  # those in Groups stand last
            pairs += [(p.name, p.value) for p in reversed(self.params) if not p.group]
        return dict(pairs)


def element_bytes(raw: bytes) -> bytes:
    """Bytes of the VOEvent element: what VTP 2.0 (section 3.2) calls the message.

    The XML declaration, comments before it and white space after it are left out; where
    no element is found (UTF-16), all bytes are returned.
    """
    found = _ELEMENT.search(raw)
    return found[0] if found else raw


def read(raw: bytes) -> Document:
    """Read a VOEvent.

    Raises
    ------
    NoticeError
        Where the bytes are too many, not XML, define entities, nest too deep, or are no
        VOEvent with an ivorn. The message is the reason to keep with them.
    """
    (document,) = read_all([raw])
    if isinstance(document, NoticeError):
        raise document
    return document


def read_all(raws: Sequence[bytes]) -> list[Document | NoticeError]:
    """Read several VOEvents, step by step; the error where one cannot be read."""
    valid = each(is_valid, raws)
    trees = each(_tree, raws, valid)
    return each(_document, raws, valid, trees)


def _tree(raw: bytes, _valid: bool) -> dict[str, Any]:
    try:
        return xmltodict.parse(raw)
    except ExpatError as error:
        raise NoticeError(f"not XML: {error}") from None
    except (ValueError, LookupError, TypeError) as error:  # entities; unknown encoding
        raise NoticeError(f"refused: {error}") from None


def _document(raw: bytes, valid: bool, tree: dict[str, Any]) -> Document:
    name, root = next(iter(tree.items()))
    if name.rpartition(":")[2] != "VOEvent":
        raise NoticeError(f"the root element is {name}, not VOEvent")
    if not isinstance(root, dict) or not (root.get("@ivorn") or "").strip():
        raise NoticeError("the VOEvent has no ivorn")
    if _INNER_PREFIX.search(raw):
        root = _local_names(root)
    who, what = _child(root, "Who"), _child(root, "What")
    return Document(
        ivorn=root["@ivorn"].strip(),
        role=root.get("@role"),
        schema_version=root.get("@version") or _namespace_version(root),
        schema_valid=valid,
        date=_text(who.get("Date")),
        params=tuple(_params(what)),
        locations=tuple(_locations(_child(root, "WhereWhen"))),
        cites=tuple(_cites(_child(root, "Citations"))),
        digest=hashlib.sha256(element_bytes(raw)).hexdigest(),
    )


def _namespace_version(root: Mapping[str, Any]) -> str | None:
    for key, value in root.items():
        found = _VERSION.search(value) if key.startswith("@xmlns") else None
        if found and "VOEvent" in value:
            return found[1]
    return None


def _local_names(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            k if k[0] == "@" else k.rpartition(":")[2]: _local_names(v)
            for k, v in node.items()
        }
    return [_local_names(v) for v in node] if isinstance(node, list) else node


def _list(node: Any) -> list[Any]:
    if node is None:
        return []
    return node if isinstance(node, list) else [node]


def _child(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """First child of this name that holds elements; empty where there is none."""
    found = next((c for c in _list(node.get(name)) if isinstance(c, dict)), None)
    return found if found is not None else {}


def _text(node: Any) -> str | None:
    if isinstance(node, list):
        node = node[0]
    if isinstance(node, dict):
        node = node.get("#text")
    return node.strip() if isinstance(node, str) and node.strip() else None


def _params(node: Mapping[str, Any], group: str = "") -> list[Param]:
    found = []
    for param in _list(node.get("Param")):
        if isinstance(param, dict):
            get = param.get
            value = get("@value")
            if value is None:
                value = _text(get("Value")) or ""
            name, unit, ucd = get("@name", ""), get("@unit", ""), get("@ucd", "")
            found.append(Param(group, name, value, unit, ucd))
    for inner in _list(node.get("Group")):
        if isinstance(inner, dict):
            name = inner.get("@name") or inner.get("@type") or ""
            found += _params(inner, f"{group}/{name}" if group else name)
    return found


def _locations(where: Mapping[str, Any]) -> Iterator[Location]:
    for data in _list(where.get("ObsDataLocation")):
        if not isinstance(data, dict):
            continue
        observation = _child(data, "ObservationLocation")
        coords = _child(observation, "AstroCoords")
        system = coords.get("@coord_system_id") or _child(
            observation, "AstroCoordSystem"
        ).get("@id")
        time = _child(coords, "Time")
        position = _child(coords, "Position2D")
        value = _child(position, "Value2")
        yield Location(
            coord_system=system or "",
            time=_text(_child(time, "TimeInstant").get("ISOTime"))
            or _text(_child(time, "TimeInterval").get("ISOTimeStart")),
            names=(
                _text(position.get("Name1")) or "",
                _text(position.get("Name2")) or "",
            ),
            c1=_text(value.get("C1")),
            c2=_text(value.get("C2")),
            error=_text(position.get("Error2Radius")),
            unit=position.get("@unit") or "",
        )


def _cites(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for cited in _list(node.get("EventIVORN")):
        ivorn = _text(cited)
        if ivorn:
            kind = cited.get("@cite") if isinstance(cited, dict) else None
            yield ivorn, kind or ""


@functools.lru_cache(maxsize=1)
def _parser() -> etree.XMLParser:
    return etree.XMLParser(**_PARSER_OPTIONS)


@functools.lru_cache(maxsize=1)
def _schema() -> etree.XMLSchema:
    path = resources.files("comet") / "schema" / "VOEvent-v2.0.xsd"
    return etree.XMLSchema(etree.fromstring(path.read_bytes()))


def is_valid(raw: bytes) -> bool:
    """Tell whether a VOEvent is valid, by the XSD of VOEvent 2.0.

    Raises
    ------
    NoticeError
        Where it is too large, not XML or has a DTD: then nothing of it is read.
    """
    if len(raw) > MAX_BYTES:
        raise NoticeError(f"larger than {MAX_BYTES} bytes")
    try:
        root = etree.fromstring(raw, _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        reason = str(error).split(", line ")[0]
        raise NoticeError(f"not XML: {reason}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise NoticeError("refused: a DTD is not allowed")
    return bool(_schema().validate(root))


def check(raw: bytes) -> None:
    """Check a VOEvent that is to be sent.

    Raises
    ------
    NoticeError
        With the first reason, where it is not valid by the XSD of VOEvent 2.0.
    """
    schema = _schema()
    if not schema.validate(etree.fromstring(raw, _parser())):
        raise NoticeError(f"not valid: {schema.error_log[0].message}")
