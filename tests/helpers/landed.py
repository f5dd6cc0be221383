# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents as rows of the table landing."""

from __future__ import annotations

from datetime import datetime, timezone

import pyarrow as pa

from fink_voevent.listen.spool import sha256
from fink_voevent.notices.formats import detect_format
from fink_voevent.tables.schema import arrow_schema

NOW = datetime(2024, 1, 15, 3, tzinfo=timezone.utc)


def landed(*raws: bytes) -> pa.RecordBatch:
    """Return documents that were received over VTP."""
    rows = [
        {
            "received_at": NOW,
            "transport": "vtp",
            "source": "localhost:8099",
            "format": detect_format(raw),
            "sha256": sha256(raw),
            "raw": raw,
        }
        for raw in raws
    ]
    return pa.RecordBatch.from_pylist(rows, schema=arrow_schema("landing"))
