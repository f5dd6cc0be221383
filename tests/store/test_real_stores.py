# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Files and tables on a real HDFS and a real S3 gateway, without Java on our side."""

from __future__ import annotations

import json
import logging
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.delta_tables import rows_of
from helpers.hdfs import Hdfs, write_properties
from helpers.s3_gateway import BUCKET, OLD_MODULE, S3Gateway

from fink_voevent.config.settings import Settings
from fink_voevent.errors import StorageError
from fink_voevent.ops import doctor
from fink_voevent.store.batches import BatchLog, Input
from fink_voevent.store.delta import Tables
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.one_commit import refuse_double_commits

_LOG = logging.getLogger(__name__)
pytestmark = pytest.mark.xdist_group("real-stores")  # one HDFS for all
# For the three commits of a batch, which are six files. A client of HDFS waits half a
# second if the DataNode has not yet reported the block when it closes a file.
BATCH_LIMIT_S = 6.0


@dataclass(frozen=True)
class Place:
    """Root of tables on a running store."""

    root: str
    options: str


@pytest.fixture(scope="module")
def hdfs(tmp_path_factory) -> Iterator[Place]:
    made = Hdfs(tmp_path_factory.mktemp("hdfs"))
    yield Place(f"{made.address}///user/fink/voevent", "")
    made.stop()


@pytest.fixture(scope="module")
def s3(tmp_path_factory) -> Iterator[Place]:
    made = S3Gateway(tmp_path_factory.mktemp("s3"))
    yield Place(f"s3a://{BUCKET}/online/voevent", made.options)
    made.stop()


@pytest.fixture(params=["hdfs", pytest.param("s3", marks=pytest.mark.cluster)])
def root(request, monkeypatch) -> str:
    place = request.getfixturevalue(request.param)
    monkeypatch.setenv("VOEVENT_STORE_OPTIONS", place.options)
    monkeypatch.setenv("HADOOP_USER_NAME", "fink")
    return place.root


def test_a_file_is_replaced_moved_listed_and_removed(root):
    store = open_store(f"{root}/files")
    store.write("x.json", lambda stream: stream.write(b"1"))
    store.write("x.json", lambda stream: stream.write(b"22"))
    assert store.read("x.json") == b"22"
    assert store.names(".json") == ["x.json"]
    assert store.move("x.json", store.subfolder("b"), "k=1/y.json") == 2
    assert store.relative_files(".json") == ["b/k=1/y.json"]
    assert store.subfolder("b").folders() == ["k=1"]
    assert store.subfolder("none").names(".json") == []
    assert store.without_content(["none"]) == {"none": "it does not exist"}
    store.subfolder("b").delete("k=1/y.json")
    store.subfolder("b").delete("k=1/y.json")
    store.remove()
    assert not open_store(root).exists("files/b")


@pytest.mark.cluster
def test_a_large_parquet_file_is_read_in_parts(root):
    store = open_store(f"{root}/large")
    rows = pa.table({"n": range(3_000_000)})
    store.write(
        "n.parquet",
        lambda stream: pq.write_table(
            rows, stream, compression="none", use_dictionary=False
        ),
    )
    assert store.footer("n.parquet").num_rows == rows.num_rows
    assert store.read_table("n.parquet", ["n"]).equals(rows)


def add_event(tables: Tables, batch: int) -> int:
    row = {"event_id": str(batch), "notice_id": str(batch)}
    rows = rows_of("events", [row])
    return tables.append_rows("events", rows, "ingest", batch).rows


def test_of_two_processes_one_commits_and_the_other_stops_in_one_line(root):
    refuse_double_commits(root)
    first, second = (BatchLog(Tables(root), "ingest") for _ in range(2))
    planned = Input(files=("a",), until={})
    assert first.plan(planned).number == 0
    second.tables.table("batches")
    batch = first.planned(0)
    first.finish(batch, {})
    with pytest.raises(StorageError, match="another process runs ingest") as stopped:
        second.finish(batch, {})
    assert "\n" not in str(stopped.value)
    assert BatchLog(Tables(root), "ingest").last_done() == 0
    assert open_store(f"{root}/staging").folders() == []


