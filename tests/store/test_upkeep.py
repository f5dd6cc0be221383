# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Compacted files: readers of a few rows need not read all of them."""

from __future__ import annotations

import pyarrow.parquet as pq
from helpers.delta_tables import commit

from fink_voevent.store import upkeep
from fink_voevent.store.delta import Tables


def test_a_compacted_file_has_small_groups_of_rows(tmp_path, monkeypatch):
    monkeypatch.setattr(upkeep, "MAX_SMALL_FILES", 2)
    monkeypatch.setattr(upkeep, "GROUP_ROWS", 10)
    root = str(tmp_path / "voevent")
    for start in (0, 15):
        rows = [{"event_id": f"e{start + n:02d}"} for n in range(15)]
        commit(root, "ingest", events=rows)
    tables = Tables(root)
    upkeep.compact_if_due(tables, "events")
    (name,) = tables.live_files("events")
    footer = pq.ParquetFile(f"{root}/events/{name}").metadata
    groups = [footer.row_group(n) for n in range(footer.num_row_groups)]
    assert [group.num_rows for group in groups] == [10, 10, 10]
    assert groups[0].column(0).compression == "ZSTD"
