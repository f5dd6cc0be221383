# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What a message says, and when there is something to say.

A message says when an object first reaches one of the chosen filters of an event, when
it reaches a further one, and when the last of its coincidences with the event is
withdrawn or retracted. More alerts of an object, and newer notices that
change none of this, make no message.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fink_voevent.alerts.transient import from_coincidence

# Kinds of changes.
NEW, FURTHER, WITHDRAWN, RETRACTED = "new", "further", "withdrawn", "retracted"
ENDS = (WITHDRAWN, RETRACTED)  # which are statuses of coincidences, too
MOST_LINES = 10  # changes that one message lists
MOST_CHARACTERS = 120  # of a text that others have written
_DAY_H = 24.0  # hours in a day
_MESSENGERS = {
    "grb": "gamma-ray burst",
    "gw": "gravitational wave",
    "frb": "fast radio burst",
    "xray": "X-ray transient",
    "gamma": "gamma-ray source",
    "neutrino": "neutrino",
    "supernova": "supernova",
}
_CLASSES = {
    "fresh": "new since the event",
    "fresh_unknown": "no limit before its first detection",
    "flaring": "flaring",
}
_REASONS = {
    WITHDRAWN: "no longer in the region or the window of the event",
    RETRACTED: "the event was retracted",
}
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa1-\uffff]+")


@dataclass(frozen=True)
class Reported:
    """What was reported of an object and an event.

    Parameters
    ----------
    filters : frozenset of str
        Chosen filters that the object has reached.
    alerts : frozenset of int
        Alerts of its coincidences that are neither withdrawn nor retracted.
    """

    filters: frozenset[str] = frozenset()
    alerts: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Change:
    """A change that a message reports.

    Parameters
    ----------
    event_id, messenger : str
    object_id : str
        Name of the object; of an alert without object, ``alert`` and its number.
    kind : {"new", "further", "withdrawn", "retracted"}
    filters : tuple of str
        Filters that the object reached by it, sorted; none at an end.
    text : str
        The change in words, in one line.
    """

    event_id: str
    messenger: str
    object_id: str
    kind: str
    filters: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Message:
    """A message.

    Parameters
    ----------
    title : str
        The same for all messages about one event, so that programs that make threads
        by the title make one of them.
    body : str
        Lines of plain text.
    """

    title: str
    body: str


def object_name(row: Mapping[str, Any]) -> str:
    """Name of the object of a row of the table routed."""
    return row["object_id"] or f"alert {row['alert_id']}"


def next_change(
    before: Reported, row: Mapping[str, Any], filters: Set[str]
) -> tuple[Reported, Change | None]:
    """Return what is reported after a coincidence, and the change to report.

    Parameters
    ----------
    before : Reported
        What was reported of the object and the event of the row.
    row : mapping
        Row of the table routed.
    filters : set of str
        Chosen filters to whose topics the coincidence was sent.

    Returns
    -------
    Reported
    Change or None
        None if there is nothing to say.
    """
    if row["status"] in ENDS:
        alerts = before.alerts - {row["alert_id"]}
        if alerts or not before.alerts:
            return Reported(before.filters, alerts), None
        return Reported(), _change(row, row["status"], ())
    after = Reported(before.filters | filters, before.alerts | {row["alert_id"]})
    reached = tuple(sorted(filters - before.filters))
    if not reached:
        return after, None
    return after, _change(row, FURTHER if before.filters else NEW, reached)


def _change(row: Mapping[str, Any], kind: str, filters: tuple[str, ...]) -> Change:
    text = _end(row, kind) if kind in ENDS else _detection(row, kind, filters)
    return Change(
        row["event_id"], row["messenger"], object_name(row), kind, filters, text
    )


def _end(row: Mapping[str, Any], kind: str) -> str:
    return f"{kind}: {_plain(object_name(row))}: {_REASONS[kind]}"


