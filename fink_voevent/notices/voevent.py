# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Read VOEvents: XML bytes to `Document`.

Elements are found by their local name, so that versions 1.1, 2.0 and 2.1, documents
without a namespace, any prefix and any order of the children are read. Nothing is
interpreted here: that is the task of `fink_voevent.notices.normalisation`.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict
from lxml import etree

from fink_voevent import limits
from fink_voevent.errors import NoticeError, UnknownFormatError, apply_each
from fink_voevent.notices.document import (
    Document,
    Location,
    Param,
    check_size,
    inner_group,
    without_blanks,
)

_PARSER_OPTIONS = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,  # libxml2 then stops at a depth of 256 and at 10 MB of text
}
# What XML begins with in the encodings that are read. In all of them an element has a
# byte "<", so that elements can be counted before a document is parsed.
_BEGINNINGS = (b"<", b"\xff\xfe<\0", b"\xfe\xff\0<", b"\0<")
_ENCODINGS = (
    *("UTF-8", "UTF8", "UTF-16", "ASCII", "US-ASCII"),
    *("ISO-8859-", "WINDOWS-125"),
)

_ENCODING = re.compile(rb"""encoding\s*=\s*["']([\w.-]+)""")
_ELEMENT = re.compile(rb"<[A-Za-z_]")
_INNER_PREFIX = re.compile(rb"<[A-Za-z_][\w.-]*:(?!VOEvent[\s>])")
_NAMESPACE = re.compile(r"\{http[^}]*\}")
_VERSION = re.compile(r"/v?(\d\.\d+)$")


def read(raw: bytes) -> Document:
    """Read a VOEvent.

    Parameters
    ----------
    raw : bytes
        The XML document.

    Raises
    ------
    NoticeError
        If the document exceeds one of the bounds of `fink_voevent.limits`, is not XML,
        has a DTD, or is not a VOEvent with an ivorn. The message is the reason.
    """
    (document,) = read_all([raw])
    if isinstance(document, NoticeError):
        raise document
    return document


def read_all(raws: Sequence[bytes]) -> list[Document | NoticeError]:
    """Read several VOEvents.

    Returns
    -------
    list
        For each document, in order, its content, or the error if it cannot be read.
    """
    # One step for all documents before the next, which is faster: see `normalise_all`.
    messages = apply_each(_message, raws)
    valid = apply_each(is_valid, messages)
    trees = apply_each(_tree, messages, valid)
    return apply_each(_document, messages, valid, trees)


def is_valid(raw: bytes) -> bool:
    """Return whether a VOEvent is valid by the XSD of VOEvent 2.0.

    Raises
    ------
    NoticeError
        If the document is too large, has too many elements, is in an encoding that is
        not read, is not XML or has a DTD. Such a document must not be read further.
    """
    check_size(raw)
    if raw.count(b"<") > 2 * limits.ELEMENTS:  # an opening and a closing tag
        raise NoticeError(f"it has more than {limits.ELEMENTS} elements")
    if not raw.startswith(_BEGINNINGS):  # as EBCDIC, in which nothing was counted
        raise UnknownFormatError("not XML: it does not begin with <")
    try:
        root = etree.fromstring(raw, _parser())
    except (etree.XMLSyntaxError, ValueError) as error:
        reason = str(error).split(", line ")[0]
        raise UnknownFormatError(f"not XML: {reason}") from None
    info = root.getroottree().docinfo
    if info.internalDTD is not None:
        raise NoticeError("refused: a DTD is not allowed")
    encoding = info.encoding or "UTF-8"
    if not encoding.upper().startswith(_ENCODINGS):
        raise NoticeError(f"its encoding {encoding[:40]} is not read: use UTF-8")
    return bool(_schema().validate(root))


def check(raw: bytes) -> None:
    """Check a VOEvent before it is sent.

    Raises
    ------
    NoticeError
        If it is not valid by the XSD of VOEvent 2.0. The message is the first reason.
    """
    reason = find_invalid(raw)
    if reason is not None:
        raise NoticeError(f"not valid: {reason}")


def find_invalid(raw: bytes) -> str | None:
    """Return why a VOEvent is not valid by the XSD of VOEvent 2.0; None if it is.

    Parameters
    ----------
    raw : bytes
        An XML document that `read` accepts.

    Returns
    -------
    str or None
        The first reason of the validator.
    """
    schema = _schema()
    if schema.validate(etree.fromstring(without_blanks(raw), _parser())):
        return None
    return _NAMESPACE.sub("", str(schema.error_log[0].message))


def element_bytes(raw: bytes) -> bytes:
    """Return the bytes of the VOEvent element, the message of VTP 2.0 (section 3.2).

    The XML declaration, comments before the element and white space after it are left
    out. If no element is found, as in UTF-16, all bytes are returned.
    """
    found, end = _ELEMENT.search(raw), raw.rfind(b">")
    return raw[found.start() : end + 1] if found and end > found.start() else raw


def _identifying_bytes(raw: bytes) -> bytes:
    """Return bytes that are the same only for documents of the same content.

    These are `element_bytes`, and the encoding if the content depends on it. Otherwise
    anybody could send an element of others, with another encoding, as the same notice.
    """
    element = element_bytes(raw)
    declared = _ENCODING.search(raw[: raw.find(b"?>") + 1])
    encoding = declared[1].lower() if declared else b"utf-8"
    if element.isascii() or encoding in (b"utf-8", b"utf8"):
        return element
    return element + b"\0" + encoding


