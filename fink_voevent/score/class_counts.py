# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Objects of past nights that could have been a candidate, counted by class.

An object is counted once, in the night of its first alert that passes the rules of the
class. The rules are those of candidates, without an event:

- ``fresh_1``: it appeared in the nights that are counted (first detection), a limit is
  at most `HISTORY_DAYS` older, and an alert is good, positive, and not that of a star,
  a known variable, a known active nucleus or a known moving object. Evidence that it is
  extragalactic is stronger than that of a star or a variable;
- ``fresh_2``: as before, with an alert that has two detections at least `SPAN_DAYS`
  apart, so that it is known not to move;
- ``fresh_unknown_1``, ``fresh_unknown_2``: likewise, without a limit, or with one that
  is more than `classes.LIMIT_DAYS` older: of such an object it depends on the event
  which of the two it is, so that it counts for both;
- ``flaring``: a good alert of an object that is extragalactic, an active nucleus, or at
  the centre of its host (`classes.NUCLEAR_DEG`), and brighter than the reference image;
  of any age.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fink_voevent.errors import InputError
from fink_voevent.filters.blocks import BRONZE_QUALITY
from fink_voevent.score.cells import CELLS, COVERAGE_ORDER, ORDER, PARTS
from fink_voevent.score.classes import LIMIT_DAYS, NUCLEAR_DEG
from fink_voevent.sky.localization import ORDER as FINEST
from fink_voevent.store.delta import Tables
from fink_voevent.tables.column import TIME

# A limit can be so much older than the first detection, if that is some days after the
# event. It is as far as packets go back.
HISTORY_DAYS = 30.0
SPAN_DAYS = 15 / 1440  # in which main-belt asteroids move by several arcsec
PIECE_ROWS = 2_000_000  # alerts of a night that are read at once
FRESH = ("fresh_1", "fresh_2", "fresh_unknown_1", "fresh_unknown_2")
CLASSES = (*FRESH, "flaring")
_FLAGS = ("positive", "stellar", "variable", "active_nucleus", "moving")
_OPTIONAL: tuple[str, ...] = (
    *(*_FLAGS, "host_separation", "host_distance", "host_distance_error"),
    *("detections", "detection_span", "flux_change"),
)
COLUMNS: tuple[str, ...] = (
    *("night", "alert_id", "object_id", "hpx29", "alert_time", "first_detection"),
    *("last_non_detection", "quality", "extragalactic", *_OPTIONAL),
)
_TIMES = ("alert_time", "first_detection", "last_non_detection")
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Found:
    """Objects of a class.

    Parameters
    ----------
    night : ndarray of int, shape (m,)
        Index in `Counts.nights` of the first alert that passes.
    hpx29 : ndarray of int, shape (m,)
        Place of that alert.
    first_detection : ndarray of float, shape (m,)
        Earliest detection, microseconds since 1970.
    host_distance, host_error : ndarray, shape (m,)
        Mpc, NaN if not known.
    flux_change : ndarray, shape (m,)
        Of flares: the largest in a good alert, mag; NaN for other classes.
    """

    night: np.ndarray
    hpx29: np.ndarray
    first_detection: np.ndarray
    host_distance: np.ndarray
    host_error: np.ndarray
    flux_change: np.ndarray

    @property
    def cell(self) -> np.ndarray:
        """Nested HEALPix cell of order `cells.ORDER`, shape (m,)."""
        return self.hpx29 >> 2 * (FINEST - ORDER)

    def since(self, night: int) -> Found:
        """Objects from a night on, whose index becomes 0."""
        kept = self.night >= night
        columns = (getattr(self, name)[kept] for name in list(vars(self))[1:])
        return Found(self.night[kept] - night, *columns)


@dataclass(frozen=True)
class Counts:
    """What was counted in the nights of a survey.

    Parameters
    ----------
    survey : str
    nights : tuple of str
        YYYYMMDD, sorted: those with at least one alert.
    covered : ndarray of int, shape (nights, CELLS)
        Parts of each cell (see `cells.PARTS`) that were observed in a night.
    seen : ndarray of int, shape (CELLS,)
        Parts that were observed in any night.
    objects : dict of str to Found
        By class (`CLASSES`).
    """

    survey: str
    nights: tuple[str, ...]
    covered: np.ndarray
    seen: np.ndarray
    objects: dict[str, Found]


