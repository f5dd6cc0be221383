# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The content of a notice of any format, as its publisher wrote it.

The readers of VOEvents (`fink_voevent.notices.voevent`) and of JSON notices
(`fink_voevent.notices.gcn_json`) return a `Document`. Its values are the text of the
notice; `fink_voevent.notices.normalisation` interprets them.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from fink_voevent import limits
from fink_voevent.errors import NoticeError

# GCN writes the smallest int32, divided by up to 100, if it has no value.
_LARGEST_FILLER = -2.1e7
# White space, and the mark of UTF-8, before a document; no document begins with any
# other of these bytes.
_BLANKS = b"\xef\xbb\xbf \t\r\n\v\f\xc2\xa0\xe2\x80\x8b"
_BLANKS_UTF16 = re.compile(rb"(\xff\xfe)(?:[ \t\r\n]\0)+|(\xfe\xff)(?:\0[ \t\r\n])+")


class Param(NamedTuple):  # a tuple, because each document has dozens of them
    """One Param, as text.

    Parameters
    ----------
    group : str
        Name of its Group: empty outside of Groups, ``a/b`` for Group b within Group a.
    name, value, unit, ucd : str
        Attributes of the Param; empty if missing.
    """

    group: str
    name: str
    value: str
    unit: str
    ucd: str


@dataclass(frozen=True)
class Location:
    """One ObsDataLocation, or the time and position of a JSON notice.

    Parameters
    ----------
    coord_system : str
        Identifier of the AstroCoordSystem, as ``UTC-FK5-GEO``; empty if missing.
    time : str or None
        Time, as written.
    names : tuple of str
        Names of the two coordinates.
    c1, c2 : str or None
        The two coordinates, in `unit`.
    error : str or None
        Error radius, in `unit`.
    unit : str
        Unit of position and error; empty if missing.
    containment : float or None
        Probability within the error, 0-1, if the notice gives it.
    systematic_included : bool
        Whether the notice says that its error includes the systematic error.
    ellipse : tuple of float or None
        Half-axes and position angle of an error ellipse, deg.
    corners : tuple of (float, float)
        Right ascension and declination (deg) of the corners of an error box; empty if
        there is none.
    is_observation : bool
        Whether the notice says that its time is the start of an observation, and gives
        no time of a trigger.
    """

    coord_system: str
    time: str | None
    names: tuple[str, str]
    c1: str | None
    c2: str | None
    error: str | None
    unit: str
    containment: float | None = None
    systematic_included: bool = False
    ellipse: tuple[float, float, float] | None = None
    corners: tuple[tuple[float, float], ...] = ()
    is_observation: bool = False


@dataclass(frozen=True)
class Document:
    """The content of one notice, as text.

    Parameters
    ----------
    ivorn : str
        Identifier of the notice.
    role : str or None
        Role of a VOEvent or alert_tense of a JSON notice, as written.
    schema_version : str or None
        Version of VOEvent; None for JSON.
    schema_valid : bool or None
        Whether it is valid by the XSD of VOEvent 2.0; None for JSON.
    date : str or None
        Date of issue, as written.
    params : tuple of Param
        All Params in their order, those within Groups last.
    locations : tuple of Location
        All locations in their order.
    cites : tuple of (str, str)
        Identifier and kind of each citation.
    digest : str
        SHA-256 (hex) of the message, without bytes that a transport may add.
    skymap : bytes or None
        FITS file of the sky map, if the notice includes it.
    """

    ivorn: str
    role: str | None
    schema_version: str | None
    schema_valid: bool | None
    date: str | None
    params: tuple[Param, ...]
    locations: tuple[Location, ...]
    cites: tuple[tuple[str, str], ...]
    digest: str
    skymap: bytes | None = None

    @functools.cached_property
    def values(self) -> Mapping[str, str]:
        """Value of each Param by name.

        If several have the same name, the first is taken; those outside of Groups come
        before those within.
        """
        pairs = [(name, value) for _, name, value, _, _ in reversed(self.params)]
        if self.params and self.params[-1].group:
            pairs += [(p.name, p.value) for p in reversed(self.params) if not p.group]
        return dict(pairs)


def parse_number(text: str | None) -> float | None:
    """Return the finite number that a text is.

    Parameters
    ----------
    text : str or None
        Value of a Param, a coordinate or an error.

    Returns
    -------
    float or None
        None if it is not a number, is not finite, is longer than
        `limits.NUMBER_CHARS`, or is one of the values below -2.1e7 that GCN writes in
        place of a missing value.
    """
    if text is not None and len(text) > limits.NUMBER_CHARS:
        return None
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number > _LARGEST_FILLER else None


