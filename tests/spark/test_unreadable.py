# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from py4j.protocol import Py4JError

from fink_voevent.spark.unreadable import unreadable, without_unreadable
from fink_voevent.store.unread import UnreadFiles

FILES = 7


@pytest.fixture
def paths(tmp_path) -> list[str]:
    """Parquet files of ten rows each."""
    made = [str(tmp_path / f"{number}.parquet") for number in range(FILES)]
    for path in made:
        pq.write_table(pa.table({"id": range(10)}), path)
    return made


@pytest.fixture
def read(spark):
    return lambda paths: spark.read.schema("id bigint").parquet(*paths)


def damage(path: str, how: str) -> None:
    """Damage a Parquet file."""
    file = Path(path)
    content = file.read_bytes()
    changed = {
        "cut": content[: len(content) // 2],
        "empty": b"",
        "text": b"not parquet at all",
        "inside": content[:4] + b"\xff" * 40 + content[44:],
    }
    if how == "missing":
        file.unlink()
    else:
        file.write_bytes(changed[how])


def test_files_that_can_be_read_are_not_named(paths, read):
    assert unreadable(paths, read) == {}
    assert unreadable([], read) == {}


@pytest.mark.parametrize("how", ["cut", "empty", "text", "inside", "missing"])
def test_each_damaged_file_is_found_with_a_reason(paths, read, how):
    bad = [paths[0], paths[4], paths[5]]
    for path in bad:
        damage(path, how)
    found = unreadable(paths, read)
    assert sorted(found) == bad
    assert all("\n" not in reason and reason for reason in found.values())


def test_the_other_files_of_a_batch_are_processed(paths, read, tmp_path):
    damage(paths[3], "cut")
    unread, counts = UnreadFiles(str(tmp_path / "root"), "test"), []
    good = [path for path in paths if path != paths[3]]

    def process(chosen):
        counts.append(read(chosen).count() if chosen else 0)

    assert without_unreadable(paths, read, process, unread) == good
    assert counts == [(FILES - 1) * 10]
    assert [file.path for file in unread.files()] == [paths[3]]


def test_a_failure_that_no_file_explains_is_raised(paths, read, tmp_path):
    unread = UnreadFiles(str(tmp_path / "root"), "test")

    def process(_):
        raise Py4JError("the store is away")

    with pytest.raises(Py4JError):
        without_unreadable(paths, read, process, unread)
    assert unread.files() == []
