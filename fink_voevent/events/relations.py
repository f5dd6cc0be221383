# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Related events by what their notices say: citations, and names that they share.

Two events are related if a notice of one cites a notice of the other, or if both have a
name that only one burst has, as GRB 221009A. Neither needs a region or the same time to
a minute: an X-ray position comes hours later, from another publisher, with another name
of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fink_voevent.tables.times import DAY_US

# Longest time between two related events; a name of another year is a mistake.
LONGEST_US = 30 * DAY_US
MOST_EVENTS = 20  # a name of more events than this names no burst
NAME_CHARS = 64
# Params that contain names, and the names of one burst: a date alone may be of several.
NAME_PARAMS = frozenset(
    ("event_name", "Event_Name", "ref_ID", "superevent_id", "GraceID", "GRB_Name", "id")
)
_NAME = re.compile(
    r"(GRB|AT|SN|EP|FRB|IC|XRF|TDE|KM3)\d{6}([A-Z]{1,4}|\d{3})"  # GRB221009A, EP240115A
    r"|(AT|SN|TDE|FRB)\d{8}[A-Z]{1,4}|(AT|SN|TDE)20\d{2}[A-Z]{1,5}"
    r"|(S|GW)\d{6}[A-Z]{1,4}|SB\d{8}"  # superevents of LVK; bursts of SVOM
)
_SEPARATORS = re.compile(r"[\s_.:-]+")


@dataclass(frozen=True)
class EventLinks:
    """What the notices of one event say of other events.

    Parameters
    ----------
    event_id : str
    time_us : int or None
        Time of the event, microseconds of UTC since 1970.
    ivorns : frozenset of str
        Identifiers of its notices.
    cited : frozenset of str
        Identifiers that its notices cite, in whatever way.
    names : frozenset of str
        Its names: see `burst_names`.
    """

    event_id: str
    time_us: int | None
    ivorns: frozenset[str] = frozenset()
    cited: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()


def burst_names(values: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return the names of bursts among Params.

    Parameters
    ----------
    values : iterable of (str, str)
        Name and value of Params.

    Returns
    -------
    frozenset of str
        In capitals, without spaces and punctuation, so that ``GRB 221009a`` is
        ``GRB221009A``. A date alone, as GRB 221009, is not the name of one burst.
    """
    found = set()
    for param, value in values:
        if param in NAME_PARAMS and len(value) <= NAME_CHARS:
            name = _SEPARATORS.sub("", value).upper()
            if _NAME.fullmatch(name):
                found.add(name)
    return frozenset(found)


def related(events: Iterable[EventLinks]) -> Mapping[str, frozenset[str]]:
    """Find the related events of each event.

    Parameters
    ----------
    events : iterable of EventLinks
        Valid events, each once: neither retracted nor tests.

    Returns
    -------
    mapping of str to frozenset of str
        Names of related events by event. The relation goes both ways, and an event is
        not related to itself. Events with a known time that differ by more than
        `LONGEST_US` are not related. An event without related ones is left out.
    """
    by_event = {event.event_id: event for event in events}
    known_by: dict[tuple[str, str], set[str]] = {}  # of an ivorn, or of a name
    for event in by_event.values():
        for kind, texts in (("ivorn", event.ivorns), ("name", event.names)):
            for text in texts:
                known_by.setdefault((kind, _key(kind, text)), set()).add(event.event_id)
    pairs = set()
    for event in by_event.values():
        wanted = {("ivorn", _key("ivorn", text)) for text in event.cited if text}
        wanted |= {("name", text) for text in event.names}
        for key in wanted:
            others = known_by.get(key, set())
            if key[0] == "name" and len(others) > MOST_EVENTS:
                continue
            pairs |= {(event.event_id, other) for other in others}
    found: dict[str, set[str]] = {}
    for one, other in pairs:
        if one != other and _is_near(by_event[one], by_event[other]):
            found.setdefault(one, set()).add(other)
            found.setdefault(other, set()).add(one)
    return {event: frozenset(others) for event, others in found.items()}


def _key(kind: str, text: str) -> str:
    """Return an ivorn whose case does not matter but after the ``#``; a name as is."""
    if kind == "name":
        return text
    stream, mark, local = text.strip().partition("#")
    return stream.lower() + mark + local


def _is_near(one: EventLinks, other: EventLinks) -> bool:
    if one.time_us is None or other.time_us is None:
        return True
    return abs(one.time_us - other.time_us) <= LONGEST_US
