# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""One process at a time runs a stage over one root of tables."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyarrow import fs

from fink_voevent.errors import StorageError
from fink_voevent.storage import open_store


@contextmanager
def hold(root: str, stage: str) -> Iterator[None]:
    """Hold the right to run a stage; it ends with the process, however that ends.

    On a local store only: on HDFS and S3 the operator must see to it.

    Raises
    ------
    StorageError
        Where another process holds it.
    """
    store = open_store(root).at("ledger")
    store.make()
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
