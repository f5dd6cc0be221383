# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The small data files of many batches, merged for readers of all of them.

A batch leaves a file of a few rows, and each batch reads all notices: to open all
these files would take longer every day. So each `FAN` files are merged into one, each
`FAN` of these again, and so on: about `FAN` log n files are read instead of n. The
small files stay in place, as they were committed, for readers of some of them.
"""

from __future__ import annotations

import functools
import logging
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from fink_voevent.errors import StorageError
from fink_voevent.store import alert_files
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.ledger import Ledger, Manifest, parse
from fink_voevent.tables.schema import NAMESPACE, arrow_schema

_LOG = logging.getLogger(__name__)
STAGE = "merge"
FAN = 16
ROWS, GROUP_BYTES = 64, 2**25  # read and written at once: rows with sky maps are long
FOLDER = "merged"  # below the root, so that the folder of a table has each row once
TABLES = {
    "ingest": ("events", "maps", "quarantine"),
    "match": ("coincidences", "alerts"),
    "route": ("routed",),
}
EVERY_S = 60.0


class Merge(NamedTuple):
    """Files that were merged, the merged file, and how often its rows were merged."""

    number: int
    replaces: frozenset[str]
    file: str
    level: int


def fewest_files(root: str, table: str, files: Iterable[str]) -> list[str]:
    """Return the fewest files with the same rows, sorted.

    Parameters
    ----------
    root : str
        Folder of our tables.
    table : str
        Name of the table.
    files : iterable of str
        Files that were committed, relative to the root.
    """
    left, _ = _applied(_merges(root, table), files)
    return sorted(left)


def merge(root: str, table: str, files: Sequence[str]) -> bool:
    """Merge `FAN` files of a table into one; return False if there are fewer.

    Only one process at a time may merge the files of a table.

    Parameters
    ----------
    root, table : str
        See `fewest_files`.
    files : sequence of str
        All that were committed: see `fewest_files`.

    Raises
    ------
    StorageError, OSError, pyarrow.ArrowException
        If the files cannot be read or the merged file cannot be written. Nothing is
        lost: readers continue to read the small files.
    """
    merges = _merges(root, table)
    left, used = _applied(merges, files)
    level_of = {m.file: m.level for m in used}
    by_level: dict[int, list[str]] = {}
    for file in sorted(left):
        by_level.setdefault(level_of.get(file, 0), []).append(file)
    due = [level for level, files in by_level.items() if len(files) >= FAN]
    if not due:
        return False
    level = min(due)
    chosen = by_level[level][:FAN]
    original = {m.file: m.replaces for m in used}
    replaces = sorted(f for name in chosen for f in original.get(name, {name}))
    number = 1 + max((m.number for m in merges), default=-1)
    file = f"{FOLDER}/{table}/{_name_of(replaces)}.parquet"
    _write_one(root, table, chosen, file)
    facts = {"replaces": replaces, "level": level + 1}
    Ledger(root, STAGE).commit(Manifest(STAGE, table, number, {table: (file,)}, facts))
    _LOG.debug("merged %d files of %s", len(replaces), table)
    return True


def _name_of(replaces: Sequence[str]) -> str:
    """Name of the merged file, which depends on the files that it replaces only."""
    return str(uuid.uuid5(NAMESPACE, " ".join(("merge", *replaces))))


@dataclass
class Housekeeping:
    """Merges the files that stages of this process commit, every `EVERY_S` seconds.

    Parameters
    ----------
    ledgers : sequence of Ledger
        Ledgers of these stages.
    """

    ledgers: Sequence[Ledger]
    _due_s: float = 0.0
    _compacted: dict[str, Ledger] = field(default_factory=dict)  # by root

    def turn(self, now_s: float, halted: Callable[[], bool]) -> None:
        """Merge all that is due, if it is time; `halted` is checked in between."""
        if now_s < self._due_s:
            return
        self._due_s = now_s + EVERY_S
        for own in self.ledgers:
            nights = Ledger(own.root, alert_files.STAGE)
            compacted = self._compacted.setdefault(own.root, nights)
            for table in TABLES[own.stage]:
                _merge_all(own, compacted, table, halted)


def _merge_all(
    own: Ledger, compacted: Ledger, table: str, halted: Callable[[], bool]
) -> None:
    """Merge what is due of a table; after a failure, a later turn tries again."""
    try:
        manifests = own.manifests()
        if table == "alerts":
            manifests = _not_compacted(compacted, manifests)
        files = [f for m in manifests for f in m.tables.get(table, ())]
        while merge(own.root, table, files) and not halted():
            pass
    except (StorageError, OSError, pa.ArrowException) as error:
        _LOG.warning(
            "small files of %s were not merged, and are read one by one: %s",
            *(table, error),
        )


def _not_compacted(compacted: Ledger, matched: Iterable[Manifest]) -> list[Manifest]:
    """Manifests of match whose alerts are not part of a compacted night."""
    replaced = {name for m in compacted.manifests() for name in m.facts["replaces"]}
    return [m for m in matched if m.name not in replaced]


def forget(root: str, table: str, files: Collection[str]) -> None:
    """Remove the merged files of data files that are removed."""
    own, store = Ledger(root, STAGE), open_store(root)
    for one in _merges(root, table):
        if not one.replaces.isdisjoint(files):
            own.withdraw(table, one.number)  # first: then nobody reads the file
            folder, _, name = one.file.rpartition("/")
            store.subfolder(*folder.split("/")).delete(name)


def _applied(
    merges: Iterable[Merge], files: Iterable[str]
) -> tuple[set[str], list[Merge]]:
    """Files to read, and the merges that are used: the largest that fit."""
    left, merged, used = set(files), set[str](), []
    for one in sorted(merges, key=lambda m: -m.level):
        if one.replaces <= left:
            left -= one.replaces
            merged.add(one.file)
            used.append(one)
    return left | merged, used


def _merges(root: str, table: str) -> list[Merge]:
    folder = Ledger(root, STAGE).folder
    infos = open_store(folder).files(".json")
    names = [(info.base_name, info.mtime_ns) for info in infos]
    found = [_read_if_exists(folder, *n) for n in names if n[0].startswith(f"{table}-")]
    return [one for one in found if one is not None]


def _read_if_exists(folder: str, name: str, written_ns: int) -> Merge | None:
    """Merge of a name that was listed; None if it was removed since."""
    try:
        return _read(folder, name, written_ns)
    except FileNotFoundError:
        return None


@functools.cache
def _read(folder: str, name: str, _written_ns: int) -> Merge:
    """Merge of a manifest, which never changes."""
    raw = open_store(folder).read(name)
    try:
        manifest = parse(raw)
        (file,) = manifest.tables[manifest.run]
        replaces = frozenset(manifest.facts["replaces"])
        return Merge(manifest.batch, replaces, file, int(manifest.facts["level"]))
    except (StorageError, KeyError, TypeError, ValueError) as error:
        raise StorageError(
            f"{folder}/{name} is damaged: {error}: stop the stages and remove it; its"
            " files are merged again"
        ) from None


def _write_one(root: str, table: str, files: Sequence[str], target: str) -> None:
    store = open_store(root)
    paths = [store.subfolder(*file.split("/")).path for file in files]
    # columns that are declared never null must not be refused here
    schema = pa.schema([f.with_nullable(True) for f in arrow_schema(table)])
    rows = ds.dataset(paths, schema, "parquet", filesystem=store.filesystem)
    folder, _, name = target.rpartition("/")

    def fill(stream: pa.NativeFile) -> None:
        with pq.ParquetWriter(stream, rows.schema) as writer:
            for group in _groups(rows.to_batches(batch_size=ROWS, batch_readahead=1)):
                writer.write_table(pa.Table.from_batches(group))

    store.subfolder(*folder.split("/")).write(name, fill)


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Batches of a few rows, joined into row groups of some size."""
    group: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        group.append(batch)
        size += batch.nbytes
        if size > GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
