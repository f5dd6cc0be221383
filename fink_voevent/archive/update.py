# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Take the alerts of past nights over from the table alerts into the archive.

Nights are taken over in groups, each with one change of the record: so what was
interrupted is repeated, and each alert is there once. A file is only ever replaced by
one that has its rows too, and a pixel that is divided stays until the next update: so
programs that read go on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fink_voevent.archive.division import MOST_ROWS, Counts, Leaf, count_cells, divide
from fink_voevent.archive.layout import (
    DATASET,
    INDEX,
    NOTHING,
    SCHEMA,
    Contents,
    Pixel,
    folder_of,
    read_contents,
    write_contents,
)
from fink_voevent.errors import InputError, StorageError
from fink_voevent.match.complete_nights import complete_nights
from fink_voevent.store.batches import BatchLog
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import Store
from fink_voevent.store.lease import hold

_LOG = logging.getLogger(__name__)
STAGE = "archive"  # name of the lease
GROUP_ROWS = 20_000_000  # alerts that are taken over with one change of the record
PART_ROWS = 2_000_000  # alerts in memory, about 0.5 GB
ROW_GROUP = 16_384  # rows that a search reads at least
_COLUMNS = [name for name in SCHEMA.names if name != INDEX]
# Rows of one object are next to each other, so that these columns repeat.
_REPEATED = ["survey", "night", "object_id", "band", "host"]


def update(root: str, today: str, until: str = "") -> Iterator[str]:
    """Add nights that are over to the archive, and yield each once it is there.

    Parameters
    ----------
    root : str
        Folder of our tables: a path or a URI.
    today : str
        YYYYMMDD. The last night may go on until the day after.
    until : str, optional
        YYYYMMDD: the last night that is added; by default all that are over.

    Yields
    ------
    str
        YYYYMMDD.

    Raises
    ------
    InputError
        If there are no alerts.
    StorageError
        If another process does the same, a file cannot be read or written, or the
        record is damaged.
    """
    tables, folder = Tables(root), folder_of(root)
    if tables.existing("alerts") is None:
        raise InputError(
            f"no alerts in {root}: name the folder of the services with --data-prefix"
        )
    with hold(root, STAGE):
        contents = read_contents(folder) or NOTHING
        _remove_unlisted(folder, contents)
        pending = _pending(tables, contents, today, until)
        for group in _groups(pending):
            contents = _add(tables, folder, contents, group)
            yield from group


def nights_of_table(tables: Tables) -> dict[str, int]:
    """Return the number of alerts of each night (YYYYMMDD) in the table alerts."""
    if tables.existing("alerts") is None:
        return {}
    files = tables.files("alerts")
    sums = files.group_by("partition.night").aggregate([("num_records", "sum")])
    return {
        row["partition.night"]: row["num_records_sum"]
        for row in sums.to_pylist()
        if row["partition.night"] is not None
    }


def not_in_archive(contents: Contents, nights: Mapping[str, int]) -> list[str]:
    """Return the nights of which the table has more alerts than the archive, sorted.

    Parameters
    ----------
    contents : Contents
        Of the archive.
    nights : mapping of str to int
        Alerts of the table, by night. Nights of which only the alerts of coincidences
        are kept have fewer there than in the archive.
    """
    return sorted(n for n, rows in nights.items() if rows > contents.nights.get(n, 0))


def _pending(
    tables: Tables, contents: Contents, today: str, until: str
) -> dict[str, int]:
    """Nights to be added, in order, each with its number of alerts."""
    nights = nights_of_table(tables)
    complete = set(complete_nights(tables, "", today))
    return {
        night: nights[night]
        for night in not_in_archive(contents, nights)
        if night in complete and (not until or night <= until)
    }


def _groups(nights: Mapping[str, int]) -> Iterator[list[str]]:
    """Nights in groups of `GROUP_ROWS` alerts at most, or of one night."""
    group: list[str] = []
    rows = 0
    for night, count in nights.items():
        if group and rows + count > GROUP_ROWS:
            yield group
            group, rows = [], 0
        group.append(night)
        rows += count
    if group:
        yield group


def _add(
    tables: Tables, folder: Store, contents: Contents, nights: Sequence[str]
) -> Contents:
    """Add nights, and return what the archive contains then."""
    last = BatchLog(tables, "match").last_done()
    new, rows = count_cells(np.empty(0, np.int64)), {}
    for night in nights:
        cells = _count(tables, night, last)
        new, rows[night] = new + cells, int(cells.sum())
    old = {pixel: sum(years.values()) for pixel, years in contents.pixels.items()}
    leaves = divide(old, new, partial(_count_pixel, folder, contents), MOST_ROWS)
    pixels = dict(contents.pixels)
    for leaf in leaves:
        if leaf.source is not None:
            pixels.pop(leaf.source, None)
    for part in _parts(leaves):
        lo, hi = part[0].pixel.lo, part[-1].pixel.hi
        added = _read_new(tables, nights, last, lo, hi)
        for leaf in part:
            pixels[leaf.pixel] = _write_leaf(folder, contents, leaf, added, nights)
    changed = Contents({**contents.nights, **rows}, pixels)
    write_contents(folder, changed)
    _LOG.info(
        "archive: %d alerts of the nights %s to %s added, %d pixels written",
        *(sum(rows.values()), nights[0], nights[-1], len(leaves)),
    )
    return changed


