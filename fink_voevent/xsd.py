# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Validity of a VOEvent by its XSD, and the limits beyond which none is parsed."""

from __future__ import annotations

import functools
from importlib import resources

from lxml import etree

from fink_voevent.errors import NoticeError

MAX_BYTES = 16 * 2**20
_PARSER_OPTIONS = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,  # libxml2 then stops at a depth of 256 and at 10 MB of text
}


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
