# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The table trust and the copies of notices, as a batch of ingest finds them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pyarrow.parquet as pq
import pytest
from helpers.delta_tables import commit, rows_of

from fink_voevent.ingest.duplicates import copies, keep_new
from fink_voevent.ingest.trust import TrustTable, first_notices
from fink_voevent.notices import streams
from fink_voevent.notices.trust import FIRST_USE, SETTING
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store

T0 = datetime(2024, 1, 15, tzinfo=timezone.utc)
A, B = "a.example:8099", "b.example:8099"
STREAM = "ivo://honest.obs/stream"
PUBLISHERS = streams.load().publishers


def row(notice: str, source: str, minute: int) -> dict:
    return {
        "notice_id": notice,
        "ivorn": f"{STREAM}#{notice}",
        "publisher": STREAM,
        "source": source,
        "transport": "vtp",
        "received_at": T0 + timedelta(minutes=minute),
    }


@pytest.fixture
def staged(tmp_path):
    """Write rows of events to files, and return their folder."""

    def write(*files: list[dict]):
        store = open_store(str(tmp_path / "staging" / "events"))
        for number, rows in enumerate(files):
            content = rows_of("events", rows)
            store.write(
                f"{number}.parquet",
                lambda stream, content=content: pq.write_table(content, stream),
            )
        return store

    return write


def test_a_copy_is_kept_once_for_each_other_source(staged):
    store = staged([row("n", A, 3), row("n", B, 2)], [row("n", A, 1), row("m", B, 4)])
    found = copies(store, {"m"}, {("m", A)}).to_pylist()
    assert [(r["notice_id"], r["source"]) for r in found] == [("n", B), ("m", B)]
    assert sorted(keep_new(store, "events", {"m"})) == ["n"]
    again = copies(staged([row("n", B, 9)]), {"n"}, {("n", A), ("n", B)})
    assert again.num_rows == 0


def test_no_file_has_no_copies(staged):
    assert copies(staged(), (), ()).num_rows == 0
    assert first_notices(staged()) == {}


def test_the_source_of_the_notice_that_was_received_first_owns_a_publisher(
    staged, tmp_path
):
    store = staged([row("n2", B, 2)], [row("n3", A, 3), row("n1", A, 1)])
    table = TrustTable.read(Tables(str(tmp_path)), -1, PUBLISHERS, "")
    found = {r["source"]: r for r in table.rows(store).to_pylist()}
    assert (found[A]["trusted"], found[B]["trusted"]) == (True, False)
    assert (found[A]["since"], found[A]["ivorn"]) == (
        T0 + timedelta(minutes=1),
        f"{STREAM}#n1",
    )


def test_a_batch_adds_only_what_is_new_and_what_a_setting_has_changed(staged, tmp_path):
    tables, root = Tables(str(tmp_path)), str(tmp_path)
    store = staged([row("n1", A, 1), row("n2", B, 2)])
    rows = TrustTable.read(tables, -1, PUBLISHERS, "").rows(store)
    number = commit(root, "ingest", trust=rows)
    same = TrustTable.read(tables, number, PUBLISHERS, "")
    assert same.changed == []
    assert same.rows(store).num_rows == 0
    other = TrustTable.read(tables, number, PUBLISHERS, f"{B}={STREAM}")
    changed = other.rows(store).to_pylist()
    assert {(r["source"], r["trusted"], r["how"]) for r in changed} == {
        (A, False, SETTING),
        (B, True, SETTING),
    }
    assert {r["ivorn"] for r in changed} == {f"{STREAM}#n1", f"{STREAM}#n2"}
    other.committed(changed)
    assert other.changed == []
    assert other.rows(store).num_rows == 0
    assert {r["how"] for r in rows.to_pylist()} == {FIRST_USE}
