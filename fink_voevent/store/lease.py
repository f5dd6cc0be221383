# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""One process at a time runs a stage over one root of tables, on a local disk.

A second process does not start. On HDFS and S3, which have no locks, it does, and the
first one is refused when it commits its next batch: see `store.batches`.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fink_voevent.errors import StorageError
from fink_voevent.store.filesystem import open_store


@contextmanager
def hold(root: str, stage: str) -> Iterator[None]:
    """Take the lease of a stage, until the end of the context or of the process.

    It has an effect on a local store only.

    Raises
    ------
    StorageError
        If another process has the lease.
    """
    store = open_store(root).subfolder("leases")
    store.create()
    if not store.is_local:
        yield
        return
    with Path(store.path, f"{stage}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StorageError(
                f"another process runs {stage} on {root}: stop it, or give each"
                " survey a VOEVENT_DATA_PREFIX of its own, as Fink does"
            ) from None
        yield
