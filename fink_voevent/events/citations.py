# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Names of events whose notices do not name them, but cite an earlier notice.

Each notice gives the name of the notice that it supersedes or retracts, which may
itself cite another. All of them belong to the event of the first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

Link = tuple[str, str]  # the ivorn of a notice, and that of the notice that it cites


class Citations:
    """Citations of all notices, and the name of the event of each cited notice.

    Citations are added in any order and number, with the same result. A citation costs
    as much time as there are names that it changes.
    """

    def __init__(self) -> None:
        self._cites: dict[str, str] = {}  # by ivorn: the one that counts
        self._links: dict[str, Counter[str]] = {}  # by ivorn: all that were added
        self._cited_by: dict[str, set[str]] = {}
        self._firsts: dict[str, str] = {}  # by the name of each cited notice

    def name(self, event_id: str) -> str:
        """Name of the event of a notice with this `event_id`."""
        return self._firsts.get(event_id, event_id)

    def change(self, removed: Iterable[Link], added: Iterable[Link]) -> dict[str, str]:
        """Remove and add citations.

        Parameters
        ----------
        removed, added : iterable of Link
            If several notices have one ivorn, the last in sorted order counts. Only
            what was added is removed, once for each time.

        Returns
        -------
        dict of str to str
            The former name of the event, by each `event_id` for which it is another
            one now.
        """
        citing, targets = set(), set()
        for ivorn in self._changed(removed, added):
            former = self._cites.pop(ivorn, None)
            cited = max(self._links[ivorn]) if ivorn in self._links else None
            if former == cited and cited is not None:
                self._cites[ivorn] = cited
                continue
            if former is not None:
                self._forget(ivorn, former)
                targets.add(former)
            if cited is not None:
                self._cites[ivorn] = cited
                self._cited_by.setdefault(cited, set()).add(ivorn)
                targets.add(cited)
            citing.add(ivorn)
        outdated = self._leading_to(citing)
        former_names = {name: self.name(name) for name in outdated | targets}
        for name in outdated | (targets - self._cited_by.keys()):
            self._firsts.pop(name, None)
        for name in former_names.keys() & self._cited_by.keys():
            self._find_first(name)
        return {n: was for n, was in former_names.items() if was != self.name(n)}

    def _changed(self, removed: Iterable[Link], added: Iterable[Link]) -> set[str]:
        """Count the citations by ivorn; return the ivorns of those that were given."""
        changed = set()
        for ivorn, cited in added:
            self._links.setdefault(ivorn, Counter())[cited] += 1
            changed.add(ivorn)
        for ivorn, cited in removed:
            counts = self._links[ivorn]
            counts[cited] -= 1
            if not counts[cited]:
                del counts[cited]
            if not counts:
                del self._links[ivorn]
            changed.add(ivorn)
        return changed

    def _forget(self, ivorn: str, cited: str) -> None:
        citing = self._cited_by[cited]
        citing.remove(ivorn)
        if not citing:
            del self._cited_by[cited]

    def _leading_to(self, names: set[str]) -> set[str]:
        """Names from which citations lead to one of these names, and these."""
        found, waiting = set(names), list(names)
        while waiting:
            new = self._cited_by.get(waiting.pop(), set()) - found
            found |= new
            waiting.extend(new)
        return found

    def _find_first(self, cited: str) -> None:
        """Follow citations from a cited notice to the first one.

        Notices may cite in a circle: then each of them is followed until the circle
        closes, so that the first is the one that cites it.
        """
        path: dict[str, None] = {}  # in order
        name = cited
        while name not in self._firsts and name not in path and name in self._cites:
            path[name] = None
            name = self._cites[name]
        if name in self._firsts:  # whose citations lead to no name of the path
            self._firsts |= dict.fromkeys(path, self._firsts[name])
        elif name not in path:  # it cites nothing
            self._firsts |= dict.fromkeys([*path, name], name)
        else:
            names = list(path)
            start = names.index(name)
            self._firsts |= dict.fromkeys(names[:start], names[-1])
            circle = names[start:]
            self._firsts |= zip(circle, [circle[-1], *circle[:-1]], strict=True)
