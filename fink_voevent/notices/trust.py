# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which source may speak for which publisher.

VTP has no authentication, so that anybody can send any ivorn. Therefore a notice counts
only if the source from which it was received may speak for its publisher. A source is a
configured address, whichever machine it leads to.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from fink_voevent.config.addresses import (
    GCN,
    KAFKA,
    LAND,
    PARQUET,
    SourceEntry,
    parse_entries,
    parse_kafka,
)
from fink_voevent.notices.publishers import Publishers, covers

# Source of files that the operator lands by their paths: they are the operator's own.
FILES = "files"
GCN_SOURCE = "gcn"  # name of all topics of GCN
ANY = "ivo://*"  # pattern of all publishers
# Why a source may or may not speak for a publisher: values of the column `how`.
SETTING, STREAMS, FIRST_USE, OPERATOR = (
    "setting",
    "streams.toml",
    "first use",
    "operator",
)
_PLAIN = re.compile(r"ivo://[\w.~@:/-]+(/\*)?", re.ASCII)
_PLAIN_SOURCE = re.compile(r"[\w.:/@-]+", re.ASCII)
Carrier = tuple[str, str]  # a publisher, and a source that has sent its notices


def source_of(transport: str, source: str) -> str:
    """Return the source of a document that has landed, as the table trust names it.

    Parameters
    ----------
    transport, source : str
        Columns of the table landing.

    Returns
    -------
    str
        ``host:port`` of a VTP broker, ``kafka://host:port/TOPIC``, ``gcn://TOPIC``,
        ``land`` (`fink_voevent land` from standard input), ``files`` (from paths) or
        ``parquet`` (a file of another program in landing).
    """
    if transport == "kafka":
        is_gcn = source.startswith("gcn/")
        return GCN + source.removeprefix("gcn/") if is_gcn else KAFKA + source
    named = {"stdin": LAND, "file": FILES, PARQUET: PARQUET}
    return named.get(transport) or source.lower()


def broker_of(source: str) -> str:
    """Return the broker of a source: all topics of one are one source.

    Parameters
    ----------
    source : str
        As `source_of` returns it.

    Returns
    -------
    str
        ``gcn`` for all topics of GCN, ``kafka://host:port`` for those of another Kafka
        broker; the source itself if it is no topic.

    Examples
    --------
    >>> broker_of("gcn://igwn.gwalert"), broker_of("kafka://k.org:9092/T")
    ('gcn', 'kafka://k.org:9092')
    """
    if source.startswith(GCN):
        return GCN_SOURCE
    return source.rpartition("/")[0] if source.startswith(KAFKA) else source


class Decision(NamedTuple):
    """Whether a source may speak for a publisher, and why.

    Parameters
    ----------
    publisher, source : str
    trusted : bool
    how : str
        ``setting``, ``streams.toml``, ``first use`` or ``operator``.
    """

    publisher: str
    source: str
    trusted: bool
    how: str


def latest(rows: Iterable[Mapping[str, Any]]) -> dict[Carrier, Decision]:
    """Return the decisions of rows of the table trust, with `batch`, in any order."""
    ordered = sorted(rows, key=lambda row: row["batch"])
    return {
        (row["publisher"], row["source"]): Decision(*(row[f] for f in Decision._fields))
        for row in ordered
    }


