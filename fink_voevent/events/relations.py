# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Related events by what their notices say: citations, and names that they share.

Two events are related if a notice of one cites a notice of the other, or if both have a
name that only one burst has, as GRB 221009A. Neither needs a region or the same time to
a minute: an X-ray position comes hours later, from another publisher, with another name
of its own.

Anybody can cite a notice, use the name of a burst, or claim its time and place.
Therefore an event lists one of another publisher only if a setting or ``streams.toml``
names the source of that publisher, or if its own notices cite it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from fink_voevent.events.notice import Notice
from fink_voevent.tables.times import DAY_US

# Longest time between two related events; a name of another year is a mistake.
LONGEST_US = 30 * DAY_US
# A name of more events than this names no burst, and a notice that more events cite, or
# an ivorn that more events use, relates none of them.
MOST_EVENTS = 20


@dataclass(frozen=True)
class EventLinks:
    """What the notices of one event say of other events.

    Parameters
    ----------
    event_id : str
    time_us : int or None
        Time of the event, microseconds of UTC since 1970.
    ivorns : collection of str
        Identifiers of its notices.
    cited : collection of str
        Identifiers that its notices cite, in whatever way.
    names : collection of str
        Its names, and those of events that its notices cite: see the column `names` of
        the table events.
    publisher : str or None
        Publisher of its notices.
    is_named : bool
        Whether a setting or ``streams.toml`` names the sources of all its notices, or
        they are the operator's own; false if a source was trusted on first use.
    """

    event_id: str
    time_us: int | None
    ivorns: Collection[str] = ()
    cited: Collection[str] = ()
    names: Collection[str] = ()
    publisher: str | None = None
    is_named: bool = True


class Relations:
    """Which events are related by what their notices say.

    Events are added and removed in any order and number, with the same result. Each
    costs as much time as it has citations, names and notices, at any number of events:
    no more than `MOST_EVENTS` are related by one of them.
    """

    def __init__(self) -> None:
        self._links: dict[str, EventLinks] = {}
        # Each by whether the event is of a publisher that is named.
        self._using = {True: _Index(), False: _Index()}  # events by ivorn
        self._citing = {True: _Index(), False: _Index()}  # events by ivorn
        self._called = {True: _Index(), False: _Index()}  # events by name

    def change(self, removed: Iterable[str], added: Iterable[EventLinks]) -> set[str]:
        """Remove and add events.

        Parameters
        ----------
        removed : iterable of str
            Names of events; those that are not there are left out.
        added : iterable of EventLinks
            Valid events, which are not there: neither retracted nor tests.

        Returns
        -------
        set of str
            Names of all events that may be related to others than before; events that
            were removed are among them.
        """
        touched: set[str] = set()
        for event_id in removed:
            links = self._links.pop(event_id, None)
            if links is not None:
                for index, keys in self._entries(links):
                    index.remove(keys, event_id)
                touched |= self._linked(links)  # those that were too many with it too
        for links in map(_with_keys, added):
            self._links[links.event_id] = links
            touched |= self._linked(links)
            for index, keys in self._entries(links):
                index.add(keys, links.event_id)
        return touched

    def of(self, event_id: str) -> set[str]:
        """Return the events that an event lists as related, without itself.

        Events with a known time that differ by more than `LONGEST_US` are not related.
        The set is empty if the event is not there.
        """
        links = self._links.get(event_id)
        if links is None:
            return set()
        found = self._said_by(links)
        found |= {o for o in self._said_of(links) if self.is_believed(event_id, o)}
        found.discard(event_id)
        return {other for other in found if _is_near(links, self._links[other])}

    def is_believed(self, event_id: str, other: str) -> bool:
        """Whether an event lists another one for what that says: its place, or a link.

        Both are events that were added.
        """
        own, theirs = self._links[event_id], self._links[other]
        return theirs.is_named or theirs.publisher == own.publisher

    def _said_by(self, links: EventLinks) -> set[str]:
        """Events of which an event says that they are related."""
        found: set[str] = set()
        for key in links.cited:
            if not self._citing[links.is_named].is_crowded(key):
                for index in self._using.values():
                    found |= index.events(key)
        for name in links.names:
            if not self._called[links.is_named].is_crowded(name):
                found |= self._called[True].events(name)
        return found

    def _said_of(self, links: EventLinks) -> set[str]:
        """Events that say that they are related to an event."""
        found: set[str] = set()
        for key in links.ivorns:
            if not self._using[links.is_named].is_crowded(key):
                for index in self._citing.values():
                    found |= index.events(key)
        for name in links.names:
            if not self._called[links.is_named].is_crowded(name):
                for index in self._called.values():
                    found |= index.events(name)
        return found

    def _linked(self, links: EventLinks) -> set[str]:
        """Events that have an ivorn, a citation or a name in common with an event.

        Those that only cite, or use, the same ivorn matter if they become too many.
        """
        found = {links.event_id} | self._said_by(links) | self._said_of(links)
        for key in links.cited:
            found |= self._citing[links.is_named].events(key)
        for key in links.ivorns:
            found |= self._using[links.is_named].events(key)
        return found

    def _entries(self, links: EventLinks) -> Iterable[tuple[_Index, Collection[str]]]:
        yield self._using[links.is_named], links.ivorns
        yield self._citing[links.is_named], links.cited
        yield self._called[links.is_named], links.names