def without_blanks(raw: bytes) -> bytes:
    """Return a document without what is not part of it.

    XML forbids white space before its declaration, but publishers send it, and some
    end their messages with the NUL of a C string. The message of VTP 2.0 (section 3.2)
    is the element alone.

    Parameters
    ----------
    raw : bytes
        The document, as it arrived.

    Returns
    -------
    bytes
        Without white space and the mark of UTF-8 at the beginning and NUL at the end.
        The byte order mark of UTF-16 remains.
    """
    if raw[:1] not in (b"<", b"{"):
        raw = _BLANKS_UTF16.sub(rb"\1\2", raw.lstrip(_BLANKS), count=1)
    is_one_byte_a_character = raw[:1] in (b"<", b"{") and raw[1:2] != b"\0"
    return raw.rstrip(b"\0") if is_one_byte_a_character else raw


def check_size(raw: bytes) -> None:
    """Raise NoticeError if a document is larger than `limits.DOCUMENT_BYTES`."""
    if len(raw) > limits.DOCUMENT_BYTES:
        raise NoticeError(f"larger than {limits.DOCUMENT_BYTES} bytes")


def check_limits(document: Document, raw: bytes) -> None:
    """Check that a document keeps within the bounds of `limits`.

    Parameters
    ----------
    document : Document
        Content of the document.
    raw : bytes
        The document: if it is short, so are all its texts.

    Raises
    ------
    NoticeError
        If a text is too long, if there are too many Params, citations or locations, or
        if the ivorn contains a control character. The message is the reason.
    """
    check_identifier("ivorn", document.ivorn)
    for name, count, most in (
        ("Params", len(document.params), limits.PARAMS),
        ("citations", len(document.cites), limits.CITATIONS),
        ("locations", len(document.locations), limits.LOCATIONS),
    ):
        if count > most:
            raise NoticeError(f"it has {count} {name}, more than {most}")
    if len(raw) <= limits.IDENTIFIER_CHARS:
        return
    for ivorn, _ in document.cites:
        _check_length("the ivorn of a citation", ivorn, limits.IDENTIFIER_CHARS)
    paths = [len(param.group) + len(param.name) for param in document.params]
    if paths and max(paths) >= limits.IDENTIFIER_CHARS:  # with the slash between them
        param = document.params[paths.index(max(paths))]
        path = f"{param.group}/{param.name}"
        _check_length("the name of a Param", path, limits.IDENTIFIER_CHARS)
    if len(raw) <= limits.TEXT_CHARS:
        return
    for text in _texts(document):
        _check_length("a text", text, limits.TEXT_CHARS)


def inner_group(group: str, name: str) -> str:
    """Return the name of a Group within a Group, ``group/name``.

    Parameters
    ----------
    group : str
        Name of the outer Group; empty if there is none.
    name : str

    Raises
    ------
    NoticeError
        If it is longer than `limits.IDENTIFIER_CHARS`: a long name of one Group would
        be copied for each Group within it.
    """
    path = f"{group}/{name}" if group else name
    _check_length("the name of a Group", path, limits.IDENTIFIER_CHARS)
    return path


def check_identifier(name: str, text: str) -> None:
    """Raise NoticeError if an identifier is too long or has a control character.

    Control characters are all that cannot be printed, also those that have no width or
    turn the direction of text: with them, two events could look the same.
    """
    _check_length(f"its {name}", text, limits.IDENTIFIER_CHARS)
    if not text.isprintable():
        code = next(ord(c) for c in text if not c.isprintable())
        raise NoticeError(f"its {name} contains the control character U+{code:04X}")


def _check_length(what: str, text: str, most: int) -> None:
    if len(text) > most:
        raise NoticeError(f"{what} has {len(text)} characters, more than {most}")


def _texts(document: Document) -> Iterator[str]:
    """Yield the texts of a document, except names of Params."""
    yield from (document.role or "", document.schema_version or "", document.date or "")
    for param in document.params:
        yield from (param.value, param.unit, param.ucd)
    for place in document.locations:
        yield from (place.coord_system, place.time or "", *place.names, place.unit)
        yield from (place.c1 or "", place.c2 or "", place.error or "")
    for cite in document.cites:
        yield from cite
