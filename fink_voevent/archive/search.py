# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Search all alerts ever: the archive, and the nights that are not in it yet.

Only the parts of files are read that can have an alert of the place and time, by the
statistics in their footers, and of these only position and time, until it is known
which alerts lie inside. A few files are read at once, in threads, each one part after
the other: so memory does not depend on the size of the archive.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fink_voevent.archive.layout import (
    INDEX,
    NOTHING,
    SCHEMA,
    Contents,
    folder_of,
    read_contents,
)
from fink_voevent.archive.place import Place
from fink_voevent.archive.update import nights_of_table, not_in_archive
from fink_voevent.errors import InputError
from fink_voevent.store.batches import BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import Store, open_store
from fink_voevent.store.table_statistics import TIME_MARGIN_US
from fink_voevent.tables.times import TimeRange

THREADS = min(os.cpu_count() or 1, 4)
COLUMNS = ["hpx29", *(name for name in SCHEMA.names if name != INDEX)]
"""Columns of a result, but for the measure of the place."""
_EPOCH = np.datetime64(0, "us")
_T = TypeVar("_T")


class Unread(NamedTuple):
    """A file that was left out.

    Parameters
    ----------
    path, reason : str
    """

    path: str
    reason: str


@dataclass(frozen=True)
class _File:
    """A file of alerts: of the archive, or of the table alerts.

    `night` and `last_batch` are of a file of the table: its rows have no night, and
    those of later batches do not count.
    """

    path: str
    index: str
    night: str | None = None
    last_batch: int | None = None


@dataclass(frozen=True)
class Sought:
    """What is searched, and where.

    Parameters
    ----------
    folder : Store
        Folder of the tables and of the archive.
    files : sequence of _File
    place : Place
    times : TimeRange or None
        Both ends included; None for all times.
    excluded : frozenset of str
        Nights that are read from the table, and so not from the archive.
    nights : int
        Number of nights that are not in the archive.
    """

    folder: Store
    files: Sequence[_File]
    place: Place
    times: TimeRange | None
    excluded: frozenset[str]
    nights: int


class Found(NamedTuple):
    """The first alerts of a search.

    Parameters
    ----------
    rows : Table
        With `COLUMNS` and the measure of the place.
    total : int
        All alerts that were found.
    unread : tuple of Unread
    """

    rows: pa.Table
    total: int
    unread: tuple[Unread, ...]


class _Hits(NamedTuple):
    """Alerts of a part of a file: their rows in it, and their measure and time (us)."""

    group: int
    rows: npt.NDArray[np.int64]
    measure: npt.NDArray[np.float64]
    time_us: npt.NDArray[np.int64]

    def take(self, chosen: npt.NDArray[Any]) -> _Hits:
        """Return some of them."""
        return _Hits(
            self.group, self.rows[chosen], self.measure[chosen], self.time_us[chosen]
        )


def prepare(root: str, place: Place, times: TimeRange | None) -> Sought:
    """Find the files in which alerts of a place and time can be.

    Parameters
    ----------
    root : str
        Folder of our tables: a path or a URI.
    place : Place
    times : TimeRange or None

    Raises
    ------
    InputError
        If there are neither alerts nor an archive.
    StorageError
        If the record of the archive or the table cannot be read.
    """
    tables, folder = Tables(root), open_store(root)
    contents = read_contents(folder_of(root))
    nights = nights_of_table(tables)
    if contents is None and not nights:
        raise InputError(
            f"no alerts in {root}: name the folder of the services with --data-prefix"
        )
    others = not_in_archive(contents or NOTHING, nights)
    files = [
        *_files_of_archive(folder_of(root), contents or NOTHING, place),
        *_files_of_table(tables, place, times, others),
    ]
    return Sought(folder, files, place, times, frozenset(others), len(others))


def _files_of_archive(
    folder: Store, contents: Contents, place: Place
) -> Iterator[_File]:
    for pixel, years in contents.pixels.items():
        if place.touches(pixel.lo, pixel.hi - 1):
            for year in years:
                yield _File(f"{folder.path}/{pixel.folder}/{year}.parquet", INDEX)


def _files_of_table(
    tables: Tables, place: Place, times: TimeRange | None, nights: Sequence[str]
) -> Iterator[_File]:
    if not nights:
        return
    folder = open_store(tables.root).subfolder("alerts")
    last = BatchLog(tables, "match").last_done()
    found = tables.files("alerts")
    found = found.filter(pc.field("partition.night").isin(list(nights)))
    if times is not None:
        first, end = (found[f"{e}.alert_time"].cast("int64") for e in ("min", "max"))
        inside = pc.and_(
            pc.less_equal(pc.subtract(first, TIME_MARGIN_US), times.last_us),
            pc.greater_equal(pc.add(end, TIME_MARGIN_US), times.first_us),
        )
        found = found.filter(pc.fill_null(inside, True))  # noqa: FBT003
    columns = ["path", "partition.night", "min.hpx29", "max.hpx29"]
    for row in found.select(columns).to_pylist():
        lo, hi = row["min.hpx29"], row["max.hpx29"]
        if lo is None or hi is None or place.touches(lo, hi):
            path = f"{folder.path}/{row['path']}"
            yield _File(path, "hpx29", row["partition.night"], last)


