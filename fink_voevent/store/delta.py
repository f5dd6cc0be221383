# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Our tables: Delta tables, read and committed through delta-rs, without Java.

Spark or pyarrow writes the Parquet files of a batch to a staging folder. `Tables`
moves them into the folder of the table and commits them. Each commit carries an
application transaction, the name of the stage and the number of its batch, so that a
batch is committed once: the replay of a batch finds it there, and of two processes that
commit the same one, the second is refused.

delta-rs does not wait until a file is on the disk. On a local store, data files are
synced before the commit, and the commit before anything is done that relies on it.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import (
    AddAction,
    CommitProperties,
    PostCommitHookProperties,
    Transaction,
    create_table_with_add_actions,
)
from pyarrow import fs

from fink_voevent.errors import StorageError
from fink_voevent.store.addresses import table_uri
from fink_voevent.store.filesystem import Store, open_store, shortened
from fink_voevent.store.open_tables import delta_options, is_table, open_table
from fink_voevent.store.table_columns import (
    declared_schema,
    missing_columns,
    refuse_other_types,
)
from fink_voevent.store.table_statistics import columns_of, read_statistics
from fink_voevent.tables.schema import (
    DESCRIPTIONS,
    PARTITIONS,
    batch_column,
    stored_schema,
    with_batch,
)

LOG_FOLDER, STAGING = "_delta_log", "staging"
LEDGER = "ledger"  # folder of the batches of an earlier version
WRITTEN = "batch-"  # first part of the names of files that a batch has written
MAX_ATTEMPTS = 10  # to add columns to a table that several stages write
CHECKPOINT_COMMITS = 50  # a reader lists at most so many commits after the last one
# Days for which earlier versions of a table can be read; fewer of those with the most
# commits, since a commit takes longer, the more of them the log has.
VERSION_DAYS, VERSION_DAYS_OF = 7, {"batches": 1, "sources": 1}
_STACK = re.compile(r"\s+0: <unknown>")  # where delta-rs adds its stack to an error
_COLOUR = re.compile(r"\x1b\[\d*m|\u21b3")  # and between causes, colours and arrows
# To look for commits that are too old takes most of the time of a commit, if there are
# thousands: `upkeep.remove_old_files` does so once an hour.
_AFTER_COMMIT = PostCommitHookProperties(cleanup_expired_logs=False)


class Written(NamedTuple):
    """Rows that a batch has written to a table.

    Parameters
    ----------
    rows : int
    paths : tuple of str
        Files, relative to the folder of the table.
    """

    rows: int
    paths: tuple[str, ...]


NOTHING = Written(0, ())


