# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Keep the tables small and quick: larger files, sorted files, no old files.

Readers of an earlier version of a table go on reading its files, until they are
removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import WriterProperties
from deltalake.exceptions import CommitFailedError

from fink_voevent.store.delta import Tables, storage_errors, sync_commit
from fink_voevent.store.filesystem import Store, open_store
from fink_voevent.tables.schema import PARTITIONS

MAX_SMALL_FILES = 200  # a commit takes longer, the more files a table has
COMPACT_BYTES = 64 * 2**20  # size of compacted files
# Of a night, or of an event, a reader reads the groups of rows that can have any of it.
GROUP_ROWS = 16_384
SORT_MEMORY_BYTES = 2**30  # what does not fit is sorted on the disk
REPLACED = "kept"  # first part of the names of files in place of others
DAY_H = 24


Where = list[tuple[str, str, str]]  # a partition, as delta-rs takes it


def compact_if_due(tables: Tables, name: str) -> None:
    """Rewrite small files as larger ones, if there are `MAX_SMALL_FILES`.

    A stage does this between two batches.

    Parameters
    ----------
    tables : Tables
    name : str
        Name of the table.
    """
    table = tables.table_to_write(name)
    files = pa.table(table.get_add_actions(flatten=True))
    small = files.filter(pc.field("size_bytes") < COMPACT_BYTES // 4)
    keys = [f"partition.{column}" for column in PARTITIONS.get(name, ())]
    counts = small.group_by(keys).aggregate([([], "count_all")])
    for row in counts.to_pylist():
        if row["count_all"] < MAX_SMALL_FILES:
            continue
        where: Where = [(key.partition(".")[2], "=", row[key]) for key in keys]
        with _commit(tables, name):
            table.optimize.compact(
                where or None,
                target_size=COMPACT_BYTES,
                max_concurrent_tasks=1,
                writer_properties=WriterProperties(
                    compression="ZSTD",
                    compression_level=4,
                    max_row_group_size=GROUP_ROWS,
                ),
            )


def sort(tables: Tables, name: str, where: Where, column: str) -> None:
    """Rewrite the files of a partition, sorted by a column, in bounded memory.

    Parameters
    ----------
    tables : Tables
    name : str
        Name of the table.
    where : list of (str, "=", str)
        The partition.
    column : str
    """
    table = tables.table_to_write(name)
    with _commit(tables, name):
        table.optimize.z_order(
            [column],
            where,
            target_size=COMPACT_BYTES,
            max_concurrent_tasks=1,
            max_spill_size=SORT_MEMORY_BYTES,
        )


def replace_partition(tables: Tables, name: str, where: Where, staged: Store) -> int:
    """Replace the rows of a partition by those of staged files; return their number.

    Parameters
    ----------
    tables : Tables
    name : str
        Name of the table.
    where : list of (str, "=", str)
        The partition.
    staged : Store
        As of `Tables.append`.

    Raises
    ------
    StorageError
        If the store refuses, or another process has committed meanwhile.
    """
    table = tables.table_to_write(name)
    actions, rows = tables.adopt(name, staged, REPLACED)
    with storage_errors(f"{tables.root}/{name}"):
        table.create_write_transaction(
            list(actions),
            "overwrite",
            table.schema(),
            partition_by=list(PARTITIONS[name]),
            partition_filters=where,
        )
    sync_commit(open_store(tables.root).subfolder(name), table.version())
    return rows


def remove_old_files(tables: Tables, name: str, days: int) -> int:
    """Remove files that no version of the last days has; return their number.

    Parameters
    ----------
    tables : Tables
    name : str
        Name of the table.
    days : int
        At least `VERSION_DAYS`, so that no reader of an earlier version fails.
    """
    table = tables.table(name)
    with storage_errors(f"{tables.root}/{name}"):
        table.cleanup_metadata()
        return len(table.vacuum(DAY_H * days, dry_run=False, full=True))


@contextmanager
def _commit(tables: Tables, name: str) -> Iterator[None]:
    """Context of a commit; one that another process has made before is no error."""
    with storage_errors(f"{tables.root}/{name}"):
        try:
            yield
        except CommitFailedError:
            return
    folder = open_store(tables.root).subfolder(name)
    sync_commit(folder, tables.table(name).version())