@functools.lru_cache(maxsize=1)
def _parser() -> etree.XMLParser:
    return etree.XMLParser(**_PARSER_OPTIONS)


@functools.lru_cache(maxsize=1)
def _schema() -> etree.XMLSchema:
    path = resources.files("comet") / "schema" / "VOEvent-v2.0.xsd"
    return etree.XMLSchema(etree.fromstring(path.read_bytes()))


def _message(raw: bytes) -> bytes:
    check_size(raw)
    return without_blanks(raw)


def _tree(raw: bytes, _valid: bool) -> dict[str, Any]:
    try:
        return xmltodict.parse(raw)
    except ExpatError as error:
        raise UnknownFormatError(f"not XML: {error}") from None
    except (ValueError, LookupError, TypeError) as error:  # entities, unknown encoding
        raise NoticeError(f"refused: {error}") from None


def _document(raw: bytes, valid: bool, tree: dict[str, Any]) -> Document:
    name, root = next(iter(tree.items()))
    if name.rpartition(":")[2] != "VOEvent":
        raise UnknownFormatError(f"the root element is {name}, not VOEvent")
    if not isinstance(root, dict) or not (root.get("@ivorn") or "").strip():
        raise NoticeError("the VOEvent has no ivorn")
    if _INNER_PREFIX.search(raw):
        root = _without_prefixes(root)
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
        digest=hashlib.sha256(_identifying_bytes(raw)).hexdigest(),
    )


def _namespace_version(root: Mapping[str, Any]) -> str | None:
    """Version of VOEvent in the address of its namespace."""
    for key, value in root.items():
        found = _VERSION.search(value) if key.startswith("@xmlns") else None
        if found and "VOEvent" in value:
            return found[1]
    return None


def _without_prefixes(node: Any) -> Any:
    """Copy of a tree in which elements have their local names, and are lists."""
    if isinstance(node, list):
        return [_without_prefixes(value) for value in node]
    if not isinstance(node, dict):
        return node
    copied: dict[str, Any] = {}
    for key, value in node.items():
        if key[0] in "@#":
            copied[key] = value
            continue
        values = value if isinstance(value, list) else [value]
        elements = copied.setdefault(key.rpartition(":")[2], [])
        elements += [_without_prefixes(one) for one in values]
    return copied


def _list(node: Any) -> list[Any]:
    if node is None:
        return []
    return node if isinstance(node, list) else [node]


def _child(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """First child of this name that has attributes or children; empty if none has."""
    found = next((c for c in _list(node.get(name)) if isinstance(c, dict)), None)
    return found if found is not None else {}


def _text(node: Any) -> str | None:
    """Text of an element, of the first if there are several; None if empty."""
    if isinstance(node, list):
        node = node[0]
    if isinstance(node, dict):
        node = node.get("#text")
    return node.strip() if isinstance(node, str) and node.strip() else None


def _params(node: Mapping[str, Any], group: str = "", level: int = 0) -> list[Param]:
    """Params of an element, those within its Groups last."""
    if level > limits.NESTING:
        raise NoticeError(f"its Groups are nested more than {limits.NESTING} deep")
    params = []
    for param in _list(node.get("Param")):
        if isinstance(param, dict):
            get = param.get
            value = get("@value")
            if value is None:
                value = _text(get("Value")) or ""
            name, unit, ucd = get("@name", ""), get("@unit", ""), get("@ucd", "")
            params.append(Param(group, name, value, unit, ucd))
    for inner in _list(node.get("Group")):
        if isinstance(inner, dict):
            name = inner.get("@name") or inner.get("@type") or ""
            params += _params(inner, inner_group(group, name), level + 1)
    return params


def _locations(where_when: Mapping[str, Any]) -> Iterator[Location]:
    for data in _list(where_when.get("ObsDataLocation")):
        if not isinstance(data, dict):
            continue
        observation = _child(data, "ObservationLocation")
        coords = _child(observation, "AstroCoords")
        system = coords.get("@coord_system_id") or _child(
            observation, "AstroCoordSystem"
        ).get("@id")
        time = _child(coords, "Time")
        instant = _text(_child(time, "TimeInstant").get("ISOTime"))
        position = _child(coords, "Position2D")
        value = _child(position, "Value2")
        yield Location(
            coord_system=system or "",
            time=instant or _text(_child(time, "TimeInterval").get("ISOTimeStart")),
            names=(
                _text(position.get("Name1")) or "",
                _text(position.get("Name2")) or "",
            ),
            c1=_text(value.get("C1")),
            c2=_text(value.get("C2")),
            error=_text(position.get("Error2Radius")),
            unit=position.get("@unit") or "",
            is_observation=instant is None,
        )


def _cites(node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield identifier and kind of each citation that has an identifier."""
    for cited in _list(node.get("EventIVORN")):
        ivorn = _text(cited)
        if ivorn:
            kind = cited.get("@cite") if isinstance(cited, dict) else None
            yield ivorn, kind or ""
