# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents that are no notices: what they are, for a reason that helps.

Publishers, brokers and servers send other things than notices: lists, archives, error
pages, circulars, heartbeats. They are recognised after a reader has refused them, so
that nothing here can refuse a notice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fink_voevent.notices import own

_READ = "VOEvents and JSON notices are read"
_AVRO = f"{_READ} (LVK's: gcn://igwn.gwalert)"
_ALONE = "send each notice as a message of its own"
_PLAIN = "send the notice without compression"
HEARTBEAT = "a heartbeat, not a notice: leave its topic out of VOEVENT_SOURCES"
_CIRCULAR = f"a circular of GCN, not a notice: {_READ}"
# By the first bytes of a document.
_MAGIC = (
    (b"Obj\x01", f"an Avro file: {_AVRO}"),
    (b"\xc3\x01", f"an object in Avro: {_AVRO}"),
    (b"\x1f\x8b", f"compressed with gzip: {_PLAIN}"),
    (b"BZh", f"compressed with bzip2: {_PLAIN}"),
    (b"\xfd7zXZ\0", f"compressed with xz: {_PLAIN}"),
    (b"\x28\xb5\x2f\xfd", f"compressed with zstd: {_PLAIN}"),
    (b"PK\x03\x04", f"a zip archive: {_ALONE}"),
    (b"PK\x05\x06", f"a zip archive: {_ALONE}"),
    (b"SIMPLE  =", "a FITS file: a sky map is read within a notice, or at its address"),
    (
        b"PAR1",
        "a Parquet file: fink_voevent land reads it if its name ends in .parquet",
    ),
    (b"%PDF", f"a PDF file: {_READ}"),
    (b"\x89PNG", f"an image: {_READ}"),
    (b"\xff\xd8\xff", f"an image: {_READ}"),
)
_TAR = slice(257, 262), b"ustar"
# A packet of GCN Classic: 40 integers, the last of which is a line feed.
_BINARY_BYTES, _BINARY_ENDS = 160, (b"\0\0\0\n", b"\n\0\0\0")
# Kafka's wire format with a registry of schemas: 0, the number of the schema, Avro.
_REGISTRY_HEADER_BYTES, _MOST_SCHEMAS = 5, 2**24
_LENGTH_BYTES = 4  # of a message of VTP
_HEAD_BYTES = 1000
_HTML = re.compile(
    rb"(?:<\?xml[^>]*>\s*)?(?:<!--(?:(?!-->).)*-->\s*)*<(?:!doctype\s+)?html[\s>]",
    re.IGNORECASE | re.DOTALL,
)
_TEXTS = (
    (
        re.compile(rb"(?:.{0,200}\n){0,4}TITLE:\s*GCN\s+CIRCULAR", re.IGNORECASE),
        _CIRCULAR,
    ),
    (
        re.compile(rb"TITLE:\s*GCN", re.IGNORECASE),
        "a notice of GCN as text: subscribe to gcn.classic.voevent.* instead",
    ),
    (
        re.compile(
            rb"From |(?:Received|Return-Path|Delivered-To|Message-ID|MIME-Version|From"
            rb"|To|Date|Subject|Content-Type|DKIM-Signature|X-[\w-]+):\s",
            re.IGNORECASE,
        ),
        "an e-mail: send the notice alone, without the headers",
    ),
    (  # <?xml, <voe:, <VOE, {" and { with a new line
        re.compile(rb"(?:PD94|PHZv|PFZP|ey[IJ]|ewo)[A-Za-z0-9+/\r\n]*={0,2}\s*\Z"),
        "text in base64: send the notice itself",
    ),
    (
        re.compile(rb"HTTP/\d"),
        "an answer of a web server: send the notice alone, without the headers",
    ),
)
_JSON_LIST = re.compile(rb"\[\s*[\[\]{\"\d-]")
_JSON_VALUES = (
    (
        re.compile(rb"\".*\"\Z", re.DOTALL),
        "a JSON string: send its text as the message",
    ),
    (re.compile(rb"-?\d[\d.eE+-]{0,50}\Z"), "a JSON number, not an object"),
    (re.compile(rb"(?:true|false)\Z"), "a JSON true or false, not an object"),
    (re.compile(rb"null\Z"), "a JSON null: the message has no notice"),
)
_VOEVENT = re.compile(rb"<(?:[\w.-]{1,40}:)?VOEvent[\s>]")
# By names that a JSON object has.
_OBJECTS = (
    ({"subject", "body"}, _CIRCULAR),
    ({"circularId"}, _CIRCULAR),
    ({"stage", "survey", "sent_at"}, HEARTBEAT),  # ours
    (own.JSON_NAMES, own.OWN_FORM),
    ({"beat", "timestamp"}, HEARTBEAT),  # SCiMMA's
    ({"format", "content"}, "a message of hop: send its content alone"),
    ({"objectId", "candid"}, "an alert of ZTF, not a notice"),
    ({"diaSourceId"}, "an alert of Rubin, not a notice"),
    ({"type", "name", "fields"}, "a schema of Avro, not a notice"),
)
# GCN's heartbeat has the schema of a notice, and nothing else has a value.
_HEARTBEAT_NAMES = frozenset(("$schema", "alert_datetime", "alert_tense"))
_KIND_NAMES = ("type", "kind", "message_type", "event", "status")
_HEARTBEAT_WORDS = frozenset(("heartbeat", "keepalive", "iamalive", "ping", "alive"))


