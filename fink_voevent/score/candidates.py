# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Candidates: all alerts of one object that coincide with one event, as one row.

A candidate is computed from the rows of the table coincidences. It depends on the
current coincidences of its alerts alone, not on their order or batches. What can only
grow or shrink with another alert decides its rank (the smallest credible level, the
first detection), so that more data never gives a lower rank within a class.

Without Spark: Arrow tables and numpy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fink_voevent.filters.blocks import BRONZE_QUALITY
from fink_voevent.score import ranks
from fink_voevent.score.classes import CLASSES, FRESH, FRESH_UNKNOWN, Objects
from fink_voevent.score.classes import classes as classes_of
from fink_voevent.score.classes import natures as natures_of
from fink_voevent.tables.candidates import CANDIDATE_EVENT_COLUMNS, HOST_COLUMNS
from fink_voevent.tables.schema import arrow_schema
from fink_voevent.tables.times import DAY_US, elapsed_us

RISE_MAG = 1.0  # smallest rise above the upper limit that is a fast one
RISE_DAYS = 1.0  # and the longest time that it takes
VALID, ENDED = ("new", "update"), ("withdrawn", "retracted")  # statuses
KEYS = ("event_id", "survey", "object_id")  # what identifies a candidate
# Columns of the table coincidences that are read here.
JOURNAL_COLUMNS = tuple(
    dict.fromkeys(
        (
            *(*KEYS, "alert_id", "status", "batch", "software", "related_event_ids"),
            *(*CANDIDATE_EVENT_COLUMNS, *HOST_COLUMNS, "alert_ra", "alert_dec"),
            *("alert_time", "first_detection", "last_non_detection", "magnitude"),
            *("magnitude_rate", "limit_magnitude", "quality", "flux_change"),
            *("detections", "detection_span", "redshift", "separation", "density"),
            *("credible_level", "positive", "stellar", "variable", "active_nucleus"),
            *("moving", "extragalactic"),
        )
    )
)
# Columns of the table candidates that `ranked` needs.
RANK_COLUMNS = (
    *(*KEYS, "status", "class", "expected_unrelated", "credible_level", "onset_to"),
)
Windows = Mapping[str, tuple[float, float]]  # days before and after, by event_id

_SCHEMA = pa.schema([f.with_nullable(True) for f in arrow_schema("candidates")])
_FOREVER = np.iinfo(np.int64).max
_NEVER = np.iinfo(np.int64).min
_Index = npt.NDArray[np.int64]


def object_names(coincidences: pa.Table) -> pa.ChunkedArray:
    """Names of the objects of coincidences, as the table candidates has them.

    Parameters
    ----------
    coincidences : pyarrow.Table
        With `object_id` and `alert_id`.
    """
    alone = pc.binary_join_element_wise(
        "alert", pc.cast(coincidences["alert_id"], pa.string()), "-"
    )
    return pc.coalesce(coincidences["object_id"], alone)


def from_coincidences(journal: pa.Table, batch: int, windows: Windows) -> pa.Table:
    """Compute the candidates of coincidences.

    Parameters
    ----------
    journal : pyarrow.Table
        Rows of the table coincidences, with `JOURNAL_COLUMNS`, in any order: all of
        each object and event, those that are no longer valid too.
    batch : int
        The batch whose candidates they are: one that has valid coincidences of earlier
        batches has the status ``update``.
    windows : mapping of str to (float, float)
        Window of each event: days before and after it.

    Returns
    -------
    pyarrow.Table
        Columns of the table candidates, sorted by `KEYS`, without `rank` (null: see
        `ranked`), `total_unrelated`, the shares but `onset_share`, `background_id`
        and what follows from them (null: see `with_chance`). Objects that coincide in
        time only, because the sky map is missing, are left out.
    """
    journal = journal.select(JOURNAL_COLUMNS).combine_chunks()
    names = object_names(journal).combine_chunks()
    journal = journal.set_column(
        journal.schema.get_field_index("object_id"), "object_id", names
    )
    journal = journal.take(_sorted(journal))
    code, count = _codes(journal)
    status = np.asarray(journal["status"].to_pylist(), object)
    is_placed = _numpy(journal["credible_level"].is_valid())
    is_valid = np.isin(status, VALID) & is_placed
    batches = _integers(journal["batch"], 0)

    current = _last_of_each(code, _integers(journal["alert_id"], 0))
    of_before = np.flatnonzero(batches < batch)
    before = of_before[
        _last_of_each(code[of_before], _integers(journal["alert_id"], 0)[of_before])
    ]
    is_known = np.bincount(code[before[is_valid[before]]], minlength=count) > 0
    valid = current[is_valid[current]]
    has_valid = np.bincount(code[valid], minlength=count) > 0
    ended = current[is_placed[current] & ~is_valid[current]]
    ended = ended[~has_valid[code[ended]]]
    last = np.full(count, _NEVER)
    np.maximum.at(last, code[ended], batches[ended])
    ended = ended[batches[ended] == last[code[ended]]]

    chosen = np.sort(np.concatenate([valid, ended]))
    if not len(chosen):
        return _SCHEMA.empty_table()
    code = code[chosen]
    rows = _Rows(journal.take(chosen), np.unique(code, return_inverse=True)[1])
    kept = np.unique(code)
    return _candidates(rows, has_valid[kept], is_known[kept], windows)


