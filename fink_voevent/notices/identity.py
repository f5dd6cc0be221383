# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Identity of a notice: its event, its version, its kind and its tense.

All are determined from the notice itself, never from the order of arrival.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Set
from datetime import datetime, timedelta, timezone

from fink_voevent import limits
from fink_voevent.notices.document import Document
from fink_voevent.notices.publishers import Publishers
from fink_voevent.notices.streams import Stream, named_event

# version = rank * RANK_STEP + milliseconds from 1970 to the issue, which are fewer.
RANK_STEP = 10**13
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MS = timedelta(milliseconds=1)
_FLAG_CHARS = 8  # a flag is a short word, maybe with white space
_LAST_REVISION = 999  # a revision number takes the place of the milliseconds
# Alert types of GCN's schema, and of LVK. Those without a date are in this order.
_GCN_TYPES = ("alert_type", "Alert_Type")
_LVK_TYPE = "AlertType"
_TYPE_ORDER = {"initial": 0, "subsequent": 1, "update": 2}
_KNOWN_TYPES = {*_TYPE_ORDER, "retraction", "earlywarning", "preliminary"}
# Tenses by the words of VOEvent (role) and of GCN's schema (alert_tense).
_TENSES = {
    "observation": "observation",
    "observe": "observation",  # H.E.S.S.
    "current": "observation",
    "archival": "observation",
    "prediction": "prediction",
    "planned": "prediction",
    "utility": "utility",
    "commanded": "utility",
    "test": "test",
    "tests": "test",
    "injection": "injection",
    "injections": "injection",
}
_TRUE = frozenset(("true", "1", "1.0", "yes", "y", "t"))
# Names of flags, in lower case and without punctuation: see `_flags`.
_TEST_FLAGS = frozenset(
    ("test", "istest", "testflag", "testnotice", "testsubmission", "internaltest")
)
_INJECTION_FLAGS = frozenset(
    (
        "hardwareinj",
        "hardwareinjection",
        "injection",
        "isinjection",
        "softwareinjection",
    )
    + ("mdc", "ismdc", "simulated", "issimulated", "simulation")
)
_RETRACTION_FLAGS = frozenset(
    ("retraction", "retracted", "retractflag", "retractionflag")
    + ("isretraction", "isretracted")
)
_NOT_A_BURST = frozenset(("defnotagrb",))
# Names of Params that say what a notice is, beside the alert types.
_STATUS = frozenset(
    (
        "noticetype",
        "messagetype",
        "status",
        "eventstatus",
        "alertstatus",
        "noticestatus",
    )
)
# How words for a retraction begin, as alert types and kinds of citations.
_RETRACTED = ("retract", "cancel", "withdraw", "revok", "rescind")
_TENSE_PARAMS = ("Alert_Tense", "alert_tense", "AlertTense")
_SUPEREVENT = ("GraceID", "superevent_id", "ref_ID")
_MOCK_SUPEREVENT = re.compile(r"(MS|TS|M)\d{5}", re.IGNORECASE)
_RETRACTED_NAME = re.compile(r"retraction|#(.*[^a-z])?retract", re.IGNORECASE)


def event_id(
    document: Document,
    stream: Stream,
    values: Mapping[str, str],
    publishers: Publishers,
) -> str:
    """Return the identifier of the event to which a notice belongs.

    Parameters
    ----------
    document : Document
        The notice.
    stream : Stream
        Its field `event` is the template of the identifier.
    values : mapping
        Values of the Params and of the named groups of the ivorn, by name.
    publishers : Publishers

    Returns
    -------
    str
        The filled template. If it names a Param that is missing, or gives a name that
        only another publisher may use, the ivorn of the notice that this one supersedes
        or retracts, if that is of the same publisher. Else the ivorn of the notice
        itself, which is then an event of its own.
    """
    own = publishers.of(document.ivorn)
    named = named_event(stream, values)
    if named and _may_name(document, stream, named, own, publishers):
        return named
    replaced = (
        ivorn
        for ivorn, cite in document.cites
        if _replaces(cite) and publishers.of(ivorn) == own
    )
    return next(replaced, document.ivorn)