def describe(raw: bytes) -> str | None:
    """Return what a document is that no reader could read.

    Parameters
    ----------
    raw : bytes
        The document.

    Returns
    -------
    str or None
        One sentence, the reason why it is refused. None if it begins like XML or like
        a JSON object and is nothing else that is known: its reader knows more.
    """
    text = raw.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not text.strip(b"\0 \t\r\n"):
        return "empty: the message has no notice"
    return (
        _utf16_json(raw)
        or _binary(raw)
        or _text(text)
        or (None if text[:1] in (b"<", b"{") else _beginning(raw))
    )


def describe_object(content: Mapping[str, Any]) -> str | None:
    """Return what a JSON object is that is no notice; None if it is not known."""
    if "circulars" in str(content.get("$schema", "")):
        return _CIRCULAR
    words = {str(content.get(name, "")).strip().lower() for name in _KIND_NAMES}
    if words & _HEARTBEAT_WORDS or (
        "alert_datetime" in content and is_heartbeat(content)
    ):
        return HEARTBEAT
    return next((what for names, what in _OBJECTS if names <= content.keys()), None)


def is_heartbeat(content: Mapping[str, Any]) -> bool:
    """Return whether an object with a schema of GCN is a sign of life.

    It says so, or it has a date and nothing else.
    """
    given = {name for name, value in content.items() if value is not None}
    schema = str(content.get("$schema", "")).lower()
    return given <= _HEARTBEAT_NAMES or "heartbeat" in schema


def _utf16_json(raw: bytes) -> str | None:
    for encoding, bom in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
        head = raw[: _HEAD_BYTES & ~1].decode(encoding, errors="replace")
        start = head.lstrip("\ufeff \t\r\n")[:1]
        if start in ("{", "[") and (raw.startswith(bom) or b"\0" in raw[:2]):
            return "JSON in UTF-16: JSON must be in UTF-8"
    return None


def _binary(raw: bytes) -> str | None:
    for magic, what in _MAGIC:
        if raw.startswith(magic):
            return what
    place, magic = _TAR
    if raw[place] == magic:
        return f"a tar archive: {_ALONE}"
    if len(raw) == _BINARY_BYTES and raw[-4:] in _BINARY_ENDS:
        return "a binary notice of GCN: subscribe to gcn.classic.voevent.* instead"
    if len(raw) - _LENGTH_BYTES == int.from_bytes(raw[:_LENGTH_BYTES], "big"):
        return "a message of VTP with its length before it: send the message alone"
    if raw[:1] == b"\0" and raw[_REGISTRY_HEADER_BYTES:][:1] in (b"<", b"{"):
        return "a notice after the header of a registry of schemas: send it alone"
    number = int.from_bytes(raw[1:_REGISTRY_HEADER_BYTES], "big")
    is_long = len(raw) > _REGISTRY_HEADER_BYTES
    if raw[:1] == b"\0" and is_long and 0 < number < _MOST_SCHEMAS:
        return f"an object in Avro, with schema {number} of a registry: {_AVRO}"
    return None


def _text(text: bytes) -> str | None:
    """Describe a document that is text, given without white space before it."""
    head = text[:_HEAD_BYTES]
    if _HTML.match(head):
        return "an HTML page, as servers send for an error: not a notice"
    if _JSON_LIST.match(head):
        return f"a JSON list, not an object: {_ALONE}"
    whole = text.rstrip()
    for pattern, what in _JSON_VALUES:
        if pattern.match(whole):
            return what
    for pattern, what in _TEXTS:
        if pattern.match(head):
            return what
    if len(_VOEVENT.findall(text)) > 1:
        return f"more than one VOEvent: {_ALONE}"
    return None


def _beginning(raw: bytes) -> str:
    """Reason that shows the beginning of a document of no known kind."""
    head = raw[:20].decode("latin-1")
    shown = f'"{head}"' if head.isascii() and head.isprintable() else raw[:8].hex(" ")
    return f"not XML and not JSON: it begins with {shown}"
