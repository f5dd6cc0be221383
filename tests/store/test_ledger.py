# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fink_voevent.errors import StorageError
from fink_voevent.spark import dataframes
from fink_voevent.store import ledger
from fink_voevent.store.ledger import Ledger, Manifest, run_name


@given(
    st.integers(0, 10**7),
    st.dictionaries(st.text(min_size=1), st.lists(st.text()).map(tuple)),
    st.dictionaries(st.text(), st.integers()),
)
def test_a_manifest_is_one_line_and_reads_back(batch, tables, facts):
    manifest = Manifest("match", "run", batch, tables, facts)
    line = manifest.line()
    assert len(line.encode().splitlines()) == 1
    assert ledger.parse(line) == manifest


def test_only_committed_batches_are_listed(tmp_path):
    own = Ledger(str(tmp_path), "match")
    assert own.manifests() == []
    own.commit(Manifest("match", "a", 0, {}))
    own.commit(Manifest("match", "a", 1, {}))
    own.commit(Manifest("match", "b", 0, {}))
    assert own.has("a", 1)
    assert not own.has("b", 1)
    assert len(own.manifests()) == 3


def test_rows_are_read_only_after_their_commit(spark, tmp_path):
    own = Ledger(str(tmp_path), "ingest")
    rows = spark.createDataFrame([("x", b"1")], "reason string, raw binary")
    written = own.write(rows, "quarantine", "run", 0)
    assert written.rows == 1
    assert (
        dataframes.read(spark, str(tmp_path), "quarantine", own.manifests()).count()
        == 0
    )
    own.commit(Manifest("ingest", "run", 0, {"quarantine": written.files}))
    read = dataframes.read(spark, str(tmp_path), "quarantine", own.manifests())
    assert [r.reason for r in read.collect()] == ["x"]


def test_a_replay_overwrites_what_was_not_committed(spark, tmp_path):
    own = Ledger(str(tmp_path), "ingest")
    rows = spark.range(10).selectExpr("string(id) reason", "binary('') raw")
    own.write(rows.repartition(4), "quarantine", "run", 0)
    written = own.write(rows.limit(1), "quarantine", "run", 0)
    own.commit(Manifest("ingest", "run", 0, {"quarantine": written.files}))
    read = dataframes.read(spark, str(tmp_path), "quarantine", own.manifests())
    assert read.count() == 1


def test_the_name_of_a_run_is_kept_with_its_checkpoint(tmp_path):
    first = run_name(str(tmp_path / "checkpoint"))
    assert run_name(str(tmp_path / "checkpoint")) == first
    assert run_name(str(tmp_path / "other")) != first


@pytest.mark.parametrize("table", ["events", "alerts", "coincidences"])
def test_a_table_without_rows_has_its_schema(spark, tmp_path, table):
    assert dataframes.read(spark, str(tmp_path), table, []).columns


@pytest.mark.parametrize(
    "content",
    [b"", b'{"stage":"match","ru', b"[]", b'{"tables": {}}', b"\xff"],
    ids=str,
)
def test_a_torn_manifest_stops_its_readers_with_its_name(tmp_path, content):
    own = Ledger(str(tmp_path), "match")
    own.commit(Manifest("match", "a", 0, {}))
    torn = tmp_path / "ledger" / "match" / "a-00000001.json"
    torn.write_bytes(content)
    os.utime(torn, (2e9, 2e9))  # the newest
    for read in (own.manifests, own.newest):
        with pytest.raises(StorageError, match="a-00000001.json: ") as raised:
            read()
        assert len(str(raised.value).splitlines()) == 1
    with pytest.raises(StorageError, match="a-00000001.json: "):
        own.of_lines(content.decode(errors="replace").splitlines() or [""])
    assert own.manifest("a-00000000.json").batch == 0


def test_an_empty_manifest_is_found_before_a_stream_starts(tmp_path):
    own = Ledger(str(tmp_path), "match")
    own.prepare()
    (tmp_path / "ledger" / "match" / "a-00000001.json").write_bytes(b"")
    with pytest.raises(StorageError, match="a-00000001.json is empty"):
        own.prepare()
