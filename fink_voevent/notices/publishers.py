# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Publishers of notices, by their ivorns.

The publisher of a notice is a table ``[publisher.NAME]`` of ``streams.toml``, or else
the part of its ivorn before ``#``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fink_voevent.config.addresses import IVO, pattern_of

# White space and slashes, which an ivorn may end with. A regular expression for them
# would take a time that is quadratic in their number.
_ENDS = "/" + "".join(c for c in map(chr, range(0x3001)) if c.isspace())


@dataclass(frozen=True)
class Publisher:
    """A table ``[publisher.NAME]`` of ``streams.toml``.

    Parameters
    ----------
    name : str
    ivorns : tuple of str
        Patterns of the ivorns of its notices: see `covers`.
    sources : tuple of str
        Sources that may speak for it: ``gcn``, a host, a host and port, or the address
        of Kafka topics. If there are none, it belongs to the source that was first.
    events : tuple of str
        First parts of names of events that only its notices may use.
    apart : bool
        Whether each part of an ivorn before ``#`` is a publisher of its own.
    """

    name: str
    ivorns: tuple[str, ...]
    sources: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    apart: bool = False


def publisher_table(name: str, table: Mapping[str, Sequence[str] | bool]) -> Publisher:
    """Return a table of ``streams.toml`` as a Publisher.

    Raises
    ------
    ValueError
        If a field is unknown or wrong.
    """
    unknown = set(table) - {"ivorns", "sources", "events", "apart"}
    if unknown:
        raise ValueError(f"unknown field: {', '.join(sorted(unknown))}")
    texts = {
        key: tuple(value)
        for key in ("ivorns", "sources", "events")
        if not isinstance(value := table.get(key, ()), (bool, str))
    }
    if len(texts) < 3 or not texts["ivorns"]:
        raise ValueError(
            "ivorns, sources and events are lists, and ivorns is not empty"
        )
    ivorns = tuple(map(pattern_of, texts["ivorns"]))
    sources, events = texts["sources"], texts["events"]
    return Publisher(name, ivorns, sources, events, bool(table.get("apart")))


def resource(ivorn: str) -> str:
    """Return the part of an ivorn before ``#`` or ``?``, in lower case.

    It begins with ``ivo://``, whether or not the ivorn does, so that it is never the
    name of a table.

    Examples
    --------
    >>> resource("ivo://org.Example/bursts#B1")
    'ivo://org.example/bursts'
    """
    own = re.split("[#?]", ivorn.lower(), maxsplit=1)[0].strip()
    return IVO + own.removeprefix(IVO).rstrip(_ENDS)


def covers(pattern: str, other: str) -> bool:
    """Whether all ivorns of a pattern, or a part before ``#``, match a pattern.

    A pattern that ends with ``/*`` matches all ivorns that begin with what precedes.

    Examples
    --------
    >>> covers("ivo://org.example/*", "ivo://org.example/bursts")
    True
    >>> covers("ivo://org.example/*", "ivo://org.example.evil/bursts")
    False
    """
    if not pattern.endswith("/*"):
        return pattern == other
    base = pattern.removesuffix("/*")
    return f"{other.removesuffix('/*')}/".startswith(f"{base}/")


@dataclass(frozen=True)
class Publishers:
    """All tables ``[publisher.NAME]``.

    Parameters
    ----------
    tables : tuple of Publisher
    """

    tables: tuple[Publisher, ...] = ()

    def of(self, ivorn: str) -> str:
        """Return the publisher of a notice: a name, or the ivorn up to ``#``."""
        own = resource(ivorn)
        table = self._table_of(own)
        return own if table is None or table.apart else table.name

    def table(self, publisher: str) -> Publisher | None:
        """Return the table of a publisher; None if there is none."""
        return self._by_name.get(publisher) or self._table_of(publisher)

    def ivorns(self, publisher: str) -> tuple[str, ...]:
        """Return the patterns of the ivorns of a publisher."""
        table = self.table(publisher)
        return (publisher,) if table is None or table.apart else table.ivorns

    def owns(self, publisher: str, event: str) -> bool:
        """Whether the notices of a publisher may use the name of an event.

        Names that begin as those of another publisher (`Publisher.events`) are refused.
        """
        owners = [
            (len(first), table.name)
            for table in self.tables
            for first in table.events
            if event.startswith(first)
        ]
        return not owners or max(owners)[1] == publisher

    def _table_of(self, own: str) -> Publisher | None:
        """Return the table with the longest pattern that matches."""
        if own in self._by_pattern:
            return self._by_pattern[own]
        base = own
        while base:
            if f"{base}/*" in self._by_pattern:
                return self._by_pattern[f"{base}/*"]
            base = base.rpartition("/")[0]
        return None

    @functools.cached_property
    def _by_pattern(self) -> Mapping[str, Publisher]:
        return {pattern: table for table in self.tables for pattern in table.ivorns}

    @functools.cached_property
    def _by_name(self) -> Mapping[str, Publisher]:
        return {table.name: table for table in self.tables if not table.apart}