def _may_name(
    document: Document, stream: Stream, named: str, own: str, publishers: Publishers
) -> bool:
    """Whether a notice of a publisher may use the name of an event.

    A pattern may match ivorns of others, and a Param may have any value, also one that
    makes the name, or the ivorn, of an event of others.
    """
    if named.lower().startswith("ivo:") or not publishers.owns(own, named):
        return False
    return publishers.table(own) is not None or stream.is_of_authority(document.ivorn)


def kind(document: Document, stream: Stream, values: Mapping[str, str]) -> str:
    """Return the kind of a notice, whatever its role.

    Publishers mark retractions differently: by a citation, a flag, the alert type,
    LVK's packet type 164, or the ivorn. All of these are recognised, and for gamma-ray
    bursts the flag that it is definitely not one.

    Parameters
    ----------
    document : Document
        The notice.
    stream : Stream
        Its stream.
    values : mapping
        Values of the Params and of the named groups of the ivorn, by name.

    Returns
    -------
    str
        ``initial``, ``update`` or ``retraction``.
    """
    if _is_retraction(document, stream, values):
        return "retraction"
    alert_type = _word(values, _GCN_TYPES)
    if alert_type:  # the record numbers of these notices may begin at any number
        return "update" if alert_type == "update" else "initial"
    number = _revision(stream, values)
    is_update = (
        (number is not None and number > stream.sequence_start)
        or (stream.rank > 0 and not stream.first)
        or any(_replaces(cite) for _, cite in document.cites)
    )
    return "update" if is_update else "initial"


def _is_retraction(
    document: Document, stream: Stream, values: Mapping[str, str]
) -> bool:
    flags = _flags(values)
    return (
        any(_is_retracted(cite) for _, cite in document.cites)
        or bool(flags & _RETRACTION_FLAGS)
        or (stream.messenger == "grb" and bool(flags & _NOT_A_BURST))
        or _is_retracted(_word(values, (*_GCN_TYPES, _LVK_TYPE)))
        or values.get("Packet_Type") == "164"
        or _RETRACTED_NAME.search(document.ivorn) is not None
        or any(
            _plain_name(name) in _STATUS
            for name, value in values.items()
            if value.strip().lower().startswith("retract")
        )
    )


def _is_retracted(word: str) -> bool:
    return word.strip().lower().startswith(_RETRACTED)


def _replaces(cite: str) -> bool:
    """Whether a kind of citation says that the notice replaces the cited one."""
    return cite.strip().lower().startswith("supersede") or _is_retracted(cite)


def believed(issued: datetime | None, received: datetime | None) -> datetime | None:
    """Return the issue time by which a notice is ordered.

    An issue time of the future, later than the reception by more than
    `limits.AHEAD_S`, is not believed, or its notice would remain the current one: the
    time of the reception takes its place.
    """
    if issued is None or received is None:
        return issued
    latest = received + timedelta(seconds=limits.AHEAD_S)
    return issued if issued <= latest else received


