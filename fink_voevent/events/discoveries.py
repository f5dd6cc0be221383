# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""An ivorn identifies one notice: one that uses it again moves no event.

A notice without a citation begins an event. Another notice with its ivorn that
supersedes or retracts a notice of another event would merge the two events, and is left
out. Renditions of one notice have the same citations, and stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from fink_voevent.events.notice import Notice


def cites(notice: Notice) -> bool:
    """Whether a notice names no event, but cites the notice of one."""
    return notice.event_id.startswith("ivo://") and notice.event_id != notice.ivorn


class Discoveries:
    """The notices that begin events, and those that use their ivorns again.

    The result is the same for notices in any order and number.
    """

    def __init__(self) -> None:
        self._begin: Counter[str] = Counter()  # notices that begin an event, by ivorn
        self._citing: dict[str, dict[str, Notice]] = {}  # by ivorn and notice_id
        self._chosen: set[str] = set()  # of these, the notice_id of those that stay

    def change(
        self, ended: Iterable[Notice], begun: Iterable[Notice]
    ) -> tuple[list[Notice], list[Notice]]:
        """Remove and add notices; return those that leave, and those that come.

        Parameters
        ----------
        ended, begun : iterable of Notice
            Of one notice that was received otherwise, both.
        """
        leaving, coming = [], []
        touched: dict[str, None] = {}  # in order
        for notice in ended:
            if cites(notice):
                del self._citing[notice.ivorn][notice.notice_id]
                if notice.notice_id in self._chosen:
                    self._chosen.remove(notice.notice_id)
                    leaving.append(notice)
                continue
            leaving.append(notice)
            if notice.event_id == notice.ivorn:
                self._begin[notice.ivorn] -= 1
                touched[notice.ivorn] = None
        for notice in begun:
            if cites(notice):
                self._citing.setdefault(notice.ivorn, {})[notice.notice_id] = notice
                touched[notice.ivorn] = None
                continue
            coming.append(notice)
            if notice.event_id == notice.ivorn:
                self._begin[notice.ivorn] += 1
                touched[notice.ivorn] = None
        for ivorn in touched:
            is_used = self._begin[ivorn] > 0
            for notice_id, notice in self._citing.get(ivorn, {}).items():
                if is_used and notice_id in self._chosen:
                    self._chosen.remove(notice_id)
                    leaving.append(notice)
                elif not is_used and notice_id not in self._chosen:
                    self._chosen.add(notice_id)
                    coming.append(notice)
            if not is_used:
                del self._begin[ivorn]
        return leaving, coming
