# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Rows of all notices in memory, to which a batch adds a few."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa


class NoticeRows:
    """Rows that are numbered in the order in which they are added.

    Parameters
    ----------
    schema : pyarrow.Schema
        Names and types of the columns.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._parts: list[pa.Table] = []

    def __len__(self) -> int:
        """Count the rows."""
        return sum(len(part) for part in self._parts)

    def append(self, rows: pa.Table) -> None:
        """Add rows, which have the columns of the schema and maybe others.

        Parts double in size, so that a row is copied few times, and parts are few.
        """
        parts = self._parts
        if len(rows):
            parts.append(rows.select(self._schema.names).cast(self._schema))
        while len(parts) > 1 and len(parts[-1]) >= len(parts[-2]):
            last = [parts.pop(), parts.pop()]
            parts.append(pa.concat_tables(last[::-1]).combine_chunks())

    def take(self, numbers: Sequence[int]) -> pa.Table:
        """Rows with these numbers, in this order."""
        wanted = np.asarray(numbers, np.int64)
        rank = np.argsort(wanted, kind="stable")
        ends = np.cumsum([len(part) for part in self._parts], dtype=np.int64)
        splits = np.searchsorted(wanted[rank], ends[:-1])
        found = [self._schema.empty_table()]
        groups = np.split(wanted[rank], splits)
        for part, end, group in zip(self._parts, ends, groups, strict=False):
            if len(group):
                found.append(part.take(pa.array(group - (end - len(part)))))
        back = np.empty_like(rank)
        back[rank] = np.arange(len(rank))
        return pa.concat_tables(found).take(pa.array(back))