def version(
    stream: Stream, values: Mapping[str, str], issued: datetime | None, kind: str
) -> int:
    """Return the version of a notice within its event: the current one has the largest.

    The rank of the type of the notice is decisive, then the time of issue. If the
    publisher numbers its revisions (the field `sequence` of the stream), the number
    orders the notices of one second.

    A retraction without such a number is then the last one of its second. A retraction
    without a time of issue follows all other notices of its rank. Any
    other notice without one precedes them; these are ordered by their revision number,
    or else by their alert type.

    Parameters
    ----------
    stream : Stream
        Its stream.
    values : mapping
        Values of the Params and of the named groups of the ivorn, by name.
    issued : datetime or None
        When the notice was issued, UTC.
    kind : str
        As returned by `kind`.

    Returns
    -------
    int
        ``rank * RANK_STEP`` plus the milliseconds from 1970 to the issue; their last
        three digits are the revision number if there is one.
    """
    is_retraction = kind == "retraction"
    rank = max(stream.rank, stream.retraction_rank) if is_retraction else stream.rank
    number = _revision(stream, values)
    if issued is not None:
        order = min(max((issued - _EPOCH) // _MS, 0), RANK_STEP - 1000)
        if is_retraction and stream.sequence and number is None:
            number = _LAST_REVISION
        if number is not None:
            order = order // 1000 * 1000 + number
    elif is_retraction:
        order = RANK_STEP - 1
    elif number is not None:
        order = number
    else:
        order = _TYPE_ORDER.get(_word(values, _GCN_TYPES), 0)
    return rank * RANK_STEP + order


def _revision(stream: Stream, values: Mapping[str, str]) -> int | None:
    """First of the Params of the field `sequence` that is an integer, at most 999."""
    for name in stream.sequence:
        text = values.get(name, "").strip()
        if len(text) <= limits.NUMBER_CHARS and text.isascii() and text.isdigit():
            return min(int(text), _LAST_REVISION)
    return None


def _word(values: Mapping[str, str], names: Iterable[str]) -> str:
    """Value of the first of some Params that there is: letters alone, in lower case."""
    text = next((values[name] for name in names if name in values), "")
    return re.sub(r"[\s_-]+", "", text).lower() if text else ""


def _flags(values: Mapping[str, str]) -> set[str]:
    """Return the names of Params that are true, as `_plain_name` returns them."""
    return {
        _plain_name(name)
        for name, value in values.items()
        if len(value) <= _FLAG_CHARS and value.strip().lower() in _TRUE
    }


@functools.lru_cache(maxsize=4096)
def _plain_name(name: str) -> str:
    """Name of a Param in lower case, without punctuation: ``isRetracted`` as others."""
    return re.sub(r"[\W_]+", "", name).lower()


def tense(
    document: Document, stream: Stream, values: Mapping[str, str], kind: str
) -> str:
    """Return whether a notice reports a real event, a test or something else.

    A role that is missing is an observation, the default of the schema. A word that is
    not known, as a role, a tense or an alert type, is never an observation: nobody
    knows what the publisher means by it.

    Parameters
    ----------
    document : Document
        The notice.
    stream : Stream
        Its stream.
    values : mapping
        Values of the Params and of the named groups of the ivorn, by name.
    kind : str
        As returned by `kind`; the alert type of a retraction does not matter.

    Returns
    -------
    str
        ``observation``, ``test``, ``injection``, ``prediction``, ``utility`` or
        ``unknown``.
    """
    flags = _flags(values)
    words = {_tense_of(word) for word in _tense_words(document, values)}
    alert_type = _TENSES.get(_word(values, (*_GCN_TYPES, _LVK_TYPE)))
    if "injection" in (*words, alert_type) or _is_injection(values, flags):
        return "injection"
    if stream.tense is not None:
        return stream.tense
    if "test" in (*words, alert_type) or flags & _TEST_FLAGS:
        return "test"
    if kind != "retraction" and not _is_known_type(stream, values):
        return "unknown"
    return next(
        (t for t in ("unknown", "utility", "prediction") if t in words), "observation"
    )


def unknown_word(document: Document, stream: Stream) -> str | None:
    """Return the role, the tense or the alert type that makes a tense ``unknown``.

    Parameters
    ----------
    document, stream
        As of `tense`.

    Returns
    -------
    str or None
        The word as the publisher wrote it; None if all of them are known.
    """
    values = document.values
    words = _tense_words(document, values)
    unknown = next((w for w in words if _tense_of(w) == "unknown"), None)
    if unknown is None and not _is_known_type(stream, values):
        names = (*_GCN_TYPES, _LVK_TYPE)
        unknown = next(values[name] for name in names if name in values)
    return unknown


def _tense_words(
    document: Document, values: Mapping[str, str]
) -> tuple[str | None, str | None]:
    """Role, and tense in a Param: None if there is none."""
    given = next((values[name] for name in _TENSE_PARAMS if name in values), None)
    return document.role, given


def _tense_of(word: str | None) -> str:
    word = (word or "").strip().lower()
    return _TENSES.get(word, "unknown") if word else "observation"


def _is_injection(values: Mapping[str, str], flags: Set[str]) -> bool:
    superevent = next((values[n] for n in _SUPEREVENT if n in values), "")
    return (
        "mdc" in (values.get(name, "").lower() for name in ("Search", "search"))
        or _MOCK_SUPEREVENT.match(superevent) is not None
        or bool(flags & _INJECTION_FLAGS)
    )


def _is_known_type(stream: Stream, values: Mapping[str, str]) -> bool:
    """Whether the alert type is a known one; true if the notice has none."""
    # Other publishers use the name AlertType for other things.
    names = (*_GCN_TYPES, _LVK_TYPE) if stream.messenger == "gw" else _GCN_TYPES
    word = _word(values, names)
    return not word or word in _KNOWN_TYPES
