# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Lists of events, coincidences and candidates, from the tables alone."""

from __future__ import annotations

import functools
import math
import operator
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fink_voevent.config.settings import Settings
from fink_voevent.events.current import CurrentEvents
from fink_voevent.events.event_state import MARGIN_US, EventState
from fink_voevent.events.notice import MAP_COLUMNS
from fink_voevent.events.reading import (
    SCALARS,
    cell_arrays,
    copies_and_trust,
    rules_of,
)
from fink_voevent.show.views import (
    INGEST,
    MATCH,
    VALID,
    candidate_rows,
    is_any_of,
    is_in_batches_of,
    latest_pairs,
    rows_of_done,
)
from fink_voevent.store.batches import DONE, FIRST, BatchLog, parse_facts
from fink_voevent.store.delta import Tables
from fink_voevent.tables.schema import arrow_schema

Row = dict[str, Any]
# Columns of a coincidence that the lists have.
PAIR_COLUMNS = (
    *("event_id", "messenger", "event_time", "object_id", "alert_id", "survey"),
    *("night", "alert_time", "alert_ra", "alert_dec", "magnitude", "band", "status"),
    *("separation", "credible_level", "delay", "prior_activity", "p_chance"),
)
# Columns of a candidate that the lists have; those that the table lacks are left out.
CANDIDATE_COLUMNS = (
    *("rank", "event_id", "object_id", "survey", "messenger", "class", "night"),
    *("onset_from", "onset_to", "credible_level", "expected_unrelated", "p_chance"),
    *("status", "reason", "nature", "alert_ra", "alert_dec", "magnitude_peak"),
    *("detections", "host", "host_separation"),
)
_LIGHT = (
    *("batch", "event_id", "ivorn", "time", "received_at", "messenger", "tense"),
    "live",
)
# Columns of notices that are needed only to match: null here, which saves time.
_LEFT_OUT = ("fisher", "ellipse", "sha256", "stream")
_NOTICE = (
    *(name for name in SCALARS if name not in _LEFT_OUT),
    *("instrument", "observatory", "notice_type", "area_90"),
)
MOST_LINKS = 50  # citations that lead from a notice to the first one of its event


@dataclass(frozen=True)
class Wanted:
    """Which rows a list has.

    Parameters
    ----------
    night : str
        YYYYMMDD, Fink's night of an alert; of an event, the UTC day of its trigger or
        of its last notice. Empty for all.
    messenger, kind : str
        Messenger of the event, and class of the candidate; empty for all.
    survey : str
        Of the alerts; empty for all.
    limit : int
        Rows at most; 0 for all.
    """

    night: str = ""
    messenger: str = ""
    kind: str = ""
    survey: str = ""
    limit: int = 0


@dataclass(frozen=True)
class Listing:
    """Rows of a list.

    Parameters
    ----------
    rows : list of dict
        The first ones, in order.
    total : int
        How many there are without a limit.
    """

    rows: list[Row]
    total: int


def coincidences(
    tables: Tables, wanted: Wanted, statuses: Collection[str] = VALID
) -> Listing:
    """Return pairs by their last status, the most surprising first.

    Parameters
    ----------
    tables : Tables
    wanted : Wanted
    statuses : collection of str, optional
        By default those of pairs that are valid.

    Returns
    -------
    Listing
        Rows with `PAIR_COLUMNS`, in the order of `p_chance`, then of
        `credible_level`; nulls are last.
    """
    rows = latest_pairs(tables, PAIR_COLUMNS, _condition(wanted))
    is_wanted = pc.is_in(rows["status"], pa.array(list(statuses), pa.string()))
    if wanted.messenger:
        is_wanted = pc.and_(is_wanted, pc.equal(rows["messenger"], wanted.messenger))
    found = rows.filter(is_wanted)
    keys = ("p_chance", "credible_level", "event_id", "alert_id")
    return _first(found, [(key, "ascending") for key in keys], wanted.limit)


