# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Commit by manifest: the data files of a batch count once its manifest is in place.

A batch writes its data files, then one small file that names them, by an atomic rename.
Readers list manifests, never data folders; the replay of a batch that has a manifest is
skipped. So a stage can be killed at any moment: nothing is lost, nothing counts twice.

A manifest is one line of JSON, so that Spark's text source streams manifests as rows.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from fink_voevent.errors import StorageError
from fink_voevent.store.filesystem import Store, open_store

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SUFFIX = ".json"
WHAT_TO_DO = (
    "restore it from a copy, or remove it and the checkpoint of its stage:"
    " docs/operate.md"
)


@dataclass(frozen=True)
class Manifest:
    """Data files and facts that one batch of a stage commits.

    Parameters
    ----------
    stage, run : str
        The stage, and the name of its run: see `run_name`.
    batch : int
        Spark's number of the batch, from 0.
    tables : mapping of str to tuple of str
        Data files of each table, relative to the root.
    facts : mapping
        Counts and anything else that later batches or readers need.
    """

    stage: str
    run: str
    batch: int
    tables: Mapping[str, tuple[str, ...]]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the file; within a run, names sort by batch."""
        return f"{self.run}-{self.batch:08d}{SUFFIX}"

    def line(self) -> str:
        """Return one line of JSON, the same for the same manifest."""
        content = {
            "stage": self.stage,
            "run": self.run,
            "batch": self.batch,
            "tables": {k: list(v) for k, v in self.tables.items()},
            "facts": dict(self.facts),
        }
        return json.dumps(content, sort_keys=True, separators=(",", ":"))


def parse(line: str | bytes) -> Manifest:
    """Return the manifest of a line of JSON.

    Raises
    ------
    StorageError
        If the line is not a manifest: not JSON, or without one of its fields.
    """
    try:
        content = json.loads(line)
        tables = {k: tuple(v) for k, v in content["tables"].items()}
        stage, run, batch = content["stage"], content["run"], int(content["batch"])
        facts = dict(content["facts"])
    except KeyError as error:
        raise StorageError(f"a manifest has no field {error}") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise StorageError(f"not a manifest: {error}") from None
    return Manifest(stage, run, batch, tables, facts)


class Written(NamedTuple):
    """Files of a batch that contain rows, relative to the root, and their rows."""

    files: tuple[str, ...]
    rows: int


NOTHING = Written((), 0)


def never(_name: str) -> bool:
    """Return False: no manifest is done."""
    return False


@dataclass(frozen=True)
class Ledger:
    """Manifests of one stage under the root of our tables.

    Manifests never change, so each is read once and cached.
    """

    root: str
    stage: str
    _read: dict[str, Manifest] = field(default_factory=dict, compare=False, repr=False)

    @property
    def folder(self) -> str:
        """Folder of the manifests, as Spark names it."""
        return f"{self.root}/ledger/{self.stage}"

    @property
    def _store(self) -> Store:
        return open_store(self.folder)

    def prepare(self) -> None:
        """Make the folder, so that a stream can read it before the first batch.

        Raises
        ------
        StorageError
            If a manifest is empty: a stream would pass over it without a word.
        """
        self._store.create()
        for info in self._store.files(SUFFIX):
            if info.size == 0:
                raise StorageError(f"{info.path} is empty: {WHAT_TO_DO}")

    def manifests(self, is_done: Callable[[str], bool] = never) -> list[Manifest]:
        """Return all manifests whose name is not done, by run and batch.

        Raises
        ------
        StorageError
            If a file is not a manifest. It is not passed over, because the rows that
            it commits would be lost.
        """
        names = [name for name in self._store.names(SUFFIX) if not is_done(name)]
        return [self.manifest(name) for name in names]

    def manifest(self, name: str) -> Manifest:
        """Return the manifest in a file of this ledger.

        Raises
        ------
        StorageError
            If the file is not a manifest; the message names it.
        """
        if name not in self._read:
            try:
                self._read[name] = parse(self._store.read(name))
            except StorageError as error:
                path = f"{self._store.path}/{name}"
                raise StorageError(f"{path}: {error}: {WHAT_TO_DO}") from None
        return self._read[name]

    def of_lines(self, lines: Iterable[str]) -> list[Manifest]:
        """Return the manifests of lines that a stream has read from this ledger.

        Raises
        ------
        StorageError
            If a line is not a manifest; the message names the file.
        """
        try:
            return [parse(line) for line in lines]
        except StorageError:
            self.manifests()  # its error names the file
            raise

    def names(self) -> list[str]:
        """Return the names of all manifests, by run and batch; none is read."""
        return self._store.names(SUFFIX)

    def newest(self) -> Manifest | None:
        """Return the manifest that was written last; None if there is none."""
        infos = self._store.files(SUFFIX)
        if not infos:
            return None
        name = PurePosixPath(max(infos, key=lambda info: info.mtime_ns).path).name
        return self.manifest(name)

    def has(self, run: str, batch: int) -> bool:
        """Whether a batch was committed."""
        return self._store.exists(Manifest(self.stage, run, batch, {}).name)

    def commit(self, manifest: Manifest) -> None:
        """Commit a batch: atomic, and the last step of a batch."""
        files = [f for names in manifest.tables.values() for f in names]
        open_store(self.root).sync(files)  # or a power cut could leave only their names
        text = manifest.line().encode() + b"\n"
        self._store.write(manifest.name, lambda stream: stream.write(text))

    def withdraw(self, run: str, batch: int) -> None:
        """Remove a manifest; its data files are left to the caller."""
        self._store.delete(Manifest(self.stage, run, batch, {}).name)

    def data_folder(self, table: str, run: str, batch: int) -> str:
        """Return the folder for the data files of a batch; a replay overwrites it."""
        return f"{self.root}/{table}/run={run}/batch={batch:08d}"

    def write(self, df: DataFrame, table: str, run: str, batch: int) -> Written:
        """Write a DataFrame as the data files of a batch, without a commit."""
        folder = self.data_folder(table, run, batch)
        df.write.mode("overwrite").parquet(folder)
        return self._written(table, run, batch)

    def adopt(self, staged: Store, table: str, run: str, batch: int) -> Written:
        """Move staged files to the data files of a batch, without a commit."""
        target = open_store(self.data_folder(table, run, batch))
        target.remove()
        for name in staged.names(".parquet"):
            staged.move(name, target)
        return self._written(table, run, batch)

    def _written(self, table: str, run: str, batch: int) -> Written:
        prefix = PurePosixPath(table, f"run={run}", f"batch={batch:08d}")
        store = open_store(self.data_folder(table, run, batch))
        rows = {name: store.row_count(name) for name in store.names(".parquet")}
        files = tuple(str(prefix / name) for name, count in rows.items() if count)
        return Written(files, sum(rows.values()))


def run_name(checkpoint: str) -> str:
    """Return the name of a run: made together with its checkpoint, and lost with it."""
    store = open_store(checkpoint)
    if store.exists("run"):
        return store.read("run").decode()
    run = uuid.uuid4().hex
    store.write("run", lambda stream: stream.write(run.encode()))
    return run