@dataclass
class Tables:
    """The tables below one root, for one thread.

    Parameters
    ----------
    root : str
        Folder of our tables: a path or a URI.
    upgrades : bool, optional
        Whether tables may be made beside those of an earlier version.
    """

    root: str
    upgrades: bool = False
    _open: dict[str, DeltaTable] = field(default_factory=dict, repr=False)
    _complete: set[str] = field(default_factory=set, repr=False)

    def table(self, name: str) -> DeltaTable:
        """Return a table in its newest version; it is made if it does not exist.

        Raises
        ------
        StorageError
            If it cannot be read, its last commit is damaged, or a column has another
            type than is declared.
        """
        with storage_errors(f"{self.root}/{name}"):
            if name not in self._open:
                self._open[name] = self._first_open(name)
            else:
                self._open[name].update_incremental()
        return self._open[name]

    def table_to_write(self, name: str) -> DeltaTable:
        """Return a table as `table` does, with all columns that are declared.

        Columns that a newer version declares are added to a table that was made before.
        Only a stage that writes the table calls this.

        Raises
        ------
        StorageError
            As of `table`; or if this version cannot write the table: see
            `table_columns.missing_columns`.
        """
        table = self.table(name)
        if name in self._complete:
            return table
        for _ in range(MAX_ATTEMPTS):
            added = missing_columns(table, name)
            if not added:
                self._complete.add(name)
                return table
            with storage_errors(f"{self.root}/{name}"):
                try:
                    table.alter.add_columns(
                        added, post_commithook_properties=_AFTER_COMMIT
                    )
                except CommitFailedError:  # another stage has committed meanwhile
                    pass
                else:
                    folder = open_store(self.root).subfolder(name)
                    sync_commit(folder, table.version())
            table = self.table(name)
        raise StorageError(
            f"columns cannot be added to the table {self.root}/{name}, because others"
            " write it at the same time: start again"
        )

    def existing(self, name: str) -> DeltaTable | None:
        """Return a table as `table` does; None if it does not exist."""
        if name not in self._open:
            with storage_errors(f"{self.root}/{name}"):
                if not is_table(self.root, name):
                    return None
        return self.table(name)

    def _first_open(self, name: str) -> DeltaTable:
        folder = open_store(self.root).subfolder(name)
        if not is_table(self.root, name):
            if not self.upgrades:
                refuse_earlier_version(self.root)
            folder.create()
            _make(self.root, name)
            sync_commit(folder, 0)
        _check_last_commit(folder)
        table = open_table(self.root, name)
        refuse_other_types(table, name)
        return table

    def has(self, name: str, stage: str, batch: int) -> bool:
        """Whether a batch of a stage, or a later one, has committed to a table."""
        return _has(self.table(name), stage, batch)

    def append(
        self,
        name: str,
        staged: Store,
        stage: str,
        batch: int,
        also: Mapping[str, int] | None = None,
    ) -> Written:
        """Commit staged Parquet files, unless the batch has committed to the table.

        Parameters
        ----------
        name : str
            Name of the table.
        staged : Store
            Folder of the files, which contain the columns of `stored_schema`. If the
            table has partitions, they are in folders ``COLUMN=VALUE``. The files are
            moved from there.
        stage : str
        batch : int
            Number of the batch, which the rows have in `batch_column`.
        also : mapping of str to int, optional
            Further application transactions of the commit.

        Returns
        -------
        Written
            What the table has of the batch.

        Raises
        ------
        StorageError
            If another process has committed the batch meanwhile, or the store refuses.
        """
        if _has(self.table_to_write(name), stage, batch):
            return self.written(name, batch)
        actions, rows = self.adopt(name, staged, f"{WRITTEN}{batch:09d}")
        if not actions:
            return NOTHING
        self._commit(name, actions, {**(also or {}), stage: batch})
        return Written(rows, tuple(action.path for action in actions))

    def adopt(
        self, name: str, staged: Store, prefix: str
    ) -> tuple[list[AddAction], int]:
        """Move staged files into the folder of a table, and describe them.

        Returns
        -------
        list of AddAction
            To be committed.
        int
            Number of rows.
        """
        folder = open_store(self.root).subfolder(name)
        actions, rows = [], 0
        for path in staged.relative_files(".parquet"):
            count, statistics = read_statistics(name, staged, path)
            if not count:
                continue
            inner = PurePosixPath(path).parent
            target = str(inner / f"{prefix}-{uuid.uuid4().hex}.parquet")
            size = staged.move(path, folder, target)
            values = dict(part.split("=", 1) for part in inner.parts)
            now_ms = time.time_ns() // 1_000_000
            actions.append(AddAction(target, size, values, now_ms, True, statistics))
            rows += count
        # or a power cut could leave only their names
        folder.sync(action.path for action in actions)
        return actions, rows

    def append_rows(self, name: str, rows: pa.Table, stage: str, batch: int) -> Written:
        """Commit rows, which lack the number of the batch: see `append`."""
        if not rows.num_rows:
            return NOTHING
        staged = open_store(staging_folder(self.root, stage))
        numbered = with_batch(rows, name, batch)
        try:
            staged.write(
                "rows.parquet",
                lambda stream: pq.write_table(numbered, stream, compression="zstd"),
            )
            return self.append(name, staged, stage, batch)
        except StorageError as error:  # the same message for the same failure
            folder = f"{self.root}/{STAGING}"
            text = str(error).replace(staged.path, folder)
            raise StorageError(text) from None
        finally:
            staged.remove()

    def _commit(
        self, name: str, actions: Sequence[AddAction], versions: Mapping[str, int]
    ) -> None:
        table = self._open[name]
        columns = table.schema()
        properties = CommitProperties(
            app_transactions=[Transaction(*item) for item in versions.items()]
        )
        with storage_errors(f"{self.root}/{name}"):
            try:
                table.create_write_transaction(
                    list(actions),
                    "append",
                    table.schema(),
                    partition_by=list(PARTITIONS.get(name, ())),
                    commit_properties=properties,
                    post_commithook_properties=_AFTER_COMMIT,
                )
            except CommitFailedError:
                stage, batch = list(versions.items())[-1]
                if self.has(name, stage, batch) or table.schema() == columns:
                    raise overtaken(stage, self.root) from None
                # only because another stage has added columns meanwhile
                return self._commit(name, actions, versions)
        sync_commit(open_store(self.root).subfolder(name), table.version())

    def written(self, name: str, batch: int) -> Written:
        """Return what a batch has committed to a table, compacted or not."""
        rows = self.rows_of(name, [batch_column(name)], batch, batch)
        return Written(rows.num_rows, tuple(self.live_files(name, batch, batch)))

    def live_files(
        self, name: str, first: int = 0, last: int | None = None
    ) -> list[str]:
        """Return the files that can have rows of some batches, sorted.

        Parameters
        ----------
        name : str
        first, last : int, optional
            Batches, both included; by default all. The files can have rows of other
            batches too.

        Returns
        -------
        list of str
            Relative to the folder of the table.
        """
        files = self.files(name)
        lowest = files[f"min.{batch_column(name)}"]
        highest = files[f"max.{batch_column(name)}"]
        inside = pc.greater_equal(highest, first)
        if last is not None:
            inside = pc.and_(inside, pc.less_equal(lowest, last))
        return sorted(files.filter(inside)["path"].to_pylist())

    def files_with(self, name: str, batches: Sequence[int]) -> list[str]:
        """Return the live files that can have rows of any of these batches, sorted."""
        column, wanted = batch_column(name), np.unique(np.asarray(batches, np.int64))
        files = self.files(name)
        lowest = files[f"min.{column}"].to_numpy(zero_copy_only=False)
        highest = files[f"max.{column}"].to_numpy(zero_copy_only=False)
        first = np.searchsorted(wanted, lowest, "left")
        has_any = first < np.searchsorted(wanted, highest, "right")
        return sorted(files.filter(pa.array(has_any))["path"].to_pylist())

    def files(self, name: str) -> pa.Table:
        """Return the live files of a table: path, size and statistics.

        Columns are ``path`` (relative to the folder of the table), ``num_records``,
        ``min.COLUMN`` and ``max.COLUMN`` of the columns with statistics (see
        `table_statistics`), and ``partition.COLUMN``.
        """
        found = pa.table(self.table(name).get_add_actions(flatten=True))
        expected = [f"partition.{column}" for column in PARTITIONS.get(name, ())]
        for column in columns_of(name):
            expected += [f"min.{column}", f"max.{column}"]
        for column in expected:  # an empty table has none of them
            if column not in found.column_names:
                kind = stored_schema(name).field(column.partition(".")[2]).type
                found = found.append_column(column, pa.nulls(found.num_rows, kind))
        return found

    def arrow(
        self,
        name: str,
        columns: Sequence[str],
        where: pc.Expression | None = None,
    ) -> pa.Table:
        """Return columns of rows of a table; no rows if the table does not exist.

        Parameters
        ----------
        name : str
        columns : sequence of str
        where : Expression, optional
            Condition on any columns. Only files and row groups are read that can have
            rows of it.
        """
        schema = stored_schema(name)
        wanted = pa.schema([schema.field(column) for column in columns])
        table = self.existing(name)
        if table is None:
            return wanted.empty_table()
        with storage_errors(f"{self.root}/{name}"):
            # With the file system of delta-rs, which is Python, a thread of Arrow may
            # still wait for Python when the program exits, and abort it.
            folder = open_store(self.root).subfolder(name)
            native = fs.SubTreeFileSystem(folder.path, folder.filesystem)
            # with the columns that are declared: those that a file lacks are null
            dataset = table.to_pyarrow_dataset(filesystem=native, schema=schema)
            return dataset.to_table(list(columns), filter=where).cast(wanted)

    def rows_of(
        self, name: str, columns: Sequence[str], first: int, last: int
    ) -> pa.Table:
        """Return columns of the rows that some batches have written.

        Parameters
        ----------
        name : str
        columns : sequence of str
        first, last : int
            Batches, both included.
        """
        number = pc.field(batch_column(name))
        return self.arrow(name, columns, (number >= first) & (number <= last))


