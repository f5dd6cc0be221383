# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents are read from files with any name and any content."""

from __future__ import annotations

import io
import os
import tarfile
from datetime import datetime, timezone

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.hostile import HONEST

from fink_voevent.errors import InputError
from fink_voevent.listen import landing
from fink_voevent.listen.files import documents
from fink_voevent.listen.spool import Received, Spool
from fink_voevent.store.filesystem import open_store

ODD = os.fsdecode(b"\xff\xfe.xml")


def landed_sources(tmp_path, found) -> list[str]:
    """Return the sources of documents after they have been through a spool."""
    root = str(tmp_path / "data")
    spool = Spool(str(tmp_path / "spool"), root)
    spool.append([Received(one.raw, "file", one.name) for one in found])
    landing.drain(spool, open_store(root))
    spool.close()
    files = (tmp_path / "data").glob("*.parquet")
    return [s for f in files for s in pq.read_table(f)["source"].to_pylist()]


def test_a_document_of_a_file_whose_name_is_not_utf_8_is_landed(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / ODD).write_bytes(HONEST % 1)
    found = list(documents([str(folder)]))
    assert landed_sources(tmp_path, found) == [f"{folder}/\\udcff\\udcfe.xml"]


def test_a_document_of_an_archive_whose_name_is_not_utf_8_is_landed(tmp_path):
    path = tmp_path / "notices.tar"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo(ODD)
        member.size = len(HONEST % 1)
        archive.addfile(member, io.BytesIO(HONEST % 1))
    found = list(documents([str(path)]))
    assert landed_sources(tmp_path, found) == [f"{path}!\\udcff\\udcfe.xml"]


def write_times(path, times) -> None:
    times_us = pa.array(times, pa.timestamp("us", "UTC"))
    raws = pa.array([HONEST % n for n in range(len(times))], pa.binary())
    pq.write_table(pa.table({"raw": raws, "received_at": times_us}), path)


def test_a_document_without_a_time_of_reception_has_that_of_its_file(tmp_path):
    path = tmp_path / "a.parquet"
    write_times(path, [None, 0])
    os.utime(path, (86400, 86400))
    found = [one.received_at for one in documents([str(path)])]
    assert found == [datetime(1970, 1, d, tzinfo=timezone.utc) for d in (2, 1)]


def test_a_file_with_a_time_after_the_year_9999_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    write_times(path, [2**62])
    with pytest.raises(InputError, match="a.parquet: cannot be read"):
        list(documents([str(path)]))