def _detection(row: Mapping[str, Any], kind: str, filters: tuple[str, ...]) -> str:
    """Sentence on a detection: what, how bright, where, when, how surprising."""
    name, found = ", ".join(filters), from_coincidence(row)
    parts = [f"{name}{' too' if kind == FURTHER else ''}: {_plain(object_name(row))}"]
    if found.magnitude is not None:
        parts.append(f"{found.band or ''} {found.magnitude:.1f} mag".strip())
    parts.append(f"at RA {found.ra:.5f} Dec {found.dec:+.5f} deg")
    parts.append(_when(row["delay"]))
    if row["credible_level"] is not None:
        parts.append(f"credible level {row['credible_level']:.2g}")
    if row.get("candidate_class") in _CLASSES:
        parts.append(_CLASSES[row["candidate_class"]])
    if row.get("expected_unrelated") is not None:
        expected = f"{row['expected_unrelated']:.2g}"
        parts.append(f"{expected} unrelated objects like it expected")
    if found.classification:
        parts.append(f"Fink: {_plain(found.classification)}")
    return ", ".join(parts) + (f" {found.address}" if found.address else "")


def _when(delay_days: float) -> str:
    """Time of an alert from the event, in words."""
    side = "after" if delay_days >= 0 else "before"
    hours = abs(delay_days) * _DAY_H
    if hours < 1:
        return f"{hours * 60:.0f} min {side} the event"
    if hours < 2 * _DAY_H:
        return f"{hours:.1f} h {side} the event"
    return f"{hours / _DAY_H:.1f} d {side} the event"


def title(messenger: str, event_id: str) -> str:
    """Title of all messages about an event."""
    name = _MESSENGERS.get(messenger, "event")
    return f"{name[0].upper()}{name[1:]} {_plain(event_id)}"


def of_event(changes: Sequence[Change]) -> Message:
    """Return the message on changes of one event: at least one, in order."""
    lines = "\n".join(_lines(changes))
    return Message(title(changes[0].messenger, changes[0].event_id), lines)


def after_gap(message: Message) -> Message:
    """Return a message that says that the one before it may not have arrived."""
    note = "(The message before this one may not have arrived.)"
    return Message(message.title, f"{note}\n{message.body}")


def digest(changes: Sequence[Change]) -> Message:
    """Return one message on changes of several events.

    Parameters
    ----------
    changes : sequence of Change
        In order.
    """
    events = Counter((c.messenger, c.event_id) for c in changes)
    lines = []
    for (messenger, event), count in events.most_common(MOST_LINES):
        lines.append(f"{title(messenger, event)}: {count} changes")
        own = [c for c in changes if (c.messenger, c.event_id) == (messenger, event)]
        lines += [f"  {line}" for line in _lines(own, most=2)]
    if len(events) > MOST_LINES:
        lines.append(f"and {len(events) - MOST_LINES} more events")
    return Message(f"{len(changes)} changes in {len(events)} events", "\n".join(lines))


def test_message(at: datetime) -> Message:
    """Return the message that checks a destination."""
    text = f"This is a test of fink_voevent notify, {at:%Y-%m-%d %H:%M:%S} UTC."
    return Message("fink_voevent: test", text)


def _lines(changes: Sequence[Change], most: int = MOST_LINES) -> list[str]:
    """Lines of changes: ends first, then those that reached most."""
    ordered = sorted(changes, key=lambda change: change.kind not in ENDS)
    lines = [change.text for change in ordered[:most]]
    if len(ordered) > most:
        lines.append(f"and {len(ordered) - most} more")
    return lines


def _plain(text: str) -> str:
    """Text of others without what a program takes as a command, and not too long.

    Angle brackets and @ make links and mentions, as ``<!channel>`` or ``@everyone``.
    """
    clean = _UNPRINTABLE.sub(" ", text).translate(_NO_COMMANDS)
    if len(clean) > MOST_CHARACTERS:
        return clean[: MOST_CHARACTERS - 1] + "…"
    return clean


_NO_COMMANDS = str.maketrans({"<": "(", ">": ")", "@": " at ", "`": "'", "*": "'"})