def candidates(
    root: str, wanted: Wanted, pairs: Sequence[Row] | None = None
) -> Listing | None:
    """Return candidates, the most surprising first; None if there is no such table.

    Parameters
    ----------
    root : str
        Folder of our tables: a path or a URI.
    wanted : Wanted
    pairs : sequence of dict, optional
        `coincidences` of the night that is wanted, if they are known already.

    Returns
    -------
    Listing or None
        Rows with those of `CANDIDATE_COLUMNS` that the table has.
    """
    rows = candidate_rows(root, CANDIDATE_COLUMNS)
    if rows is None:
        return None
    if wanted.night:
        if pairs is None:
            pairs = coincidences(Tables(root), Wanted(wanted.night)).rows
        rows = rows.filter(_have_any(rows, pairs))
    chosen = {
        "messenger": wanted.messenger,
        "class": wanted.kind,
        "survey": wanted.survey,
    }
    for name, value in chosen.items():
        if value and name in rows.column_names:
            rows = rows.filter(pc.equal(rows[name], value))
    if "status" in rows.column_names:
        ended = pc.is_in(rows["status"], pa.array(["withdrawn", "retracted"]))
        rows = rows.filter(pc.invert(pc.fill_null(ended, False)))  # noqa: FBT003
    keys = [
        (name, "ascending")
        for name in ("expected_unrelated", "p_chance", "rank", "credible_level")
        if name in rows.column_names
    ]
    return _first(rows, keys, wanted.limit)


def _have_any(candidates: pa.Table, pairs: Sequence[Row]) -> pa.ChunkedArray:
    """Whether candidates have any of these pairs."""
    names = [
        f"{pair['event_id']}\n{pair['object_id'] or _single(pair)}" for pair in pairs
    ]
    keys = pc.binary_join_element_wise(
        candidates["event_id"], candidates["object_id"], "\n"
    )
    return pc.is_in(keys, pa.array(names, pa.string()))


def _single(pair: Row) -> str:
    """Name of the candidate of an alert without object."""
    return f"alert-{pair['alert_id']}"


def objects(pairs: Sequence[Row]) -> list[Row]:
    """Return one row for each event and object: its most surprising pair.

    Parameters
    ----------
    pairs : sequence of dict
        Rows of `coincidences`, in their order.

    Returns
    -------
    list of dict
        These rows, with `detections`, the number of pairs of the object.
    """
    found: dict[tuple[Any, ...], Row] = {}
    for pair in pairs:
        name = pair["object_id"] or pair["alert_id"]
        first = found.setdefault(
            (pair["event_id"], pair["survey"], name), {**pair, "detections": 0}
        )
        first["detections"] += 1
    return list(found.values())


def events(
    settings: Settings,
    tables: Tables,
    wanted: Wanted,
    pairs: Sequence[Row] | None = None,
) -> Listing:
    """Return events as they are now, those with the newest notices first.

    Parameters
    ----------
    settings : Settings
    tables : Tables
    wanted : Wanted
    pairs : sequence of dict, optional
        Rows of `coincidences` that are counted; by default all valid ones.

    Returns
    -------
    Listing
        Rows of `describe`, with `coincidences` (number of valid pairs) and `p_chance`
        (the smallest of them, or null).
    """
    whole = rows_of_done(tables, "events", INGEST, _LIGHT)
    light = whole.filter(is_used(whole, settings))
    if wanted.messenger:
        light = light.filter(pc.equal(light["messenger"], wanted.messenger))
    if wanted.night:
        light = light.filter(_is_of_day(light, wanted.night))
    newest = light.group_by("event_id").aggregate([("received_at", "max")])
    newest = newest.sort_by(
        [("received_at_max", "descending"), ("event_id", "ascending")]
    )
    # Some names may turn out to be those of one event.
    names = newest["event_id"].to_pylist()
    found = names[: wanted.limit] if wanted.limit else names
    states = current_states(settings, tables, whole, found)
    if pairs is None:
        by_name = _counts(tables, [state.event_id for state, _ in states.values()])
    else:
        by_name = _counted(pairs)
    listed: dict[str, Row] = {}
    for name in found:
        if name in states:
            state, notices = states[name]
            counts = by_name.get(state.event_id, (0, None))
            listed.setdefault(state.event_id, describe(state, notices, *counts))
    return Listing(list(listed.values()), len(names))