def with_chance(candidates: pa.Table) -> pa.Table:
    """Fill in `expected_unrelated` and `p_chance`, from the columns that they need.

    Parameters
    ----------
    candidates : pyarrow.Table
        With `total_unrelated`, `place_share`, `onset_share`, `distance_share` and
        `strength_share`: see `ranks.expected_unrelated`. Both are null without
        `total_unrelated`.
    """
    shares = ("place_share", "onset_share", "distance_share", "strength_share")
    names = ("total_unrelated", *shares)
    expected = ranks.expected_unrelated(*(_floats(candidates[name]) for name in names))
    filled = _set(candidates, "expected_unrelated", _nullable(expected))
    return _set(filled, "p_chance", _nullable(ranks.chance(expected)))


def ranked(candidates: pa.Table, others: pa.Table | None = None) -> pa.Table:
    """Fill in `rank`: the position of each candidate among those of its event.

    The first is the one with the smallest `expected_unrelated`. Those without one
    follow, by class in the order of `CLASSES`; the first of a class is the one with the
    smallest credible level, times the time of the onset for the classes that have one
    after the event. Of equal ones the first by name is the first.

    Parameters
    ----------
    candidates : pyarrow.Table
        Rows of the table candidates, each candidate once.
    others : pyarrow.Table, optional
        `RANK_COLUMNS` of other candidates of these events.

    Returns
    -------
    pyarrow.Table
        `candidates` with `rank`, null for those that are withdrawn or retracted.
    """
    together = candidates.select(RANK_COLUMNS)
    if others is not None:
        together = pa.concat_tables([together, others.select(RANK_COLUMNS)])
    event = pc.rank(together["event_id"], tiebreaker="dense").to_numpy()
    name = pc.rank(together["object_id"], tiebreaker="dense").to_numpy()
    survey = pc.rank(together["survey"], tiebreaker="dense").to_numpy()
    is_valid = np.isin(together["status"].to_pylist(), VALID)
    class_order = np.array([CLASSES.index(c) for c in together["class"].to_pylist()])
    level = _floats(together["credible_level"])
    has_onset = class_order < CLASSES.index(FRESH_UNKNOWN) + 1
    onset = np.where(has_onset, _floats(together["onset_to"]), 1.0)
    expected = np.nan_to_num(_floats(together["expected_unrelated"]), nan=np.inf)
    order = np.lexsort(
        (survey, name, level * onset, class_order, expected, ~is_valid, event)
    )
    places = np.arange(len(order)) - np.searchsorted(event[order], event[order])
    rank = np.empty(len(order), np.int64)
    rank[order] = places + 1
    values = pa.array(rank, mask=~is_valid)[: candidates.num_rows]
    return _set(candidates, "rank", values)


def view(candidates: pa.Table) -> pa.Table:
    """Last row of each candidate.

    Parameters
    ----------
    candidates : pyarrow.Table
        Rows of the table candidates, with `KEYS` and `batch`.
    """
    order = pc.sort_indices(
        candidates, [(name, "ascending") for name in (*KEYS, "batch")]
    )
    code, count = _codes(candidates.take(order))
    last = np.searchsorted(code, np.arange(count), side="right") - 1
    return candidates.take(order.take(pa.array(last)))


