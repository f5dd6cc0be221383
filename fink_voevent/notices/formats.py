# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Detect the format of a notice, and read it with the reader of that format."""

from __future__ import annotations

from collections.abc import Sequence

from fink_voevent.errors import NoticeError, UnknownFormatError, apply_each
from fink_voevent.notices import gcn_json, other_documents, voevent
from fink_voevent.notices.document import Document, check_limits


def detect_format(raw: bytes) -> str:
    """Return the format of a notice: voevent, igwn.gwalert or gcn.notices.

    It is detected from the bytes, because transports do not report it. Anything that
    does not begin like JSON is taken as a VOEvent; the reader of VOEvents then reports
    any fault.
    """
    if not gcn_json.is_json(raw):
        return "voevent"
    return gcn_json.LVK if b'"superevent_id"' in raw else gcn_json.GCN


def read_all(raws: Sequence[bytes]) -> list[Document | NoticeError]:
    """Read several notices of any format.

    Returns
    -------
    list
        For each notice, in order, its content, or the error if it cannot be read.
    """
    are_json = [gcn_json.is_json(raw) for raw in raws]
    pairs = list(zip(raws, are_json, strict=True))
    xml = iter(voevent.read_all([raw for raw, is_json in pairs if not is_json]))
    json = iter(apply_each(gcn_json.read, [raw for raw, is_json in pairs if is_json]))
    documents = [next(json) if is_json else next(xml) for is_json in are_json]
    for place, document in enumerate(documents):
        if isinstance(document, UnknownFormatError):
            reason = other_documents.describe(raws[place]) or str(document)
            documents[place] = NoticeError(reason)
    return apply_each(_within_limits, raws, documents)


def _within_limits(raw: bytes, document: Document) -> Document:
    check_limits(document, raw)
    return document