def first(sought: Sought, most: int) -> Found:
    """Search, and return the first alerts: the innermost, or of a MOC the newest.

    Parameters
    ----------
    sought : Sought
        What `prepare` returned.
    most : int
        Rows at most.
    """

    def count(file: _File) -> tuple[int, list[_Hits]]:
        with pq.ParquetFile(file.path, filesystem=sought.folder.filesystem) as opened:
            total, kept = 0, []
            for hits in _hits(opened, file, sought):
                total += len(hits.rows)
                kept.append(hits.take(_smallest(_keys(hits, sought.place), most)))
            return total, kept

    total, unread = 0, []
    candidates: list[tuple[_File, _Hits]] = []
    for file, result in _each(sought.files, count):
        if isinstance(result, Unread):
            unread.append(result)
            continue
        total += result[0]
        candidates += [(file, hits) for hits in result[1] if len(hits.rows)]
        candidates = _best(candidates, sought.place, most)
    parts = [_empty(sought.place)]
    for file in dict.fromkeys(file for file, _ in candidates):
        chosen = [hits for other, hits in candidates if other is file]
        with pq.ParquetFile(file.path, filesystem=sought.folder.filesystem) as opened:
            parts += [_rows(opened, file, hits, sought.place) for hits in chosen]
    rows = pa.concat_tables(parts)
    return Found(rows.sort_by(_order(sought.place)), total, tuple(unread))


def everything(sought: Sought) -> Iterator[pa.Table | Unread]:
    """Search, and yield all alerts, and the files that were left out.

    Alerts of a file are in the order of places.

    Parameters
    ----------
    sought : Sought
        What `prepare` returned.

    Yields
    ------
    Table or Unread
        Tables have `COLUMNS` and the measure of the place. None is empty.
    """

    def read(file: _File) -> list[pa.Table]:
        with pq.ParquetFile(file.path, filesystem=sought.folder.filesystem) as opened:
            return [
                _rows(opened, file, hits, sought.place)
                for hits in _hits(opened, file, sought)
                if len(hits.rows)
            ]

    for _, result in _each(sought.files, read):
        if isinstance(result, Unread):
            yield result
        else:
            yield from result