@dataclass(frozen=True)
class _Rows:
    """Coincidences of candidates, sorted by candidate, with its number in `code`."""

    table: pa.Table
    code: _Index

    @property
    def count(self) -> int:
        """Number of candidates."""
        return int(self.code[-1]) + 1

    def floats(self, name: str) -> npt.NDArray[np.float64]:
        return _floats(self.table[name])

    def times(self, name: str, unknown: int) -> _Index:
        return _integers(self.table[name], unknown)

    def flags(self, name: str) -> npt.NDArray[np.int8]:
        return pc.fill_null(self.table[name].cast(pa.int8()), -1).to_numpy()

    def smallest(self, values: npt.NDArray, unknown: float) -> npt.NDArray:
        """Smallest value of each candidate; `unknown` if there is none."""
        result = np.full(self.count, unknown, values.dtype)
        np.fmin.at(result, self.code, values)
        return result

    def largest(self, values: npt.NDArray, unknown: float) -> npt.NDArray:
        """Largest value of each candidate; `unknown` if there is none."""
        result = np.full(self.count, unknown, values.dtype)
        np.fmax.at(result, self.code, values)
        return result

    def first(self, *keys: npt.NDArray) -> _Index:
        """Row of each candidate that is the first by keys, the most important first."""
        order = np.lexsort((*reversed(keys), self.code))
        return order[np.searchsorted(self.code[order], np.arange(self.count))]


def _candidates(
    rows: _Rows,
    is_valid: npt.NDArray[np.bool_],
    is_known: npt.NDArray[np.bool_],
    windows: Windows,
) -> pa.Table:
    """One row for each candidate of coincidences."""
    table, code = rows.table, rows.code
    alert_id, at = _integers(table["alert_id"], 0), rows.times("alert_time", 0)
    newest = rows.first(-np.arange(len(code)))  # sorted as `_sorted` does
    newest_rows = table.take(newest)
    best = rows.first(rows.floats("credible_level"), at, alert_id)
    best_rows = table.take(best)
    onset = _onset(rows, at, _integers(newest_rows["event_time"], 0))
    light = _light(rows, at, alert_id)
    host = table.take(
        rows.first(np.nan_to_num(rows.floats("host_chance"), nan=np.inf), at, alert_id)
    )
    has_redshift = _numpy(table["redshift"].is_valid())
    redshift = table["redshift"].take(rows.first(~has_redshift, at, alert_id))
    objects, flags = _objects(rows, light["flux_change"], host)
    event_ids, messenger = newest_rows["event_id"], newest_rows["messenger"]
    natures = natures_of(objects)
    classes = classes_of(
        *(objects, natures, onset["onset_from"], onset["onset_to"], _texts(messenger))
    )
    after = [windows.get(e, (np.nan, np.nan))[1] for e in event_ids.to_pylist()]
    has_onset = np.isin(classes, (FRESH, FRESH_UNKNOWN))
    share = ranks.onset_share(onset["onset_to"], 0.0, np.array(after, float))
    share = np.where(has_onset & ~np.isnan(after), share, np.nan)
    status, reason = _status(newest_rows, is_valid, is_known)
    columns = {
        **{name: newest_rows[name] for name in (*KEYS, *CANDIDATE_EVENT_COLUMNS)},
        **{name: host[name] for name in HOST_COLUMNS},
        **{name: best_rows[name] for name in ("separation", "density")},
        **{name: _nullable(values) for name, values in {**onset, **light}.items()},
        **{name: _flag_array(values) for name, values in flags.items()},
        "related_event_ids": newest_rows["related_event_ids"],
        "software": newest_rows["software"],
        "status": status,
        "reason": reason,
        "class": pa.array(classes, pa.string()),
        "nature": pa.array(natures, pa.string()),
        "onset_share": _nullable(share),
        "object_ra": best_rows["alert_ra"],
        "object_dec": best_rows["alert_dec"],
        "best_alert_id": best_rows["alert_id"],
        "credible_level": best_rows["credible_level"],
        "quality": _nullable(rows.largest(rows.floats("quality"), np.nan)),
        "redshift": redshift,
        "alert_ids": _lists(code, alert_id, rows.count),
    }
    arrays = [
        pa.nulls(rows.count, f.type)
        if f.name not in columns
        else pc.cast(columns[f.name], f.type)
        for f in _SCHEMA
    ]
    found = pa.table(arrays, schema=_SCHEMA)
    return found.sort_by([(name, "ascending") for name in KEYS])