@pytest.mark.cluster
def test_the_commits_of_a_batch_take_seconds_at_most(root):
    took_s = []
    tables = Tables(f"{root}/timed")
    log = BatchLog(tables, "ingest")
    for number in range(5):
        start_s = time.monotonic()
        batch = log.plan(Input(files=(str(number),), until={}))
        add_event(tables, number)
        log.finish(batch, {})
        took_s.append(time.monotonic() - start_s)
    found = tables.rows_of("events", ["event_id"], 1, 3)["event_id"].to_pylist()
    assert sorted(found) == ["1", "2", "3"]
    _LOG.info("commits of a batch (s): %s", [round(one, 2) for one in took_s])
    assert statistics.median(took_s) < BATCH_LIMIT_S, took_s


@pytest.mark.cluster
def test_the_doctor_writes_to_the_store_and_shows_no_login(root):
    settings = Settings(data_prefix=root.removesuffix("/voevent"))
    found = {one.name: one for one in doctor.checks(settings, {})}["data prefix"]
    assert found.level == doctor.OK, found.text
    assert S3Gateway.secret not in found.text


@pytest.mark.cluster
def test_a_program_that_has_read_tables_ends_without_an_error(root):
    """A thread of Arrow that waits for Python while the program ends would abort it."""
    add_event(Tables(f"{root}/read"), 0)
    text = (
        "import sys; from fink_voevent.store.delta import Tables;"
        "print(Tables(sys.argv[1]).rows_of('events', ['event_id'], 0, 9).num_rows)"
    )
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", text, f"{root}/read"],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


@pytest.mark.cluster
def test_a_gateway_without_conditional_writes_is_refused(tmp_path, monkeypatch):
    gateway = S3Gateway(tmp_path, OLD_MODULE)
    try:
        monkeypatch.setenv("VOEVENT_STORE_OPTIONS", gateway.options)
        with pytest.raises(StorageError, match="lets the same name be created twice"):
            refuse_double_commits(f"s3a://{BUCKET}/voevent")
    finally:
        gateway.stop()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("hdfs://127.0.0.1:1/x", "answers 'Connection refused"),
        ("hdfs://no-such-nameservice/x", "a nameservice needs HADOOP_CONF_DIR"),
    ],
)
def test_an_hdfs_that_cannot_be_reached_is_one_sentence(address, message):
    with pytest.raises(StorageError, match=message) as refused:
        open_store(address).create()
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_nameservice_is_found_by_the_options(hdfs, monkeypatch):
    monkeypatch.setenv("HADOOP_USER_NAME", "fink")
    options = {
        "dfs.nameservices": "fink",
        "dfs.ha.namenodes.fink": "a",
        "dfs.namenode.rpc-address.fink.a": hdfs.root.split("/")[2],
    }
    monkeypatch.setenv("VOEVENT_STORE_OPTIONS", json.dumps(options))
    store = open_store("hdfs://fink/user/fink/ha")
    store.write("x", lambda stream: stream.write(b"1"))
    assert open_store(hdfs.root.replace("voevent", "ha")).read("x") == b"1"


def test_a_nameservice_is_found_by_the_files_of_hadoop(hdfs, tmp_path, monkeypatch):
    values = {
        "dfs.nameservices": "other",
        "dfs.ha.namenodes.other": "a",
        "dfs.namenode.rpc-address.other.a": hdfs.root.split("/")[2],
    }
    write_properties(tmp_path / "hdfs-site.xml", values)
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path))
    monkeypatch.setenv("HADOOP_USER_NAME", "fink")
    assert add_event(Tables("hdfs://other/user/fink/by-file"), 0) == 1


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("wrong", "root"),
    [
        ("open-sesame", "s3a://fink/x"),
        ("127.0.0.1", "s3a://fink/x"),
        ("", "s3a://no/x"),
    ],
)
def test_an_s3_that_cannot_be_used_is_one_sentence(s3, monkeypatch, wrong, root):
    options = s3.options.replace(wrong, "127.0.0.9") if wrong else s3.options
    monkeypatch.setenv("VOEVENT_STORE_OPTIONS", options)
    with pytest.raises(StorageError, match="check the bucket") as refused:
        refuse_double_commits(root)
    assert "\n" not in str(refused.value)
    assert S3Gateway.secret not in str(refused.value)