def _has(table: DeltaTable, stage: str, batch: int) -> bool:
    version = table.transaction_version(stage)
    return version is not None and version >= batch


def overtaken(stage: str, root: str) -> StorageError:
    """Return the error of a process whose batch another one has committed."""
    return StorageError(
        f"another process runs {stage} on {root}: it continues, and this one stops"
    )


def refuse_earlier_version(root: str) -> None:
    """Raise StorageError if the tables are those of an earlier version."""
    if open_store(f"{root}/{LEDGER}/ingest").names(".json"):
        raise StorageError(
            f"{root} has the tables of an earlier version: stop its processes, then run"
            " `fink_voevent upgrade` once"
        )


def _make(root: str, name: str) -> None:
    """Make a table, unless another process does so at this moment."""
    try:
        create_table_with_add_actions(
            table_uri(root, name),
            declared_schema(name),
            [],
            mode="ignore",
            partition_by=list(PARTITIONS.get(name, ())),
            name=name,
            description=DESCRIPTIONS[name],
            configuration=_configuration(name),
            storage_options=delta_options(root),
        )
    except DeltaError:
        if not is_table(root, name):
            raise


def is_as_written(path: str) -> bool:
    """Whether a file of a table is as its batch wrote it: not compacted or sorted."""
    return PurePosixPath(path).name.startswith(WRITTEN)


