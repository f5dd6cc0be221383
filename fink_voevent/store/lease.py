# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""One process at a time runs a stage over one root of tables.

A lease prevents the second one from starting, on a store with locks. HDFS and S3 have
none: there a fence stops the first one.
"""

from __future__ import annotations

import fcntl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs

from fink_voevent.errors import StorageError
from fink_voevent.store.filesystem import Store, open_store

MARK = ".fence"


@contextmanager
def hold(root: str, stage: str) -> Iterator[None]:
    """Take the lease of a stage, until the end of the context or of the process.

    It has an effect on a local store only: HDFS and S3 need a `Fence`.

    Raises
    ------
    StorageError
        If another process has the lease.
    """
    store = open_store(root).subfolder("ledger")
    store.create()
    if not isinstance(store.filesystem, fs.LocalFileSystem):
        yield
        return
    with Path(store.path, f"lease-{stage}").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError(
                f"another process runs {stage} on {root}: stop it, or give each"
                " survey a VOEVENT_DATA_PREFIX of its own, as Fink does"
            ) from None
        yield


@dataclass(frozen=True)
class Fence:
    """Number of a start of a stage: only the process that started last commits.

    Parameters
    ----------
    store : Store
        Folder of the numbers, which are names of files.
    name : str
        Name of the number of this start; names sort by number.
    """

    store: Store
    name: str

    @classmethod
    def take(cls, root: str, stage: str) -> Fence:
        """Take the next number of a stage, and remove the earlier ones."""
        store = open_store(root).subfolder("fences", stage)
        taken = store.names(MARK)
        number = 1 + max((int(name.partition("-")[0]) for name in taken), default=0)
        # two that start at once take the same number, but one name sorts last
        own = cls(store, f"{number:08d}-{uuid.uuid4().hex}{MARK}")
        store.write(own.name, lambda _: None)
        for name in taken:
            store.delete(name)
        return own

    def check(self) -> None:
        """Raise StorageError if the stage was started again since."""
        if self.store.names(MARK)[-1:] != [self.name]:
            raise StorageError(
                f"another process was started on {self.store.path}: it continues, and"
                " this one stops"
            )