def _onset(rows: _Rows, at: _Index, event_us: _Index) -> dict[str, npt.NDArray]:
    """First detection and last upper limit, as times and in days from the event."""
    first = rows.smallest(
        np.minimum(rows.times("first_detection", _FOREVER), at), _FOREVER
    )
    limits = rows.times("last_non_detection", _NEVER)
    # A limit after a detection that another packet has says nothing of the onset.
    limits = np.where(limits < first[rows.code], limits, _NEVER)
    limit = rows.largest(limits, _NEVER)
    event = elapsed_us(event_us)
    has_limit = limit != _NEVER
    from_days = (elapsed_us(np.where(has_limit, limit, 0)) - event) / DAY_US
    return {
        "onset_from": np.where(has_limit, from_days, np.nan),
        "onset_to": (elapsed_us(first) - event) / DAY_US,
        "first_detection": first,
        "last_non_detection": limit,
        "last_detection": rows.largest(at, _NEVER),
    }


def _light(rows: _Rows, at: _Index, alert_id: _Index) -> dict[str, npt.NDArray]:
    """Return the brightness by the good alerts, and the detections."""
    is_good = _good(rows)
    magnitude = np.where(is_good, rows.floats("magnitude"), np.nan)
    is_measured = ~np.isnan(magnitude)
    rate = np.where(is_good, rows.floats("magnitude_rate"), np.nan)
    speed = np.nan_to_num(np.abs(rate), nan=-1.0)
    limit = rows.times("last_non_detection", _FOREVER)
    waited = np.where(limit == _FOREVER, np.inf, (at - limit) / DAY_US)
    rise = rows.floats("limit_magnitude") - magnitude
    is_rise = (rise >= RISE_MAG) & (waited > 0) & (waited <= RISE_DAYS)

    in_packet = np.where(is_good, rows.floats("detection_span"), np.nan)
    start = rows.smallest(np.where(is_good, at, _FOREVER), _FOREVER)
    end = rows.largest(np.where(is_good, at, _NEVER), _NEVER)
    has_good = end != _NEVER
    between = (np.where(has_good, end, 0) - np.where(has_good, start, 0)) / DAY_US
    count = np.bincount(rows.code, is_good, rows.count).astype(np.int64)
    listed = rows.largest(_integers(rows.table["detections"], 1), 1)
    return {
        "detections": np.maximum(count, listed),
        "detection_span": np.fmax(rows.largest(in_packet, np.nan), between),
        "fast_rise": rows.largest(is_rise.astype(np.int8), 0).astype(bool),
        "magnitude_first": magnitude[rows.first(~is_measured, at, alert_id)],
        "magnitude_latest": magnitude[rows.first(~is_measured, -at, -alert_id)],
        "magnitude_peak": rows.smallest(magnitude, np.nan),
        "magnitude_rate": rate[rows.first(-speed, at, alert_id)],
        "flux_change": rows.largest(
            np.where(is_good, rows.floats("flux_change"), np.nan), np.nan
        ),
    }


def _good(rows: _Rows) -> npt.NDArray[np.bool_]:
    return rows.floats("quality") >= BRONZE_QUALITY


def _objects(
    rows: _Rows, flux_change: npt.NDArray, host: pa.Table
) -> tuple[Objects, dict[str, npt.NDArray[np.int8]]]:
    """Return the flags of objects: true if an alert says so, else false if one does."""
    names = ("stellar", "variable", "active_nucleus", "moving", "extragalactic")
    flags = {name: rows.largest(rows.flags(name), -1) for name in names}
    positive = np.where(_good(rows), rows.flags("positive"), np.int8(-1))
    flags["positive"] = rows.largest(positive, -1)
    near = flags["extragalactic"] != 1
    flags["stellar"] = np.where(near, flags["stellar"], np.minimum(flags["stellar"], 0))
    objects = Objects(
        **flags,
        host_separation=_floats(host["host_separation"]),
        flux_change=flux_change,
    )
    return objects, flags