def links_of(
    event_id: str, time_us: int | None, notices: Sequence[Notice]
) -> EventLinks:
    """Return what the notices of an event say; the last of them is the current one.

    The event itself has a name: notices of others may give it.
    """
    return EventLinks(
        event_id,
        time_us,
        [n.ivorn for n in notices],
        [ivorn for n in notices for ivorn in n.cited],
        [event_id, *(name for n in notices for name in n.names)],
        notices[-1].publisher,
        all(n.is_named for n in notices),
    )


class Listed:
    """Which events list an event as related; it need not list them."""

    def __init__(self) -> None:
        self._by: dict[str, set[str]] = {}

    def change(self, event: str, before: Iterable[str], after: Iterable[str]) -> None:
        """Note which events an event has listed before, and lists now."""
        for other in before:
            self._by[other].discard(event)
            if not self._by[other]:
                del self._by[other]
        for other in after:
            self._by.setdefault(other, set()).add(event)

    def by(self, event: str) -> Collection[str]:
        """Return the events that list an event."""
        return self._by.get(event, ())


class _Index:
    """Events by what they have: most keys have one event, which takes no set."""

    def __init__(self) -> None:
        self._events: dict[str, str | set[str]] = {}

    def add(self, keys: Collection[str], event_id: str) -> None:
        for key in keys:
            there = self._events.get(key)
            if there is None:
                self._events[key] = event_id
            elif isinstance(there, str):
                self._events[key] = {there, event_id}
            else:
                there.add(event_id)

    def remove(self, keys: Collection[str], event_id: str) -> None:
        for key in keys:
            there = self._events[key]
            if isinstance(there, set) and len(there) > 1:
                there.remove(event_id)
            else:
                del self._events[key]

    def is_crowded(self, key: str) -> bool:
        """Whether more events than `MOST_EVENTS` have a key."""
        there = self._events.get(key)
        return isinstance(there, set) and len(there) > MOST_EVENTS

    def events(self, key: str) -> set[str]:
        """Events that have a key; none if they are too many."""
        there = self._events.get(key, set())
        if isinstance(there, str):
            return {there}
        return there if len(there) <= MOST_EVENTS else set()


def _with_keys(links: EventLinks) -> EventLinks:
    """Return links with each text once; case of an ivorn matters only after ``#``."""
    return replace(
        links,
        ivorns=tuple(dict.fromkeys(map(_key, links.ivorns))),
        cited=tuple(dict.fromkeys(map(_key, links.cited))),
        names=tuple(dict.fromkeys(links.names)),
    )


def _key(ivorn: str) -> str:
    stream, mark, local = ivorn.strip().partition("#")
    return stream.lower() + mark + local


def _is_near(one: EventLinks, other: EventLinks) -> bool:
    if one.time_us is None or other.time_us is None:
        return True
    return abs(one.time_us - other.time_us) <= LONGEST_US
