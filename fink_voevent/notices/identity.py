# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which event a notice belongs to, which version it is, and whether it is meant.

All from the notice itself, never from the order of arrival.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fink_voevent.notices.streams import Stream
from fink_voevent.notices.voevent import Document

RANK_STEP = 1_000_000  # version = rank * RANK_STEP + sequence
# Of JSON notices: GCN's order, and the names of their dates.
_ALERT_TYPES = {"initial": 0, "subsequent": 1, "update": 2, "retraction": 3}
_DATES = frozenset(("alert_datetime", "time_created"))
_TRUE = frozenset(("true", "1", "yes"))
_TEST_FLAGS = ("Test", "Test_Notice", "Test_Submission", "InternalTest")
_RETRACTION_FLAGS = ("Retraction", "RetractFlag", "retraction")
_MOCK_SUPEREVENT = re.compile(r"(MS|TS|M)\d")
_FIELD = re.compile(r"\{([^{}]+)\}")


def fill(template: str, values: Mapping[str, str]) -> str | None:
    """Template with ``{name}`` replaced; None where a name has no value."""
    names = _FIELD.findall(template)
    if any(not values.get(name, "").strip() for name in names):
        return None
    return _FIELD.sub(lambda found: values[found[1]].strip(), template)


def event_id(document: Document, stream: Stream, values: Mapping[str, str]) -> str:
    """Name of the event that a notice belongs to.

    Where the Params that the stream names are missing, it is the ivorn of the notice
    that this one supersedes or retracts; else its own, an event of its own.
    """
    if stream.id_mask:
        values = {k: _masked(v, stream.id_mask) for k, v in values.items()}
    named = fill(stream.event, values) if stream.event != "{ivorn}" else None
    replaced = (i for i, cite in document.cites if cite in ("supersedes", "retraction"))
    return named or next(replaced, document.ivorn)


def _masked(value: str, mask: int) -> str:
    try:
        return str(int(value) & mask)
    except ValueError:
        return value


def version(stream: Stream, values: Mapping[str, str]) -> tuple[int, bool]:
    """Order of a notice within its event, and whether it is beyond the first.

    The rank of the stream decides, then the sequence within it; for a JSON notice
    without a date, what it says that it is.
    """
    undated = "alert_type" in values and not _DATES.intersection(values)
    sequence = _ALERT_TYPES.get(values["alert_type"].lower(), 0) if undated else 0
    for name in stream.sequence:
        text = values.get(name, "")
        if re.fullmatch(r"\s*\d+\s*", text):
            sequence = min(int(text), RANK_STEP - 1)
            break
    is_update = sequence > stream.sequence_start or (
        stream.rank > 0 and not stream.first
    )
    return stream.rank * RANK_STEP + sequence, is_update


def kind(document: Document, values: Mapping[str, str], is_update: bool) -> str:
    """Tell initial, update or retraction, whatever the role.

    Retractions are told by a citation, by a flag, by LVK's AlertType or by its packet
    type 164: streams agree on no one of these.
    """
    if (
        any(cite == "retraction" for _, cite in document.cites)
        or any(values.get(name, "").lower() in _TRUE for name in _RETRACTION_FLAGS)
        or values.get("AlertType") == "Retraction"
        or values.get("alert_type", "").lower() == "retraction"
        or values.get("Packet_Type") == "164"
    ):
        return "retraction"
    told = values.get("alert_type", "").lower()
    if told:  # JSON says it; its numbers may begin anywhere
        return "update" if told == "update" else "initial"
    if is_update or any(cite == "supersedes" for _, cite in document.cites):
        return "update"
    return "initial"


def tense(document: Document, stream: Stream, values: Mapping[str, str]) -> str:
    """Tell observation, test, injection, prediction or utility.

    A role that is missing or unknown is an observation, the schema's default.
    """
    role = (document.role or "observation").lower()
    grace = values.get("GraceID") or values.get("superevent_id", "")
    if "MDC" in (values.get("Search"), values.get("search")) or _MOCK_SUPEREVENT.match(
        grace
    ):
        return "injection"
    if stream.tense is not None:
        return stream.tense
    flagged = any(values.get(name, "").lower() in _TRUE for name in _TEST_FLAGS)
    if role == "test" or flagged:
        return "test"
    return role if role in ("prediction", "utility", "injection") else "observation"