def count_table(
    tables: Tables, survey: str, nights: Sequence[str], last_batch: int
) -> Counts:
    """Count the objects of nights of the table `alerts`: see `count`.

    Parameters
    ----------
    tables : Tables
    survey : str
    nights : sequence of str
        Complete nights, YYYYMMDD.
    last_batch : int
        Rows of later batches do not count: see `store.batches.BatchLog.last_done`.
    """
    stored = tables.table("alerts").schema().to_arrow().names
    present = [name for name in COLUMNS if name in stored]

    def read(piece: tuple[str, int, int]) -> pa.Table:
        night, first, last = piece
        where = (pc.field("survey") == survey) & (pc.field("night") == night)
        where &= (pc.field("hpx29") >= first) & (pc.field("hpx29") < last)
        return tables.arrow(
            "alerts", present, where & (pc.field("batch") <= last_batch)
        )

    return count(map(read, _pieces(tables, nights)), survey)


def _pieces(tables: Tables, nights: Sequence[str]) -> list[tuple[str, int, int]]:
    """Nights, each as a whole or by base cells of HEALPix: night, first, last place."""
    files = tables.files("alerts").select(["partition.night", "num_records"])
    rows = dict.fromkeys(nights, 0)
    for file in files.to_pylist():
        if file["partition.night"] in rows:
            rows[file["partition.night"]] += file["num_records"]
    pieces = []
    for night, number in rows.items():
        size = 12 if number <= PIECE_ROWS else 1
        base = 1 << 2 * FINEST
        pieces += [
            (night, cell * base, (cell + size) * base) for cell in range(0, 12, size)
        ]
    return pieces


