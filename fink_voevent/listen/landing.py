# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Move documents from the spool to landing: Parquet files on the store of Fink.

A document is removed from the spool only after its file is complete.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fink_voevent.listen.spool import Spool
from fink_voevent.store.filesystem import Store
from fink_voevent.tables.schema import arrow_schema

BATCH_DOCUMENTS = 2000
BATCH_BYTES = 64 * 2**20
# First part of the names of our files in landing: ingest removes them, and no others.
PREFIX = "notices-"


def is_ours(file: str) -> bool:
    """Whether a file of landing was written by us, by its path or URI."""
    path = PurePosixPath(file)
    return path.name.startswith(PREFIX) and path.parent.name == "landing"


def landing_table(rows: list[tuple[Any, ...]]) -> pa.Table:
    """Return rows of the spool as a table ``landing``; times are us since 1970."""
    schema = arrow_schema("landing")
    columns = zip(schema, zip(*rows, strict=True), strict=True)
    return pa.table([_array(values, f.type) for f, values in columns], schema=schema)


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Return an Arrow array of times (us since 1970), texts or bytes, without nulls.

    It is made from buffers, because `pyarrow.array` loads pandas, which takes longer
    than everything else that ``fink_voevent land`` does for a notice.
    """
    if pa.types.is_timestamp(kind):
        buffers: list[Any] = [array("q", values)]
    else:
        parts = [v.encode() if isinstance(v, str) else v for v in values]
        buffers = [array("i", accumulate(map(len, parts), initial=0)), b"".join(parts)]
    return pa.Array.from_buffers(
        kind, len(values), [None, *(pa.py_buffer(b) for b in buffers)]
    )


def drain(spool: Spool, landing: Store) -> int:
    """Move all documents of a spool to landing.

    Parameters
    ----------
    spool : Spool
    landing : Store
        The folder ``landing``.

    Returns
    -------
    int
        Number of documents.

    Raises
    ------
    StorageError
        If the store cannot be written; the documents stay in the spool.
    """
    count = 0
    with spool.draining():
        while (batch := spool.next_batch(BATCH_DOCUMENTS, BATCH_BYTES)) is not None:
            rows = list(spool.documents(batch))
            if rows:
                content = landing_table(rows)
                landing.write(
                    f"{PREFIX}{batch.name}.parquet",
                    lambda stream, content=content: pq.write_table(  # type: ignore[misc]
                        content, stream, compression="zstd"
                    ),
                )
            spool.remove(batch)
            count += len(rows)
    return count
