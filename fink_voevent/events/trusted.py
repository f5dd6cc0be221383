# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Which notices count: those of which a trusted source has sent a copy.

A notice counts from its first copy on that a trusted source has sent, whenever it was
received, and whichever other source had sent it before. It no longer counts if that
source loses the trust. A notice without a source is the operator's own, or of an
earlier version, and counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pyarrow as pa

from fink_voevent.events.notice import Notice, microseconds_of, received
from fink_voevent.notices.trust import FIRST_USE, OPERATOR, Carrier, latest

# Columns of the tables copies and trust that are read here.
COPY_COLUMNS = ("notice_id", "publisher", "source", "received_at")
TRUST_COLUMNS = ("publisher", "source", "trusted", "how", "batch")


class Copy(NamedTuple):
    """A notice as a source has sent it.

    Parameters
    ----------
    received_us : int
        When it was received, microseconds of UTC since 1970.
    source, publisher : str or None
        None if the notice has no source.
    """

    received_us: int
    source: str | None
    publisher: str | None


class TrustedNotices:
    """The notices that count, of those that were received.

    The result is the same for notices, copies and decisions in any order and in any
    batches, if of each publisher and source the last decision is the same.
    """

    def __init__(self) -> None:
        self._notices: dict[str, Notice] = {}  # by notice_id, as first added
        self._copies: dict[str, set[Copy]] = {}  # of notices with several
        self._waiting: dict[str, set[Copy]] = {}  # of notices that are not there yet
        self._by_carrier: dict[Carrier, set[str]] = {}
        self._how: dict[Carrier, str] = {}  # of those that are trusted: why
        self._counting: dict[str, Notice] = {}

    def __contains__(self, notice_id: object) -> bool:
        """Whether a notice was received."""
        return notice_id in self._notices

    def add(
        self,
        notices: Iterable[Notice],
        copies: pa.Table | None = None,
        decisions: pa.Table | None = None,
    ) -> tuple[list[Notice], list[Notice]]:
        """Add notices, copies of them, and decisions on sources.

        Parameters
        ----------
        notices : iterable of Notice
        copies : pyarrow.Table, optional
            Rows of the table copies, with `COPY_COLUMNS`.
        decisions : pyarrow.Table, optional
            Rows of the table trust, with `TRUST_COLUMNS`; those of later batches
            than before.

        Returns
        -------
        list of Notice
            Those that no longer count, or count as they were received otherwise.
        list of Notice
            Those that count now, and did not before as they are.
        """
        touched: dict[str, None] = {}  # in order
        for carrier, how in _decisions(decisions).items():
            if self._how.get(carrier, "") != how:
                self._how[carrier] = how
                touched |= dict.fromkeys(sorted(self._by_carrier.get(carrier, ())))
        for notice in notices:
            touched[notice.notice_id] = None
            self._add_notice(notice)
        for notice_id, copy in _copies(copies):
            if notice_id in self._notices:
                touched[notice_id] = None
                self._add_copy(notice_id, copy)
            else:
                self._waiting.setdefault(notice_id, set()).add(copy)
        return self._renew(touched)

    def _add_notice(self, notice: Notice) -> None:
        notice_id = notice.notice_id
        own = Copy(notice.received_us, notice.source, notice.publisher)
        if notice_id not in self._notices:
            self._notices[notice_id] = notice
            self._note_carrier(notice_id, own)
        else:
            self._add_copy(notice_id, own)
        for copy in self._waiting.pop(notice_id, ()):
            self._add_copy(notice_id, copy)

    def _add_copy(self, notice_id: str, copy: Copy) -> None:
        first = self._notices[notice_id]
        own = Copy(first.received_us, first.source, first.publisher)
        if copy != own:
            self._copies.setdefault(notice_id, {own}).add(copy)
            self._note_carrier(notice_id, copy)

    def _note_carrier(self, notice_id: str, copy: Copy) -> None:
        if copy.source is not None:
            carrier = copy.publisher or "", copy.source
            self._by_carrier.setdefault(carrier, set()).add(notice_id)

    def _renew(self, touched: Iterable[str]) -> tuple[list[Notice], list[Notice]]:
        ended, begun = [], []
        for notice_id in touched:
            before, now = self._counting.get(notice_id), self._first_trusted(notice_id)
            if before == now:
                continue
            if before is not None:
                ended.append(self._counting.pop(notice_id))
            if now is not None:
                self._counting[notice_id] = now
                begun.append(now)
        return ended, begun

    def _first_trusted(self, notice_id: str) -> Notice | None:
        """Return a notice as a trusted source has sent it first; None if none has."""
        notice = self._notices[notice_id]
        copies = self._copies.get(notice_id)
        if copies is None:
            own = Copy(notice.received_us, notice.source, notice.publisher)
            return self._named(notice, [own]) if self._is_trusted(own) else None
        trusted = [copy for copy in copies if self._is_trusted(copy)]
        if not trusted:
            return None
        first = min(trusted, key=lambda copy: (copy.received_us, copy.source or ""))
        return self._named(received(notice, first.received_us, first.source), trusted)

    def _named(self, notice: Notice, trusted: Iterable[Copy]) -> Notice:
        """Set whether a source of a notice is named, and not only the first one."""
        is_named = any(self._why(copy) != FIRST_USE for copy in trusted)
        return notice if is_named else notice._replace(is_named=False)

    def _is_trusted(self, copy: Copy) -> bool:
        return bool(self._why(copy))

    def _why(self, copy: Copy) -> str:
        """Why the source of a copy is trusted; empty if it is not."""
        if copy.source is None:
            return OPERATOR
        return self._how.get((copy.publisher or "", copy.source), "")


def _decisions(rows: pa.Table | None) -> dict[Carrier, str]:
    """Why each source is trusted; empty if it is not."""
    found = {} if rows is None else latest(rows.to_pylist())
    return {c: one.how if one.trusted else "" for c, one in found.items()}


def _copies(rows: pa.Table | None) -> Iterable[tuple[str, Copy]]:
    if rows is None or not rows.num_rows:
        return []
    columns = [rows[name].to_pylist() for name in ("notice_id", "source", "publisher")]
    moments = microseconds_of(rows["received_at"])
    return [
        (notice_id, Copy(received_us, source, publisher))
        for notice_id, source, publisher, received_us in zip(
            *columns, moments, strict=True
        )
    ]