class Trust:
    """Decides which source may speak for which publisher.

    Parameters
    ----------
    publishers : Publishers
    sources : str
        The setting `sources`.
    known : iterable of Decision
        What was decided before.
    """

    def __init__(
        self, publishers: Publishers, sources: str, known: Iterable[Decision] = ()
    ) -> None:
        self.publishers, self._entries = publishers, parse_entries(sources)
        self._known = {(one.publisher, one.source): one for one in known}
        self._sources: dict[str, set[str]] = {}  # all of `_known`, by publisher
        for one in list(self._known.values()):
            self.note(one)

    def note(self, decision: Decision) -> None:
        """Keep a decision in mind that was made elsewhere."""
        self._known[decision.publisher, decision.source] = decision
        self._sources.setdefault(decision.publisher, set()).add(decision.source)

    def decide(self, publisher: str, source: str) -> Decision:
        """Return the decision on a publisher and a source, and keep it in mind.

        The rules, in this order: files of the operator may speak for all; a setting, or
        ``streams.toml``, names the sources of a publisher; what was decided before
        remains; the source that is first to carry a publisher may speak for it.
        """
        before = self._known.get((publisher, source))
        decision = Decision(publisher, source, *self._rule(publisher, source, before))
        self.note(decision)
        return decision

    def changed(self) -> list[Decision]:
        """Decide again on all that is known; return what is no longer the same.

        The setting or ``streams.toml`` may have changed.
        """
        before = dict(self._known)
        again = [self.decide(*pair) for pair in sorted(before)]
        return [one for one in again if one != before[one.publisher, one.source]]

    def owners(self, publisher: str) -> list[str]:
        """Return the sources that may speak for a publisher and have done so.

        Files of the operator, which may speak for all, are left out.
        """
        return sorted(self._owners(publisher))

    def unit(self, source: str) -> str:
        """Return what a source is a part of, of which one report is enough.

        That is the setting that names it, with its other topics and addresses, or else
        its broker.
        """
        number = self._number(source)
        return broker_of(source) if number is None else str(self._entries[number])

    def is_repeated(self, decision: Decision, new: Collection[Carrier]) -> bool:
        """Whether the same was decided before of another topic, or address, of a unit.

        Parameters
        ----------
        decision : Decision
        new : collection of Carrier
            Carriers on which nothing was decided before.
        """
        publisher = decision.publisher
        others = (
            self._known[publisher, source]
            for source in self._sources.get(publisher, ())
            if (publisher, source) not in new
        )
        unit = self.unit(decision.source)
        return any(
            one.trusted == decision.trusted and self.unit(one.source) == unit
            for one in others
        )

    def named(self, publisher: str) -> list[str]:
        """Return the sources that the setting, or ``streams.toml``, names for it."""
        ivorns = self.publishers.ivorns(publisher)
        given = [entry for entry in self._entries if _is_given(entry, ivorns)]
        addresses = [address for entry in given for address in entry.addresses]
        return [*self._known_sources(publisher), *addresses]

    def line_to_add(self, publisher: str, source: str) -> str:
        """Return the setting with which a source may speak for a publisher.

        Sources that may do so now by first use, or by the setting, are named too. It is
        empty if the ivorn has characters that a setting, or a shell, would not take as
        they are: others have written it.
        """
        pattern = self.publishers.ivorns(publisher)[0]
        if not (_PLAIN.fullmatch(pattern) and _PLAIN_SOURCE.fullmatch(source)):
            return ""
        named = {source}
        if not self._known_sources(publisher):
            named.update(self.owners(publisher))
        entries = list(self._entries)
        for one in sorted(named):
            number = self._number(one)
            entry = SourceEntry("", (one,), ()) if number is None else entries[number]
            if not any(covers(p, pattern) for p in entry.publishers):
                entry = entry._replace(publishers=(*entry.publishers, pattern))
            if number is None:
                entries.append(entry)
            else:
                entries[number] = entry
        separator = ";" if any(entry.name for entry in entries) else ","
        return f"VOEVENT_SOURCES='{separator.join(map(str, entries))}'"

    def _owners(self, publisher: str) -> set[str]:
        sources = self._sources.get(publisher, set()) - {FILES}
        return {one for one in sources if self._known[publisher, one].trusted}

    def _rule(
        self, publisher: str, source: str, before: Decision | None
    ) -> tuple[bool, str]:
        if source == FILES:
            return True, OPERATOR
        ivorns = self.publishers.ivorns(publisher)
        given = [entry for entry in self._entries if _is_given(entry, ivorns)]
        own = self._entries_of(source)
        if any(entry in given or ANY in entry.publishers for entry in own):
            return True, SETTING
        known = self._known_sources(publisher)
        if known:
            addresses = [source, *(a for entry in own for a in entry.addresses)]
            names = {entry.name for entry in own}
            is_known = any(_is_at(one, a) for one in known for a in addresses)
            return is_known or bool(names & set(known)), STREAMS
        if given:
            return False, SETTING
        owners = self._owners(publisher)
        if before is not None and (before.trusted or not owners):
            return before.trusted, before.how
        is_same = any(self._are_one(source, owner) for owner in owners)
        return not owners or is_same, FIRST_USE

    def _known_sources(self, publisher: str) -> tuple[str, ...]:
        table = self.publishers.table(publisher)
        return () if table is None else table.sources

    def _entries_of(self, source: str) -> list[SourceEntry]:
        return [e for e in self._entries if any(_has(a, source) for a in e.addresses)]

    def _number(self, source: str) -> int | None:
        """Return the number of the entry of a source; None if it has none."""
        numbers = (
            number
            for number, entry in enumerate(self._entries)
            if any(_has(address, source) for address in entry.addresses)
        )
        return next(numbers, None)

    def _are_one(self, source: str, other: str) -> bool:
        """Whether two addresses are one source."""
        if broker_of(source) == broker_of(other):
            return True
        return any(
            entry in self._entries_of(other) for entry in self._entries_of(source)
        )


def _is_given(entry: SourceEntry, ivorns: tuple[str, ...]) -> bool:
    """Whether a setting names a publisher, all of it or a part, for a source.

    A source that may speak for all publishers names none of them.
    """
    patterns = [given for given in entry.publishers if given != ANY]
    pairs = ((given, own) for given in patterns for own in ivorns)
    return any(covers(given, own) or covers(own, given) for given, own in pairs)


def _has(address: str, source: str) -> bool:
    """Whether a configured address is that of a source."""
    if not address.startswith((KAFKA, GCN)):
        return address.lower() == source.lower()
    (configured,) = parse_kafka(address)
    place, _, topic = source.rpartition("/")
    if place != f"{KAFKA}{configured.servers}" and (
        configured.servers or not source.startswith(GCN)
    ):
        return False
    return any(_is_topic(name, topic) for name in configured.topics)


def _is_topic(name: str, topic: str) -> bool:
    if not name.startswith("^"):
        return name == topic
    try:
        return re.match(name, topic) is not None
    except re.error:  # librdkafka has other regular expressions than Python
        return False


def _is_at(known: str, address: str) -> bool:
    """Whether an address is a source that ``streams.toml`` names."""
    if known == GCN_SOURCE:
        return address.startswith(GCN)
    if known.startswith((KAFKA, GCN)):
        return address.startswith(known.rstrip("/") + "/") or address == known
    host, _, port = address.lower().partition(":")
    return known.lower() in (host, f"{host}:{port}")
