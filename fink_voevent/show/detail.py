# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""All that is known of one event or one object."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError
from fink_voevent.events.current import SAME_TIME_US
from fink_voevent.show.listing import (
    PAIR_COLUMNS,
    Row,
    current_states,
    describe,
)
from fink_voevent.show.views import (
    INGEST,
    VALID,
    is_any_of,
    is_in_batches_of,
    latest_pairs,
    rows_of_done,
)
from fink_voevent.store.delta import Tables
from fink_voevent.tables.column import TIME

_VERSION_COLUMNS = (
    *("event_id", "ivorn", "notice_id", "kind", "tense", "live", "notice_type"),
    *("stream", "version", "issued", "received_at", "transport", "time", "ra", "dec"),
    *("error_r90", "area_90", "far", "skymap_state", "messenger", "instrument"),
)


@dataclass(frozen=True)
class EventDetail:
    """An event.

    Parameters
    ----------
    event : dict
        As `listing.describe`, with `current_notice_id`; None if none of its notices is
        used, for example because they are tests.
    notices : list of dict
        All its notices, in the order of their versions.
    coincidences : list of dict
        Its pairs by their last status, those that are valid first, the most surprising
        of them first.
    """

    name: str
    event: Row | None
    notices: list[Row]
    coincidences: list[Row]


@dataclass(frozen=True)
class ObjectDetail:
    """An object, or a single alert.

    Parameters
    ----------
    name : str
    coincidences : list of dict
        Its pairs with all events, by event and time.
    """

    name: str
    coincidences: list[Row]


def find(settings: Settings, tables: Tables, name: str) -> EventDetail | ObjectDetail:
    """Return an event or an object by its name.

    Parameters
    ----------
    settings : Settings
    tables : Tables
    name : str
        Of an event (`event_id`), of one of its notices (`ivorn`), of an object
        (`object_id`), or the number of an alert.

    Raises
    ------
    InputError
        If nothing has this name; names that are similar are listed.
    """
    columns = ["batch", "event_id", "ivorn", "time"]
    names = rows_of_done(tables, "events", INGEST, columns)
    is_it = pc.or_(pc.equal(names["event_id"], name), pc.equal(names["ivorn"], name))
    found = pc.unique(names.filter(is_it)["event_id"]).to_pylist()
    if found:
        return _event(settings, tables, names, found[0])
    pairs = _pairs_of_object(tables, name)
    if pairs:
        return ObjectDetail(name, pairs)
    raise InputError(_unknown(tables, names, name))


def _event(
    settings: Settings, tables: Tables, known: pa.Table, name: str
) -> EventDetail:
    """Return an event; `known` has names and times of all notices."""
    near = {name, *_same_time(known, name)}
    states = current_states(settings, tables, known, near)
    event, names = None, {name}
    if name in states:
        state, rows = states[name]
        event = {**describe(state, rows), "current_notice_id": state.notice_id}
        names |= {state.event_id}
        names |= {n for n, (one, _) in states.items() if one.event_id == state.event_id}
    columns = list(_VERSION_COLUMNS)
    is_of_event = is_any_of("event_id", names)
    where = is_of_event | (pc.field("ivorn") == name)
    where &= is_in_batches_of(known.filter(where))
    notices = rows_of_done(tables, "events", INGEST, columns, where)
    order = [("version", "ascending"), ("received_at", "ascending")]
    pairs = latest_pairs(tables, PAIR_COLUMNS, is_of_event)
    coincidences = _sorted(pairs)
    if event is not None:
        valid = [row for row in coincidences if row["status"] in VALID]
        event["coincidences"] = len(valid)
        chances = [row["p_chance"] for row in valid if row["p_chance"] is not None]
        event["p_chance"] = min(chances, default=None)
    found = event["event_id"] if event else name
    return EventDetail(found, event, notices.sort_by(order).to_pylist(), coincidences)


def _same_time(known: pa.Table, name: str) -> list[str]:
    """Names of events of which a notice gives nearly the same time."""
    times = known.filter(pc.equal(known["event_id"], name))["time"]
    edges = pc.min_max(times)
    if edges["min"].as_py() is None:
        return []
    margin = timedelta(microseconds=SAME_TIME_US)
    first, last = edges["min"].as_py() - margin, edges["max"].as_py() + margin
    is_near = pc.and_(
        pc.greater_equal(known["time"], pa.scalar(first, TIME)),
        pc.less_equal(known["time"], pa.scalar(last, TIME)),
    )
    return list(pc.unique(known.filter(is_near)["event_id"]).to_pylist())


def _pairs_of_object(tables: Tables, name: str) -> list[Row]:
    where = pc.field("object_id") == name
    if name.isdecimal() and len(name) < 19:
        where |= pc.field("alert_id") == int(name)
    pairs = latest_pairs(tables, PAIR_COLUMNS, where)
    keys = [("event_id", "ascending"), ("alert_time", "ascending")]
    rows: list[Row] = pairs.sort_by(keys).to_pylist()
    return rows


def _sorted(pairs: pa.Table) -> list[Row]:
    is_valid = pc.is_in(pairs["status"], pa.array(VALID))
    keyed = pairs.append_column("_ended", pc.invert(is_valid).cast(pa.int8()))
    keys = [
        (name, "ascending")
        for name in ("_ended", "p_chance", "credible_level", "alert_time", "alert_id")
    ]
    order = pc.sort_indices(keyed, sort_keys=keys)
    rows: list[Row] = pairs.take(order).to_pylist()
    return rows


def _unknown(tables: Tables, names: pa.Table, name: str) -> str:
    known = pc.unique(names["event_id"]).to_pylist()
    lower = name.lower()
    similar = [one for one in known if lower in one.lower()][:5]
    similar = similar or difflib.get_close_matches(name, known[:20_000], 3)
    hint = f": similar names are {', '.join(similar)}" if similar else ""
    advice = "" if similar else " (fink_voevent events lists the events)"
    return (
        f"no event, notice or object with coincidences is called {name!r} in"
        f" {tables.root}{hint}{advice}"
    )