def _each(
    files: Sequence[_File], work: Callable[[_File], _T]
) -> Iterator[tuple[_File, _T | Unread]]:
    """Results of files, in their order; only a few are worked on or wait at once."""

    def attempt(file: _File) -> _T | Unread:
        try:
            return work(file)
        # a damaged file can raise many errors: all are of this file alone
        except (OSError, pa.ArrowException, ValueError, KeyError) as error:
            return Unread(file.path, " ".join(str(error).split())[:200])

    waiting: deque[tuple[_File, Future[_T | Unread]]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for file in files:
            waiting.append((file, pool.submit(attempt, file)))
            if len(waiting) > THREADS:
                done, future = waiting.popleft()
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()


def _hits(opened: pq.ParquetFile, file: _File, sought: Sought) -> Iterator[_Hits]:
    """Alerts of a file that are inside, part by part."""
    footer, names = opened.metadata, opened.schema_arrow.names
    numbers = {name: footer.schema.names.index(name) for name in names}
    columns = [file.index, "alert_ra", "alert_dec", "alert_time"]
    if file.last_batch is not None:
        columns.append("batch")
    for group in range(footer.num_row_groups):
        part = footer.row_group(group)
        edges = {n: _edges(part.column(numbers[n])) for n in (file.index, "alert_time")}
        place = edges[file.index]
        if place is not None and not sought.place.touches(*place):
            continue
        if not _is_within(edges["alert_time"], sought.times):
            continue
        wanted = list(columns)
        if file.night is None and _may_have(part, numbers["night"], sought.excluded):
            wanted.append("night")
        hits = _inside(opened, group, wanted, file, sought)
        if len(hits.rows):
            yield hits


def _inside(
    opened: pq.ParquetFile, group: int, columns: list[str], file: _File, sought: Sought
) -> _Hits:
    """Alerts of a part of a file that are inside."""
    table = opened.read_row_group(group, columns, use_threads=False)
    place, times = sought.place, sought.times
    index = table[file.index].to_numpy()
    moment = (
        table["alert_time"].cast(pa.timestamp("us", "UTC")).cast("int64").to_numpy()
    )
    inside = place.covers(index)
    if times is not None:
        inside &= (moment >= times.first_us) & (moment <= times.last_us)
    if "batch" in columns:
        inside &= table["batch"].to_numpy() <= file.last_batch
    if "night" in columns:
        excluded = pc.is_in(table["night"], pa.array(sorted(sought.excluded)))
        inside &= ~excluded.to_numpy().astype(bool)
    rows = np.flatnonzero(inside)
    measure = np.zeros(len(rows))
    if place.measure is not None:
        ra, dec = (table[c].to_numpy()[rows] for c in ("alert_ra", "alert_dec"))
        measure = place.measure(index[rows], ra, dec)
        kept = measure <= place.most
        rows, measure = rows[kept], measure[kept]
    return _Hits(group, rows, measure, moment[rows])


def _rows(opened: pq.ParquetFile, file: _File, hits: _Hits, place: Place) -> pa.Table:
    """Rows of a result; columns that a file does not have are null."""
    there = set(opened.schema_arrow.names)
    inner = {"hpx29": file.index}
    wanted = [c for c in COLUMNS if inner.get(c, c) in there]
    part = opened.read_row_group(
        hits.group, [inner.get(c, c) for c in wanted], use_threads=False
    )
    part = part.take(pa.array(hits.rows))
    schema, arrays = result_schema(place), []
    for field in schema:
        if field.name == place.column:
            arrays.append(pa.array(hits.measure))
        elif field.name == "night" and file.night is not None:
            arrays.append(pa.array([file.night] * len(hits.rows), pa.string()))
        elif field.name in wanted:
            column = part[inner.get(field.name, field.name)]
            arrays.append(column.cast(field.type).combine_chunks())
        else:
            arrays.append(pa.nulls(len(hits.rows), field.type))
    return pa.table(arrays, schema=schema)


def result_schema(place: Place) -> pa.Schema:
    """Return the schema of a result: `COLUMNS` and the measure of the place."""
    fields = [SCHEMA.field(INDEX if name == "hpx29" else name) for name in COLUMNS]
    fields[0] = fields[0].with_name("hpx29")
    if place.column:
        fields.append(pa.field(place.column, pa.float64()))
    return pa.schema(fields)


def _empty(place: Place) -> pa.Table:
    return result_schema(place).empty_table()


def _keys(hits: _Hits, place: Place) -> npt.NDArray[np.float64]:
    """By which alerts are ordered: the smallest first."""
    return hits.measure if place.column else -hits.time_us.astype(np.float64)


def _smallest(keys: npt.NDArray[np.float64], most: int) -> npt.NDArray[np.int64]:
    if len(keys) <= most:
        return np.arange(len(keys))
    return np.argpartition(keys, most)[:most] if most else np.arange(0)


def _best(
    candidates: list[tuple[_File, _Hits]], place: Place, most: int
) -> list[tuple[_File, _Hits]]:
    """Of alerts of several parts, the first ones."""
    if sum(len(hits.rows) for _, hits in candidates) <= most:
        return candidates
    keys = [_keys(hits, place) for _, hits in candidates]
    owner = np.repeat(np.arange(len(keys)), [len(one) for one in keys])
    row = np.concatenate([np.arange(len(one)) for one in keys])
    chosen = _smallest(np.concatenate(keys), most)
    return [
        (
            candidates[n][0],
            candidates[n][1].take(np.sort(row[chosen[owner[chosen] == n]])),
        )
        for n in np.unique(owner[chosen])
    ]


def _order(place: Place) -> list[tuple[str, str]]:
    if place.column:
        return [(place.column, "ascending"), ("alert_time", "ascending")]
    return [("alert_time", "descending"), ("alert_id", "ascending")]


def _edges(column: pq.ColumnChunkMetaData) -> tuple[int, int] | None:
    """Smallest and largest value of a part of a file; None if not known."""
    statistics = column.statistics
    if statistics is None or not statistics.has_min_max:
        return None
    lo, hi = statistics.min, statistics.max
    if isinstance(lo, datetime):
        return _microseconds(lo), _microseconds(hi)
    return lo, hi


def _microseconds(moment: datetime) -> int:
    plain = (
        moment.astimezone(timezone.utc).replace(tzinfo=None)
        if moment.tzinfo
        else moment
    )
    return int((np.datetime64(plain, "us") - _EPOCH).astype(np.int64))


def _is_within(edges: tuple[int, int] | None, times: TimeRange | None) -> bool:
    return (
        edges is None
        or times is None
        or (edges[0] <= times.last_us and edges[1] >= times.first_us)
    )


def _may_have(part: pq.RowGroupMetaData, number: int, nights: frozenset[str]) -> bool:
    """Whether a part of a file may have a row of any of these nights."""
    statistics = part.column(number).statistics
    if statistics is None or not statistics.has_min_max:
        return bool(nights)
    return any(statistics.min <= night <= statistics.max for night in nights)