def _parts(leaves: Sequence[Leaf]) -> Iterator[list[Leaf]]:
    """Pixels in groups of `PART_ROWS` new rows at most, or of one pixel."""
    part: list[Leaf] = []
    rows = 0
    for leaf in leaves:
        if part and rows + leaf.new > PART_ROWS:
            yield part
            part, rows = [], 0
        part.append(leaf)
        rows += leaf.new
    if part:
        yield part


def _count(tables: Tables, night: str, last: int) -> Counts:
    where = (pc.field("night") == night) & (pc.field("batch") <= last)
    found = tables.arrow("alerts", ["hpx29"], where)["hpx29"]
    return count_cells(found.to_numpy())


def _count_pixel(folder: Store, contents: Contents, pixel: Pixel) -> Counts:
    """Rows of a pixel of the archive, by cell."""
    total = count_cells(np.empty(0, np.int64))
    for year in contents.pixels[pixel]:
        rows = _read_file(folder, pixel, year, [INDEX])
        total += count_cells(rows[INDEX].to_numpy())
    return total


def _read_new(
    tables: Tables, nights: Sequence[str], last: int, lo: int, hi: int
) -> pa.Table:
    """Alerts of nights in a range of places, as the archive has them, sorted."""
    place = pc.field("hpx29")
    where = pc.field("night").isin(list(nights)) & (pc.field("batch") <= last)
    where &= (place >= lo) & (place < hi)
    found = tables.arrow("alerts", ["hpx29", *_COLUMNS], where)
    return found.rename_columns([INDEX, *_COLUMNS]).cast(SCHEMA).sort_by(INDEX)


def _write_leaf(
    folder: Store,
    contents: Contents,
    leaf: Leaf,
    added: pa.Table,
    nights: Sequence[str],
) -> dict[str, int]:
    """Write the files of a pixel; return the rows of each year."""
    pixel, source = leaf.pixel, leaf.source
    ends = np.searchsorted(added[INDEX].to_numpy(), [pixel.lo, pixel.hi])
    new = added.slice(int(ends[0]), int(ends[1] - ends[0]))
    year_of = pc.utf8_slice_codeunits(new["night"], 0, 4)
    rows = dict(contents.pixels.get(pixel, {}))
    earlier = {} if source is None else contents.pixels[source]
    # A pixel that is divided has to be written whole.
    years = set(pc.unique(year_of).to_pylist()) | (
        set() if source == pixel else {*earlier}
    )
    for year in sorted(years):
        parts = [new.filter(pc.equal(year_of, year))]
        if source is not None and year in earlier:
            old = _read_file(folder, source, year, None)
            again = pc.is_in(old["night"], pa.array(list(nights)))
            inside = pc.and_(
                pc.greater_equal(old[INDEX], pixel.lo), pc.less(old[INDEX], pixel.hi)
            )
            parts.insert(0, old.filter(pc.and_not(inside, again)))
        table = pa.concat_tables(parts).sort_by(
            [(INDEX, "ascending"), ("alert_time", "ascending")]
        )
        if not table.num_rows:
            rows.pop(year, None)
            continue
        rows[year] = table.num_rows
        folder.subfolder(pixel.folder).write(
            f"{year}.parquet", partial(write_rows, table)
        )
    return rows


def write_rows(table: pa.Table, stream: pa.NativeFile) -> None:
    """Write rows as a file of the archive.

    Parameters
    ----------
    table : Table
        The columns of `SCHEMA`, sorted by `INDEX`.
    stream : file
    """
    pq.write_table(
        table,
        stream,
        row_group_size=ROW_GROUP,
        compression="zstd",
        use_dictionary=_REPEATED,
        column_encoding={INDEX: "DELTA_BINARY_PACKED"},
    )


def _read_file(
    folder: Store, pixel: Pixel, year: str, columns: list[str] | None
) -> pa.Table:
    """Read a file of the archive; columns that it does not have are null."""
    path = f"{pixel.folder}/{year}.parquet"
    try:
        found = folder.read_table(path, columns)
    except (OSError, pa.ArrowException) as error:
        raise StorageError(
            f"{folder.path}/{path} cannot be read: restore it, or remove the folder"
            f" {folder.path} and run `fink_voevent archive` again ({error})"
        ) from None
    schema = pa.schema([SCHEMA.field(name) for name in columns or SCHEMA.names])
    arrays = [
        found[f.name].cast(f.type)
        if f.name in found.column_names
        else pa.nulls(found.num_rows, f.type)
        for f in schema
    ]
    return pa.table(arrays, schema=schema)


def _remove_unlisted(folder: Store, contents: Contents) -> None:
    """Remove pixels that were divided, or that an interrupted update has written."""
    listed = {pixel.folder for pixel in contents.pixels}
    for path in folder.subfolder(DATASET).relative_files(".parquet"):
        inner = f"{DATASET}/{path.rpartition('/')[0]}"
        if inner not in listed:
            folder.delete(f"{DATASET}/{path}")