def _status(
    newest: pa.Table,
    is_valid: npt.NDArray[np.bool_],
    is_known: npt.NDArray[np.bool_],
) -> tuple[pa.Array, pa.Array]:
    """Status of candidates, and the reason of those that are no longer valid."""
    found: list[str] = []
    reasons: list[str | None] = []
    columns = (newest["status"].to_pylist(), newest["ivorn"].to_pylist())
    for valid, known, status, ivorn in zip(is_valid, is_known, *columns, strict=True):
        if valid:
            found.append("update" if known else "new")
            reasons.append(None)
        elif status == "retracted":
            found.append(status)
            reasons.append(f"{ivorn} retracts the event")
        else:
            found.append("withdrawn")
            reasons.append(
                "no alert of the object is left in the region and the window that"
                f" {ivorn} gives"
            )
    return pa.array(found, pa.string()), pa.array(reasons, pa.string())


def _sorted(journal: pa.Table) -> pa.Array:
    """Sort coincidences by candidate; of each, the current notice last.

    The order of the notices is that of `versions.newest_first`.
    """
    is_retracted = pc.equal(journal["status"], "retracted")
    is_undated = pc.is_null(journal["event_issued"])
    issued = _integers(journal["event_issued"], _NEVER)
    landed = _integers(journal["notice_received_at"], _NEVER)
    keys = {
        **{name: journal[name] for name in KEYS},
        "version": journal["event_version"],
        "undated": pc.and_(is_retracted, is_undated).cast(pa.int8()),
        "issued": issued,
        "retracted": is_retracted.cast(pa.int8()),
        "landed": np.where(issued == _NEVER, landed, _NEVER),
        **{name: journal[name] for name in ("notice_id", "batch", "alert_id")},
    }
    return pc.sort_indices(pa.table(keys), [(name, "ascending") for name in keys])


def _codes(sorted_rows: pa.Table) -> tuple[_Index, int]:
    """Return the number of the candidate of each sorted row, and how many there are."""
    if not sorted_rows.num_rows:
        return np.zeros(0, np.int64), 0
    is_new = np.zeros(sorted_rows.num_rows - 1, bool)
    for name in KEYS:
        values = sorted_rows[name].combine_chunks()
        is_new |= _numpy(pc.not_equal(values[1:], values[:-1]))
    code = np.concatenate([[0], np.cumsum(is_new)])
    return code, int(code[-1]) + 1


def _last_of_each(code: _Index, alert_id: _Index) -> _Index:
    """Rows that are the last of their candidate and alert, sorted."""
    order = np.lexsort((np.arange(len(code)), alert_id, code))
    pair = np.stack([code[order], alert_id[order]])
    is_last = np.ones(len(order), bool)
    is_last[:-1] = (pair[:, 1:] != pair[:, :-1]).any(axis=0)
    return np.sort(order[is_last])


def _lists(code: _Index, alert_id: _Index, count: int) -> pa.Array:
    """Sorted alerts of each candidate."""
    order = np.lexsort((alert_id, code))
    starts = np.searchsorted(code[order], np.arange(count + 1))
    return pa.ListArray.from_arrays(
        pa.array(starts, pa.int32()), pa.array(alert_id[order], pa.int64())
    )


def _floats(values: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Numbers, NaN for null."""
    return pc.fill_null(values.cast(pa.float64()), np.nan).to_numpy()


def _integers(values: pa.ChunkedArray, unknown: int) -> _Index:
    """Integers, or times in microseconds."""
    return pc.fill_null(values.cast(pa.int64()), unknown).to_numpy()


def _numpy(values: pa.ChunkedArray) -> npt.NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), bool)


def _texts(values: pa.ChunkedArray) -> npt.NDArray[np.object_]:
    return np.asarray(values.to_pylist(), object)


def _nullable(values: npt.NDArray) -> pa.Array:
    """Array with nulls for NaN, or for a time that never was."""
    if values.dtype.kind == "f":
        return pa.array(values, mask=np.isnan(values))
    if values.dtype.kind == "i":
        return pa.array(values, mask=values == _NEVER)
    return pa.array(values)


def _flag_array(flags: npt.NDArray[np.int8]) -> pa.Array:
    return pa.array(flags == 1, mask=flags == -1)


def _set(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    position = table.schema.get_field_index(name)
    return table.set_column(position, name, values)