def current_states(
    settings: Settings,
    tables: Tables,
    names_of_notices: pa.Table,
    names: Collection[str],
) -> dict[str, tuple[EventState, dict[str, Row]]]:
    """Return the state of events, and the notices that it is made of.

    Parameters
    ----------
    settings : Settings
    tables : Tables
    names_of_notices : Table
        `event_id`, `ivorn` and `batch` of all notices.
    names : collection of str
        Values of `event_id` of notices.

    Returns
    -------
    dict
        By name: the state, and the rows of all read notices by `notice_id`. Names
        without any used notice are left out.
    """
    linked = _linked(names_of_notices, set(names))
    is_linked = is_any_of("event_id", linked)
    # The batches are known: so the files of all others are not read.
    where = is_linked & is_in_batches_of(names_of_notices.filter(is_linked))
    read = rows_of_done(tables, "events", INGEST, _NOTICE, where)
    maps = _maps(tables, read)
    notices = read
    for name in _LEFT_OUT:
        kind = arrow_schema("events").field(name).type
        notices = notices.append_column(name, pa.nulls(read.num_rows, kind))

    def cells_of(region_ids: Collection[str]) -> Mapping[str, Any]:
        is_there = is_any_of("region_id", region_ids)
        return cell_arrays(tables.arrow("regions", ["region_id", "cells"], is_there))

    # whether a region is larger than the cap makes no difference here
    rules = replace(rules_of(settings), cap_deg2=math.inf)
    current = CurrentEvents(rules, cells_of)
    last = BatchLog(tables, INGEST).last_done()
    current.add(notices, maps, *copies_and_trust(tables, FIRST, last))
    rows = {row["notice_id"]: row for row in read.to_pylist()}
    found = {name: current.states.get(current.name(name)) for name in names}
    return {name: (state, rows) for name, state in found.items() if state is not None}


def describe(
    state: EventState,
    notices: Mapping[str, Row],
    coincidences: int = 0,
    p_chance: float | None = None,
) -> Row:
    """Return what a list has of an event.

    Returns
    -------
    dict
        `event_id`, `messenger`, `observatory`, `instrument`, `notice_type`, `time`,
        `issued` and `received_at` of the current notice, `state` (matched, awaits its
        map, retracted, no region or no time), `ra`, `dec`, `error_r90` (deg) and
        `area_90` (deg2) of the region, `window_from`, `window_to`,
        `related_event_ids`, `coincidences` and `p_chance`.
    """
    row = notices[state.notice_id]
    place: Row = {}
    if state.region_notice is not None:
        place = notices[state.region_notice.notice_id]
    window = state.window
    return {
        "event_id": state.event_id,
        **{name: row[name] for name in ("messenger", "observatory", "instrument")},
        "notice_type": row["notice_type"],
        "time": None if state.event_time_us is None else _moment(state.event_time_us),
        "issued": row["issued"],
        "received_at": row["received_at"],
        "state": state_name(state),
        **{name: place.get(name) for name in ("ra", "dec", "error_r90", "area_90")},
        "window_from": None if window is None else _moment(window.first_us + MARGIN_US),
        "window_to": None if window is None else _moment(window.last_us - MARGIN_US),
        "related_event_ids": list(state.related_event_ids or ()),
        "coincidences": coincidences,
        "p_chance": p_chance,
    }


def state_name(state: EventState) -> str:
    """Return in words whether an event is matched."""
    if state.kind == "retraction":
        return "retracted"
    if state.is_matchable:
        return "matched"
    if state.awaits_map:
        return "awaits its map"
    return "no region" if state.is_valid else "no time"


def last_night(tables: Tables, survey: str = "") -> str:
    """Return the night of the last batch of match; empty if there is none."""
    log = BatchLog(tables, MATCH)
    nights = log.nights(survey, DONE)
    return max(nights, default="")


@dataclass(frozen=True)
class Tonight:
    """What happened in a night.

    Parameters
    ----------
    night : str
        YYYYMMDD.
    alerts_searched : int
    events_matched : int
        Events that alerts could match at the end.
    coincidences : int
        Valid pairs of alerts of this night.
    by_messenger : dict of str to int
        These pairs by messenger.
    events : Listing
        Events whose trigger, or last notice, is of this UTC day, with the number of
        their pairs of this night.
    candidates : Listing
        Candidates; if there is no such table, `objects` of the coincidences.
    has_candidates : bool
        Whether `candidates` are of the table candidates.
    """

    night: str
    alerts_searched: int
    events_matched: int
    coincidences: int
    by_messenger: dict[str, int]
    events: Listing
    candidates: Listing
    has_candidates: bool


def tonight(settings: Settings, tables: Tables, wanted: Wanted) -> Tonight:
    """Summarise a night; by default the last one that was matched."""
    night = wanted.night or last_night(tables, wanted.survey) or _today()
    of_night = Wanted(night, wanted.messenger, wanted.kind, wanted.survey)
    facts = _facts_of_night(tables, night, wanted.survey)
    pairs = coincidences(tables, of_night)
    shown = Wanted(night, wanted.messenger, wanted.kind, wanted.survey, wanted.limit)
    listed = candidates(settings.root, shown, pairs.rows)
    has_candidates = listed is not None
    if listed is None:
        rows = objects(pairs.rows)
        listed = Listing(rows[: wanted.limit or None], len(rows))
    return Tonight(
        night,
        sum(one.get("alerts", 0) for one in facts),
        facts[-1].get("live_notices", 0) if facts else 0,
        pairs.total,
        dict(Counter(row["messenger"] for row in pairs.rows)),
        events(settings, tables, shown, pairs.rows),
        listed,
        has_candidates,
    )


