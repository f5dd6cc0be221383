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
from collections.abc import Iterator, Sequence
from importlib import resources

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
    "remove_comments": True,  # so that the text around them is one
    "remove_pis": True,
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
    roots = apply_each(_parse, messages)
    valid = apply_each(_validate, roots)
    return apply_each(_document, messages, roots, valid)


def is_valid(raw: bytes) -> bool:
    """Return whether a VOEvent is valid by the XSD of VOEvent 2.0.

    Raises
    ------
    NoticeError
        If the document is too large, has too many elements, is in an encoding that is
        not read, is not XML or has a DTD.
    """
    return _validate(_parse(raw))


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


def _parse(raw: bytes) -> etree._Element:
    """Return the root of a document, without comments and processing instructions."""
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
    return root


def _validate(root: etree._Element) -> bool:
    return bool(_schema().validate(root))


def _document(raw: bytes, root: etree._Element, valid: bool) -> Document:
    name = _local_name(root)
    if name != "VOEvent":
        written = f"{root.prefix}:{name}" if root.prefix else name
        raise UnknownFormatError(f"the root element is {written}, not VOEvent")
    ivorn = (root.get("ivorn") or "").strip()
    if not ivorn:
        raise NoticeError("the VOEvent has no ivorn")
    parts = _first_children(root)
    return Document(
        ivorn=ivorn,
        role=root.get("role"),
        schema_version=root.get("version") or _namespace_version(root),
        schema_valid=valid,
        date=_child_text(parts.get("Who"), "Date"),
        params=tuple(_params(parts.get("What"))),
        locations=tuple(_locations(parts.get("WhereWhen"))),
        cites=tuple(_cites(parts.get("Citations"))),
        digest=hashlib.sha256(_identifying_bytes(raw)).hexdigest(),
    )


def _local_name(element: etree._Element) -> str:
    """Name without its namespace."""
    tag: str = element.tag
    return tag.rpartition("}")[2] if tag[0] == "{" else tag


def _namespace_version(root: etree._Element) -> str | None:
    """Version of VOEvent in the address of its namespace."""
    for address in root.nsmap.values():
        found = _VERSION.search(address)
        if found and "VOEvent" in address:
            return found[1]
    return None


def _is_empty(element: etree._Element) -> bool:
    """Whether an element has neither attributes nor children."""
    return len(element) == 0 and not element.keys()


def _children(element: etree._Element | None, name: str) -> list[etree._Element]:
    """Children of a name, in order."""
    if element is None:
        return []
    return [child for child in element if _local_name(child) == name]


def _first_children(element: etree._Element | None) -> dict[str, etree._Element]:
    """By name, the first child that has attributes or children."""
    found: dict[str, etree._Element] = {}
    for child in () if element is None else element:
        name = _local_name(child)
        if name not in found and not _is_empty(child):
            found[name] = child
    return found


def _text(element: etree._Element) -> str | None:
    """Text of an element, without that of its children; None if it is empty."""
    text = element.text or ""
    if len(element):
        text = "".join((text, *(child.tail or "" for child in element)))
    return text.strip() or None


def _child_text(element: etree._Element | None, name: str) -> str | None:
    """Text of the first child of a name; None if it is empty or missing."""
    for child in () if element is None else element:
        if _local_name(child) == name:
            return _text(child)
    return None


def _params(
    element: etree._Element | None, group: str = "", level: int = 0
) -> list[Param]:
    """Params of an element, those within its Groups last."""
    if level > limits.NESTING:
        raise NoticeError(f"its Groups are nested more than {limits.NESTING} deep")
    params, groups = [], []
    for child in () if element is None else element:
        name = _local_name(child)
        if name == "Param":
            get = child.get
            own_name, value = get("name"), get("value")
            if own_name is None and value is None and _is_empty(child):
                continue
            if value is None:
                value = _child_text(child, "Value") or ""
            unit, ucd = get("unit", ""), get("ucd", "")
            params.append(Param(group, own_name or "", value, unit, ucd))
        elif name == "Group":
            groups.append(child)
    for inner in groups:
        name = inner.get("name") or inner.get("type") or ""
        params += _params(inner, inner_group(group, name), level + 1)
    return params


def _locations(where_when: etree._Element | None) -> Iterator[Location]:
    for data in _children(where_when, "ObsDataLocation"):
        if _is_empty(data):
            continue
        observation = _first_children(_first_children(data).get("ObservationLocation"))
        coords = observation.get("AstroCoords")
        system = None if coords is None else coords.get("coord_system_id")
        if not system and "AstroCoordSystem" in observation:
            system = observation["AstroCoordSystem"].get("id")
        measured = _first_children(coords)
        times = _first_children(measured.get("Time"))
        position = measured.get("Position2D")
        value = _first_children(position).get("Value2")
        yield Location(
            coord_system=system or "",
            time=_child_text(times.get("TimeInstant"), "ISOTime")
            or _child_text(times.get("TimeInterval"), "ISOTimeStart"),
            names=(
                _child_text(position, "Name1") or "",
                _child_text(position, "Name2") or "",
            ),
            c1=_child_text(value, "C1"),
            c2=_child_text(value, "C2"),
            error=_child_text(position, "Error2Radius"),
            unit=("" if position is None else position.get("unit")) or "",
        )


def _cites(element: etree._Element | None) -> Iterator[tuple[str, str]]:
    """Yield identifier and kind of each citation that has an identifier."""
    for cited in _children(element, "EventIVORN"):
        ivorn = _text(cited)
        if ivorn:
            yield ivorn, cited.get("cite") or ""