def staging_folder(root: str, stage: str) -> str:
    """Return a new folder for files of a stage that are not committed yet."""
    return f"{root}/{STAGING}/{stage}-{uuid.uuid4().hex}"


def clean_staging(root: str, stage: str) -> None:
    """Remove the files that an earlier process of a stage has not committed."""
    folder = open_store(root).subfolder(STAGING)
    for name in folder.folders():
        if name.startswith(f"{stage}-"):
            folder.subfolder(name).remove()


def _configuration(name: str) -> dict[str, str]:
    columns = columns_of(name)
    interval = f"interval {VERSION_DAYS_OF.get(name, VERSION_DAYS)} days"
    return {
        "delta.checkpointInterval": str(CHECKPOINT_COMMITS),
        "delta.dataSkippingStatsColumns": ",".join(columns),
        "delta.logRetentionDuration": interval,
        "delta.deletedFileRetentionDuration": interval,
    }


def sync_commit(folder: Store, version: int) -> None:
    """Wait until a commit is on the disk, on a local store."""
    folder.sync([f"{LOG_FOLDER}/{version:020d}.json"])


def _check_last_commit(folder: Store) -> None:
    """Raise StorageError if the last commit is empty or damaged.

    A power cut can leave such a file, and delta-rs would read an empty one as a commit.
    """
    log = folder.subfolder(LOG_FOLDER)
    commits = [name for name in log.names(".json") if name[:-5].isdecimal()]
    if not commits:  # all are in a checkpoint
        return
    try:
        actions = [json.loads(line) for line in log.read(commits[-1]).splitlines()]
        is_whole = bool(actions) and all(isinstance(one, dict) for one in actions)
    except ValueError:
        is_whole = False
    if not is_whole:
        raise StorageError(
            f"{log.path}/{commits[-1]} is empty or damaged, as after a power cut: stop"
            " the stages and remove it; what it committed is done again"
        )


@contextmanager
def storage_errors(place: str) -> Iterator[None]:
    """Raise the errors of delta-rs and of stores as StorageError, in one line."""
    try:
        yield
    except (DeltaError, OSError, pa.ArrowException) as error:
        reason = " ".join(_COLOUR.sub("", _STACK.split(str(error))[0]).split())
        reason = shortened(reason)
        raise StorageError(f"cannot use the table {place}: {reason}") from None