def _facts_of_night(tables: Tables, night: str, survey: str) -> list[Row]:
    where = (pc.field("stage") == MATCH) & (pc.field("state") == DONE)
    where &= pc.field("night") == night
    if survey:
        where &= pc.field("survey") == survey
    rows = tables.arrow("batches", ["batch", "facts"], where).sort_by("batch")
    return parse_facts(rows["facts"].to_pylist())


def _condition(wanted: Wanted) -> pc.Expression | None:
    """Condition on the alert of a pair."""
    parts = [
        pc.field(name) == value
        for name, value in (("night", wanted.night), ("survey", wanted.survey))
        if value
    ]
    return functools.reduce(operator.and_, parts) if parts else None


def _first(rows: pa.Table, keys: Sequence[tuple[str, str]], limit: int) -> Listing:
    """Return the first rows in an order; nulls are last."""
    total = rows.num_rows
    if keys and total:
        order = pc.sort_indices(rows, sort_keys=list(keys))
        rows = rows.take(order.slice(0, limit or None))
    return Listing(rows.to_pylist(), total)


def _counts(
    tables: Tables, names: Collection[str]
) -> dict[str, tuple[int, float | None]]:
    """Count the valid pairs of events; find their smallest chance probability."""
    if not names:
        return {}
    where = is_any_of("event_id", names)
    pairs = latest_pairs(tables, ["event_id", "status", "p_chance"], where)
    valid = pairs.filter(pc.is_in(pairs["status"], pa.array(VALID)))
    grouped = valid.group_by("event_id").aggregate(
        [("event_id", "count"), ("p_chance", "min")]
    )
    return {
        row["event_id"]: (row["event_id_count"], _number(row["p_chance_min"]))
        for row in grouped.to_pylist()
    }


def _counted(pairs: Sequence[Row]) -> dict[str, tuple[int, float | None]]:
    """Count pairs by event, and find the smallest chance probability of each."""
    found: dict[str, tuple[int, float | None]] = {}
    for pair in pairs:
        count, least = found.get(pair["event_id"], (0, None))
        chances = [one for one in (least, pair["p_chance"]) if one is not None]
        found[pair["event_id"]] = (count + 1, min(chances, default=None))
    return found


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def is_used(notices: pa.Table, settings: Settings) -> pa.ChunkedArray:
    """Whether notices can be those of an event: see `notice.used`."""
    tenses = pa.array([*rules_of(settings).tenses, "utility"])
    return pc.and_(notices["live"], pc.is_in(notices["tense"], tenses))


def _is_of_day(notices: pa.Table, night: str) -> pa.ChunkedArray:
    """Whether the time of the event, or when it was received, is in a UTC day."""
    first = datetime.strptime(night, "%Y%m%d").replace(tzinfo=timezone.utc)
    last = first + timedelta(days=1)
    sides = []
    for name in ("time", "received_at"):
        after = pc.greater_equal(notices[name], pa.scalar(first, notices[name].type))
        before = pc.less(notices[name], pa.scalar(last, notices[name].type))
        sides.append(pc.fill_null(pc.and_(after, before), False))  # noqa: FBT003
    return pc.or_(*sides)


def _linked(notices: pa.Table, names: set[str]) -> set[str]:
    """Names of events to which citations lead from some, in both directions.

    A notice that cites another one by its ivorn has that as `event_id`.
    """
    links = notices.filter(pc.starts_with(notices["event_id"], "ivo://"))
    pairs = list(
        zip(links["event_id"].to_pylist(), links["ivorn"].to_pylist(), strict=True)
    )
    found = set(names)
    for _ in range(MOST_LINKS):
        near = {a for a, b in pairs if b in found or a in found}
        near |= {b for a, b in pairs if a in found or b in found}
        if near <= found:
            break
        found |= near
    return found


def _maps(tables: Tables, notices: pa.Table) -> pa.Table:
    """Sky maps that were fetched for these notices."""
    has_map = pc.and_(
        pc.is_valid(notices["skymap_url"]), pc.is_null(notices["skymap_sha256"])
    )
    urls = pc.unique(notices["skymap_url"].filter(has_map)).to_pylist()
    where = is_any_of("skymap_url", urls)
    return rows_of_done(tables, "maps", "maps", MAP_COLUMNS, where)


def _moment(time_us: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=time_us)


def _today() -> str:
    return f"{datetime.now(timezone.utc):%Y%m%d}"
