# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Spool to landing: raw documents as Parquet, whole files, on the store of Fink.

A document leaves the spool only after its file is in place.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fink_voevent.listen.spool import Spool
from fink_voevent.store.filesystem import Store
from fink_voevent.tables.schema import arrow_schema

BATCH_DOCUMENTS = 2000
BATCH_BYTES = 64 * 2**20


def landing_table(rows: list[tuple[Any, ...]]) -> pa.Table:
    """Landing table of the spool's rows."""
    schema = arrow_schema("landing")
    columns = zip(schema, zip(*rows, strict=True), strict=True)
    return pa.table([pa.array(v, field.type) for field, v in columns], schema=schema)


def drain(spool: Spool, landing: Store) -> int:
    """Land all that the spool holds and return how many documents that were.

    Parameters
    ----------
    spool : Spool
    landing : Store
        The folder ``landing``; files go to ``date=YYYY-MM-DD`` of their first receipt.

    Raises
    ------
    StorageError
        Where the store cannot be written; the documents stay in the spool.
    """
    count = 0
    with spool.draining():
        while (batch := spool.next_batch(BATCH_DOCUMENTS, BATCH_BYTES)) is not None:
            rows = list(spool.documents(batch))
            if rows:
                first = datetime.fromtimestamp(rows[0][0] / 1e6, timezone.utc)
                content = landing_table(rows)
                landing.subfolder(f"date={first:%Y-%m-%d}").write(
                    f"{batch.name}.parquet",
                    lambda stream, content=content: pq.write_table(  # type: ignore[misc]
                        content, stream, compression="zstd"
                    ),
                )
            spool.landed(batch)
            count += len(rows)
    return count
