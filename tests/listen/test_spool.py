# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The spool keeps documents through crashes and failures until they are in landing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from fink_voevent.errors import StorageError
from fink_voevent.listen.landing import drain
from fink_voevent.listen.spool import Received, Spool
from fink_voevent.store.filesystem import Store, open_store

ONE = Received(b"<one/>", "file", "here")


def landed(folder: Path) -> list[bytes]:
    return ds.dataset(folder).to_table()["raw"].to_pylist()


@pytest.fixture
def spool(tmp_path):
    opened = Spool(str(tmp_path / "spool"), "there")
    yield opened
    opened.close()


@pytest.fixture
def landing(tmp_path) -> Store:
    return open_store(str(tmp_path)).subfolder("landing")


def test_documents_reach_landing_unchanged_and_leave_the_spool(
    spool, landing, tmp_path
):
    documents = [Received(bytes([i, 0, 255]), "file", "x") for i in range(100)]
    assert spool.append(documents) == 100
    assert drain(spool, landing) == 100
    assert spool.pending() == 0
    assert landed(tmp_path / "landing") == [d.raw for d in documents]


def test_a_killed_process_loses_no_document_that_was_appended(tmp_path):
    program = (
        "import os, signal, sys\n"
        "from fink_voevent.listen.spool import Received, Spool\n"
        f"s = Spool({str(tmp_path / 'spool')!r}, 'there')\n"
        "for i in range(20):\n"
        "    s.append([Received(b'%d' % i, 'file', 'x')]); print(i, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    kept = len(done.stdout.split())
    spool = Spool(str(tmp_path / "spool"), "there")
    assert (kept, spool.pending()) == (20, 20)
    spool.close()


def test_after_a_crash_before_removal_the_same_file_is_written_again(
    spool, landing, tmp_path
):
    spool.append([ONE])
    batch = spool.next_batch(10, 10**6)
    spool.append([Received(b"<two/>", "file", "here")])  # not part of the batch
    reopened = Spool(str(tmp_path / "spool"), "there")
    assert reopened.next_batch(10, 10**6) == batch
    assert drain(reopened, landing) == 2
    assert sorted(landed(tmp_path / "landing")) == [b"<one/>", b"<two/>"]
    reopened.close()


def test_documents_stay_in_the_spool_if_the_store_cannot_be_written(spool, tmp_path):
    blocked = tmp_path / "landing"
    blocked.write_text("a file where the folder should be")
    spool.append([ONE])
    with pytest.raises(StorageError, match="cannot write"):
        drain(spool, open_store(str(tmp_path)).subfolder("landing"))
    assert spool.pending() == 1
    blocked.unlink()
    assert drain(spool, open_store(str(tmp_path)).subfolder("landing")) == 1


def test_the_error_of_a_spool_that_cannot_be_written_names_the_setting(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="set VOEVENT_SPOOL"):
        Spool(str(tmp_path / "file" / "spool"), "there")


def test_many_writers_at_once_lose_no_document(tmp_path, landing):
    def write(number: int) -> None:
        spool = Spool(str(tmp_path / "spool"), "there")
        for i in range(25):
            spool.append([Received(b"%d-%d" % (number, i), "file", "x")])
            drain(spool, landing)
        spool.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    raws = landed(tmp_path / "landing")
    assert len(raws) == len(set(raws)) == 100


def test_each_destination_has_a_spool_of_its_own(tmp_path, spool):
    other = Spool(str(tmp_path / "spool"), "elsewhere")
    spool.append([ONE])
    assert (spool.pending(), other.pending()) == (1, 0)
    other.close()


def test_a_batch_is_bounded_in_bytes_and_has_at_least_one_document(spool):
    spool.append([Received(b"x" * 100, "file", "x")] * 5)
    batch = spool.next_batch(10, 250)
    assert (batch.first, batch.last) == (1, 2)
    spool.remove(batch)
    batch = spool.next_batch(10, 50)
    assert batch.first == batch.last == 3


def test_a_spool_that_was_removed_is_made_again_before_a_document_is_kept(
    spool, landing, tmp_path, caplog
):
    """SQLite would write to the removed file, and the document would be lost."""
    spool.append([ONE])
    shutil.rmtree(tmp_path / "spool")
    spool.append([Received(b"<two/>", "file", "here")])
    assert "was removed" in caplog.text
    other = Spool(str(tmp_path / "spool"), "there")
    assert drain(other, landing) == 1
    other.close()
    shutil.rmtree(tmp_path / "spool")
    assert drain(spool, landing) == 0
    assert landed(tmp_path / "landing") == [b"<two/>"]