def count(alerts: Iterable[pa.Table], survey: str) -> Counts:
    """Count the objects of whole nights.

    A cell is covered in a night as far as the survey has any alert of any kind in its
    parts. This misses parts that were observed without an alert, so that the area is a
    little too small and the rates a little too high; a part at the edge of an image
    counts as a whole.

    A table none of whose alerts has `positive` is left out: an earlier version has
    stored it, and nothing in it could be counted.

    Parameters
    ----------
    alerts : iterable of Table
        Thin alerts, in any order, such as one table a night. Columns are `COLUMNS`;
        `_OPTIONAL` ones that are missing are null. An alert without object counts as an
        object.
    survey : str

    Raises
    ------
    InputError
        If there is no alert.
    """
    parts: dict[str, list[np.ndarray]] = {}
    kept, start = [], None
    for table in alerts:
        if not table.num_rows:
            continue
        filled = _with_all_columns(table)
        if filled["positive"].null_count == filled.num_rows:
            continue
        part = _shifted(filled["hpx29"], COVERAGE_ORDER)
        for night in pc.unique(filled["night"]).to_pylist():
            inside = pc.equal(filled["night"], night).to_numpy(zero_copy_only=False)
            parts.setdefault(night, []).append(np.unique(part[inside]))
        first = pc.min(filled["alert_time"]).cast(pa.int64()).as_py()
        start = first if start is None else min(first, start)
        passing = pc.or_(_is_fresh(filled), _is_flaring(filled))
        kept.append(filled.filter(passing))
    if start is None:
        raise InputError(
            "there is no alert to count, or none says whether it is brighter than the"
            " reference image: give whole nights of alerts of this version"
        )
    nights = tuple(sorted(parts))
    every = [np.unique(np.concatenate(parts[night])) for night in nights]
    covered = np.stack([np.bincount(p // PARTS, minlength=CELLS) for p in every])
    seen = np.bincount(np.unique(np.concatenate(every)) // PARTS, minlength=CELLS)
    number = {night: i for i, night in enumerate(nights)}
    objects = _objects(pa.concat_tables(kept), number, start)
    return Counts(survey, nights, covered, seen, objects)


def _with_all_columns(table: pa.Table) -> pa.Table:
    """Columns `COLUMNS`; optional ones that are missing are null."""
    missing = [c for c in COLUMNS if c not in table.column_names]
    required = [c for c in missing if c not in _OPTIONAL]
    if required:
        raise InputError(f"the alerts lack {', '.join(required)}: give thin alerts")
    for name in missing:
        kind = pa.bool_() if name in _FLAGS else pa.float64()
        table = table.append_column(name, pa.nulls(table.num_rows, kind))
    for name in _TIMES:  # in microseconds, whatever has written them
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table[name].cast(TIME))
    return table.select(COLUMNS)


def _shifted(hpx29: pa.ChunkedArray, order: int) -> np.ndarray:
    return hpx29.to_numpy() >> 2 * (FINEST - order)


def _true(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether a flag is true; a null is not."""
    return pc.fill_null(column, fill_value=False)


def _is_good(table: pa.Table) -> pa.ChunkedArray:
    """Whether an alert is real, not negative, and neither of the Galaxy nor moving."""
    good = _true(pc.greater_equal(table["quality"], BRONZE_QUALITY))
    good = pc.and_(good, pc.fill_null(table["positive"], fill_value=True))
    star = pc.or_(_true(table["stellar"]), _true(table["variable"]))
    good = pc.and_not(good, pc.and_not(star, _true(table["extragalactic"])))
    good = pc.and_(good, pc.fill_null(table["extragalactic"], fill_value=True))
    return pc.and_not(good, _true(table["moving"]))


def _is_fresh(table: pa.Table) -> pa.ChunkedArray:
    positive = pc.and_(_is_good(table), _true(table["positive"]))
    return pc.and_not(positive, _true(table["active_nucleus"]))


def _is_flaring(table: pa.Table) -> pa.ChunkedArray:
    outside = pc.or_(_true(table["active_nucleus"]), _true(table["extragalactic"]))
    at_centre = pc.less_equal(table["host_separation"], NUCLEAR_DEG)
    outside = pc.or_(outside, _true(at_centre))
    brighter = _true(pc.greater(table["flux_change"], 0.0))
    return pc.and_(_is_good(table), pc.and_(outside, brighter))


def _objects(table: pa.Table, number: dict[str, int], start: int) -> dict[str, Found]:
    """Objects of each class, given the alerts that pass and the first time (us)."""
    names = pc.coalesce(table["object_id"], table["alert_id"].cast(pa.string()))
    objects = _codes(names)[0]
    codes, found_nights = _codes(table["night"])
    night = np.array([number[n] for n in found_nights], np.int64)[codes]
    place = table["hpx29"].to_numpy()
    distance, error, detections, span = (
        table[c].cast(pa.float64()).to_numpy(zero_copy_only=False)
        for c in (
            "host_distance",
            "host_distance_error",
            "detections",
            "detection_span",
        )
    )
    first, limit = (
        table[c]
        .cast(pa.int64())
        .cast(pa.float64(), safe=False)
        .to_numpy(zero_copy_only=False)
        for c in ("first_detection", "last_non_detection")
    )
    is_fresh = np.asarray(_is_fresh(table).to_numpy(zero_copy_only=False), bool)
    earliest = _smallest(first, objects)
    appeared = is_fresh & (earliest >= start)
    gap = (first - limit) / _DAY_US
    has_limit = _any((gap <= HISTORY_DAYS) & appeared, objects)
    is_unknown = appeared & ~_any((gap <= LIMIT_DAYS) & appeared, objects)
    twice = (detections >= 2) & (span >= SPAN_DAYS)
    is_flaring = np.asarray(_is_flaring(table).to_numpy(zero_copy_only=False), bool)
    change = table["flux_change"].cast(pa.float64()).to_numpy(zero_copy_only=False)
    change = _largest(np.where(is_flaring, change, np.nan), objects)
    passing = {
        "fresh_1": appeared & has_limit,
        "fresh_2": appeared & has_limit & twice,
        "fresh_unknown_1": is_unknown,
        "fresh_unknown_2": is_unknown & twice,
        "flaring": is_flaring,
    }

    def found(passes: np.ndarray) -> Found:
        rows = np.flatnonzero(passes)
        rows = rows[np.argsort(night[rows], kind="stable")]
        _, once = np.unique(objects[rows], return_index=True)
        rows = np.sort(rows[once])
        of_object = (place, earliest, distance, error, change)
        return Found(night[rows], *(column[rows] for column in of_object))

    return {name: found(passes) for name, passes in passing.items()}


def _codes(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    """Return the number of the value of each row, and the values."""
    encoded = pc.dictionary_encode(column).combine_chunks()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def _smallest(values: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Smallest value of the object of each alert; NaN is left out."""
    least = np.full(objects.max(initial=-1) + 1, np.inf)
    np.fmin.at(least, objects, values)
    return least[objects]


def _largest(values: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Largest value of the object of each alert; NaN is left out."""
    most = np.full(objects.max(initial=-1) + 1, np.nan)
    np.fmax.at(most, objects, values)
    return most[objects]


def _any(flags: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Whether the object of each alert has an alert with the flag."""
    return np.bincount(objects, flags, objects.max(initial=-1) + 1)[objects] > 0
