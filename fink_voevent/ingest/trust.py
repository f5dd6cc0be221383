# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The table trust: decided by ingest alone, once for each publisher and source.

A decision is made in the batch with the first notice of a publisher from a source. It
is made again when the setting or ``streams.toml`` has changed, so that given the same
rows of the table, notices have the same effect.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from fink_voevent.ingest.conversion import RECEPTION
from fink_voevent.ingest.duplicates import COPIES
from fink_voevent.notices.publishers import Publishers
from fink_voevent.notices.trust import SETTING, Carrier, Decision, Trust, latest
from fink_voevent.store.batches import FIRST
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import Store
from fink_voevent.tables.schema import arrow_schema, column_names

TABLE = "trust"
MOST_LINES = 10  # in the log, of one batch: anybody can send any number of ivorns
_FIRST = ("publisher", "source", "received_at", "ivorn")


@dataclass
class TrustTable:
    """Decisions up to the last batch that is done, and those that a batch adds.

    Parameters
    ----------
    trust : Trust
        With the decisions of the table.
    changed : list of Decision
        Those that are other ones now, because a setting has changed; the next batch
        records them.
    """

    trust: Trust
    changed: list[Decision]
    _first: dict[Carrier, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def read(
        cls, tables: Tables, last: int, publishers: Publishers, sources: str
    ) -> TrustTable:
        """Read the table, up to a batch of ingest.

        Parameters
        ----------
        tables : Tables
        last : int
            The last batch that is done.
        publishers : Publishers
        sources : str
            The setting `sources`.
        """
        columns = [*column_names(TABLE), "batch"]
        rows = tables.rows_of(TABLE, columns, FIRST, last).to_pylist()
        trust = Trust(publishers, sources, latest(rows).values())
        first = {(row["publisher"], row["source"]): row for row in rows}
        return cls(trust, trust.changed(), first)

    def committed(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Note that rows of a batch are in the table."""
        for row in rows:
            self._first[row["publisher"], row["source"]] = row
            self.trust.note(Decision(*(row[f] for f in Decision._fields)))
        self.changed = []

    def rows(self, events: Store) -> pa.Table:
        """Return the rows that a batch adds.

        Parameters
        ----------
        events : Store
            Folder with Parquet files of rows of the table events, with all copies.
        """
        decisions = {(one.publisher, one.source): one for one in self.changed}
        first = {carrier: self._first[carrier] for carrier in decisions}
        for carrier, row in first_notices(events).items():
            if carrier not in self._first:
                first[carrier] = row
                decisions[carrier] = self.trust.decide(*carrier)
        return pa.Table.from_pylist(
            [
                {
                    **one._asdict(),
                    "since": first[carrier]["since"],
                    "ivorn": first[carrier]["ivorn"],
                }
                for carrier, one in decisions.items()
            ],
            schema=arrow_schema(TABLE),
        )


def first_notices(events: Store) -> dict[Carrier, dict[str, Any]]:
    """Return the first notice of each publisher and source, in the order of reception.

    Parameters
    ----------
    events : Store
        Folder with Parquet files of rows of the table events.

    Returns
    -------
    dict
        By publisher and source: `since` and `ivorn`, as in the table trust.
    """
    columns = list(dict.fromkeys((*_FIRST, *RECEPTION)))
    parts = [events.read_table(name, columns) for name in events.names(".parquet")]
    found: dict[Carrier, dict[str, Any]] = {}
    if not parts:
        return found
    order = [(c, "ascending") for c in (*RECEPTION, "source", "ivorn")]
    for row in pa.concat_tables(parts).sort_by(order).to_pylist():
        carrier = row["publisher"], row["source"]
        found.setdefault(carrier, {"since": row["received_at"], "ivorn": row["ivorn"]})
    return found


def messages(rows: pa.Table, trust: Trust) -> Iterator[tuple[bool, str]]:
    """Yield a line to log for each decision that an operator should know of.

    Of the topics of one broker, and the addresses of one setting, there is one line for
    each publisher, when the first of them has sent it.

    Parameters
    ----------
    rows : pyarrow.Table
        Rows of the table trust of one batch.
    trust : Trust
        With these decisions.

    Yields
    ------
    bool
        Whether it is a warning: a source is not trusted.
    str
        The line.
    """
    columns = rows.select(Decision._fields).to_pylist()
    decided = [Decision(**row) for row in columns]
    new = {(one.publisher, one.source) for one in decided}
    units = {
        (one.publisher, trust.unit(one.source), one.trusted): one
        for one in reversed(decided)
        if not trust.is_repeated(one, new)
    }
    decided = [one for one in decided if one in units.values()]
    refused = [one for one in decided if not one.trusted]
    for one in refused[:MOST_LINES]:
        yield True, refusal(trust, one)
    if len(refused) > MOST_LINES:
        yield (
            True,
            f"{len(refused) - MOST_LINES} more publishers came from sources that may"
            " not speak for them: fink_voevent sources lists them",
        )
    for one in decided:
        if one.trusted and one.how == SETTING:
            yield False, f"{one.source} may speak for {one.publisher} (VOEVENT_SOURCES)"


def refusal(trust: Trust, decision: Decision) -> str:
    """Return who may speak for a publisher, and the line that allows another source."""
    publisher, source = decision.publisher, decision.source
    owners = ", ".join(trust.owners(publisher) or trust.named(publisher))
    belongs = f"which belongs to {owners}" if owners else "for which it is not named"
    line = trust.line_to_add(publisher, source)
    advice = (
        f"If {source} may speak for it, set {line}"
        if line
        else "Its name has characters that cannot be written in a setting"
    )
    return (
        f"{source} carries notices of {publisher}, {belongs}: they are kept and change"
        f" nothing. {advice}"
    )


def rows_that_count(
    tables: Tables, last: int, rows: Collection[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Select the rows of notices that count.

    Parameters
    ----------
    tables : Tables
    last : int
        The last batch of ingest that counts.
    rows : collection of mapping
        With `notice_id`, `publisher` and `source` of the table events.
    """
    columns = [*Decision._fields, "batch"]
    decisions = latest(tables.rows_of(TABLE, columns, FIRST, last).to_pylist())
    trusted = {carrier for carrier, one in decisions.items() if one.trusted}
    if all(_counts(row, trusted) for row in rows):
        return list(rows)
    columns = ["notice_id", "publisher", "source"]
    copies = tables.rows_of(COPIES, columns, FIRST, last).to_pylist()
    by_copies = {row["notice_id"] for row in copies if _counts(row, trusted)}
    return [r for r in rows if _counts(r, trusted) or r["notice_id"] in by_copies]


def _counts(row: Mapping[str, Any], trusted: Collection[Carrier]) -> bool:
    return row["source"] is None or (row["publisher"], row["source"]) in trusted
