# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Log what a batch of match found: a line for each object and event that changed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow.compute as pc

from fink_voevent.errors import StorageError
from fink_voevent.show.listing import PAIR_COLUMNS, Row
from fink_voevent.show.text_table import printable
from fink_voevent.show.views import CANDIDATES, candidate_rows
from fink_voevent.store.delta import Tables

_LOG = logging.getLogger(__name__)
MOST = 20  # lines for one batch
_WORDS = {
    "new": "new",
    "update": "changed",
    "withdrawn": "withdrawn",
    "retracted": "retracted",
}
_CANDIDATE_COLUMNS = (
    *("event_id", "object_id", "messenger", "class", "status", "credible_level"),
    *("onset_from", "onset_to", "expected_unrelated", "p_chance"),
)


def announce(tables: Tables, batch: int) -> None:
    """Log what a batch of match recorded; an error is logged and otherwise ignored.

    Parameters
    ----------
    tables : Tables
        For the thread that calls.
    batch : int
        Number of the batch, which is done.
    """
    try:
        for line in lines_of_batch(tables, batch):
            _LOG.info("%s", line)
    except StorageError as error:  # the stage itself will fail if that lasts
        _LOG.warning("what batch %d found cannot be listed: %s", batch, error)


def lines_of_batch(tables: Tables, batch: int) -> list[str]:
    """Return a line for each candidate of a batch: what, where, when, how surprising.

    Without the table candidates, there is a line for each event and object of its
    coincidences. The most surprising is first; at most `MOST` are listed.
    """
    is_of_batch = pc.field("batch") == batch
    candidates = candidate_rows(tables.root, _CANDIDATE_COLUMNS, is_of_batch)
    if candidates is not None:
        rows = sorted(candidates.to_pylist(), key=_surprise)
        return list(_limited(rows))
    pairs = tables.arrow("coincidences", list(PAIR_COLUMNS), is_of_batch).to_pylist()
    first: dict[tuple[Any, ...], Row] = {}
    for pair in sorted(pairs, key=_surprise):
        name = pair["object_id"] or pair["alert_id"]
        found = first.setdefault((pair["event_id"], name, pair["status"]), pair)
        found["count"] = found.get("count", 0) + 1
    return list(_limited(list(first.values())))


def line(row: Row) -> str:
    """Return the line of a candidate, or of a pair with the number of its alerts."""
    what = _WORDS.get(row.get("status") or "new", str(row.get("status")))
    kind = f" {row['class']}" if row.get("class") else ""
    name = row.get("object_id") or row.get("alert_id")
    parts = [f"{what}{kind}: {name} with {row['event_id']} ({row.get('messenger')})"]
    if row.get("credible_level") is not None:
        parts.append(f"at credible level {row['credible_level']:.3f}")
    if row.get("onset_to") is not None:
        parts.append(f"onset by {row['onset_to']:+.3f} d")
    elif row.get("delay") is not None:
        parts.append(f"{row['delay']:+.3f} d after the event")
    if row.get("count", 1) > 1:
        parts.append(f"{row['count']} alerts")
    if row.get("expected_unrelated") is not None:
        parts.append(f"{row['expected_unrelated']:.2g} unrelated expected")
    elif row.get("p_chance") is not None:
        parts.append(f"by chance {row['p_chance']:.2g}")
    return printable(", ".join(parts))


def _limited(rows: Sequence[Row]) -> Iterator[str]:
    """Yield a line for each row, and one for the rest."""
    for row in rows[:MOST]:
        yield line(row)
    if len(rows) > MOST:
        yield (
            f"{len(rows) - MOST} more: fink_voevent coincidences lists all"
            if "class" not in rows[0]
            else f"{len(rows) - MOST} more: fink_voevent {CANDIDATES} lists all"
        )


def _surprise(row: Row) -> tuple[float, ...]:
    """Return what sorts the most surprising row first; nulls are last."""
    values = (row.get(n) for n in ("expected_unrelated", "p_chance", "credible_level"))
    return tuple(float("inf") if value is None else value for value in values)
