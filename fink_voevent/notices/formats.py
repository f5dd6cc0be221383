# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which format the bytes of a notice have, and its reader."""

from __future__ import annotations

from collections.abc import Sequence

from fink_voevent.errors import NoticeError, each
from fink_voevent.notices import gcn_json, voevent
from fink_voevent.notices.voevent import Document


def format_of(raw: bytes) -> str:
    """Name of the format: voevent, igwn.gwalert or gcn.notices.

    Told from the bytes: transports do not say. What is no JSON is taken as a VOEvent,
    whose reader says what is wrong with it.
    """
    if not gcn_json.is_json(raw):
        return "voevent"
    return gcn_json.LVK if b'"superevent_id"' in raw else gcn_json.GCN


def read_all(raws: Sequence[bytes]) -> list[Document | NoticeError]:
    """Read several notices, in order; the error where one cannot be read."""
    as_json = [gcn_json.is_json(raw) for raw in raws]
    xml = iter(
        voevent.read_all([r for r, j in zip(raws, as_json, strict=True) if not j])
    )
    json = iter(
        each(gcn_json.read, [r for r, j in zip(raws, as_json, strict=True) if j])
    )
    return [next(json) if j else next(xml) for j in as_json]
