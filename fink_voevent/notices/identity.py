# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Identity of a notice: its event, its version, its kind and its tense.

All are determined from the notice itself, never from the order of arrival.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fink_voevent.notices.document import Document
from fink_voevent.notices.streams import Stream

RANK_STEP = 1_000_000  # version = rank * RANK_STEP + sequence
# Of JSON notices: the order of GCN's alert types, and the names of the dates.
_ALERT_TYPES = {"initial": 0, "subsequent": 1, "update": 2, "retraction": 3}
_DATES = frozenset(("alert_datetime", "time_created"))
_TRUE = frozenset(("true", "1", "yes"))
_TEST_FLAGS = ("Test", "Test_Notice", "Test_Submission", "InternalTest")
_RETRACTION_FLAGS = ("Retraction", "RetractFlag", "retraction")
_MOCK_SUPEREVENT = re.compile(r"(MS|TS|M)\d")
_FIELD = re.compile(r"\{([^{}]+)\}")


def fill(template: str, values: Mapping[str, str]) -> str | None:
    """Replace each ``{name}`` of a template by its value.

    Returns
    -------
    str or None
        None if a name has no value.
    """
    names = _FIELD.findall(template)
    if any(not values.get(name, "").strip() for name in names):
        return None
    return _FIELD.sub(lambda found: values[found[1]].strip(), template)


def event_id(document: Document, stream: Stream, values: Mapping[str, str]) -> str:
    """Return the identifier of the event to which a notice belongs.

    Parameters
    ----------
    document : Document
        The notice.
    stream : Stream
        Its field `event` is the template of the identifier.
    values : mapping
        Values of the Params and of the named groups of the ivorn, by name.

    Returns
    -------
    str
        The filled template. If it names a Param that is missing, the ivorn of the
        notice that this one supersedes or retracts, or else the ivorn of the notice
        itself, which is then an event of its own.
    """
    if stream.id_mask:
        values = {k: _masked(v, stream.id_mask) for k, v in values.items()}
    named = fill(stream.event, values) if stream.event != "{ivorn}" else None
    replaced = (i for i, cite in document.cites if cite in ("supersedes", "retraction"))
    return named or next(replaced, document.ivorn)


def _masked(value: str, mask: int) -> str:
    """Bits of an integer within a mask; the value itself if it is not an integer."""
    try:
        return str(int(value) & mask)
    except ValueError:
        return value


def version(stream: Stream, values: Mapping[str, str]) -> tuple[int, bool]:
    """Return the version of a notice within its event.

    The rank of the stream is decisive, then the first of the Params of its field
    `sequence` that is an integer. A JSON notice without a date is ordered by its alert
    type.

    Returns
    -------
    version : int
        Order of the notice within its event.
    is_update : bool
        Whether it cannot be the first notice of its event.
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
    """Return the kind of a notice, whatever its role.

    Publishers mark retractions differently: by a citation, by a flag, by LVK's
    AlertType or by its packet type 164. All of these are recognised.

    Parameters
    ----------
    document : Document
        The notice.
    values : mapping
        Values of the Params by name.
    is_update : bool
        As returned by `version`.

    Returns
    -------
    str
        ``initial``, ``update`` or ``retraction``.
    """
    alert_type = values.get("alert_type", "").lower()
    if (
        any(cite == "retraction" for _, cite in document.cites)
        or any(values.get(name, "").lower() in _TRUE for name in _RETRACTION_FLAGS)
        or values.get("AlertType") == "Retraction"
        or alert_type == "retraction"
        or values.get("Packet_Type") == "164"
    ):
        return "retraction"
    if alert_type:  # the record numbers of JSON notices may begin at any number
        return "update" if alert_type == "update" else "initial"
    if is_update or any(cite == "supersedes" for _, cite in document.cites):
        return "update"
    return "initial"


def tense(document: Document, stream: Stream, values: Mapping[str, str]) -> str:
    """Return whether a notice reports a real event, a test or something else.

    A role that is missing or unknown is an observation, the default of the schema.

    Returns
    -------
    str
        ``observation``, ``test``, ``injection``, ``prediction`` or ``utility``.
    """
    role = (document.role or "observation").lower()
    superevent = values.get("GraceID") or values.get("superevent_id", "")
    is_mock_data = "MDC" in (values.get("Search"), values.get("search"))
    if is_mock_data or _MOCK_SUPEREVENT.match(superevent):
        return "injection"
    if stream.tense is not None:
        return stream.tense
    is_flagged = any(values.get(name, "").lower() in _TRUE for name in _TEST_FLAGS)
    if role == "test" or is_flagged:
        return "test"
    return role if role in ("prediction", "utility", "injection") else "observation"
