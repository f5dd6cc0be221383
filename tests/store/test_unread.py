# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from fink_voevent.store.unread import (
    FIRST_WAIT,
    LONGEST_WAIT,
    TRIES,
    UnreadFile,
    UnreadFiles,
    all_files,
    due,
)

LONG_AGO = (datetime.now(timezone.utc) - timedelta(days=1)).isoformat()


@pytest.fixture
def unread(tmp_path) -> UnreadFiles:
    return UnreadFiles(str(tmp_path), "ingest")


def test_a_file_is_due_after_its_wait_and_not_before(unread):
    unread.add("file:/a.parquet", "torn")
    assert due(unread.files()) == []
    (file,) = unread.files()
    assert (file.path, file.reason, file.tries) == ("file:/a.parquet", "torn", 1)
    unread._write(replace(file, tried_at=LONG_AGO))
    assert due(unread.files()) == ["file:/a.parquet"]


@pytest.mark.parametrize("tries", range(1, TRIES))
def test_waits_double_up_to_the_longest(tries):
    file = UnreadFile("a", "torn", LONG_AGO, tries)
    wait = file.due_at - datetime.fromisoformat(LONG_AGO)
    assert wait == min(FIRST_WAIT * 2 ** (tries - 1), LONGEST_WAIT)


def test_a_file_is_set_aside_after_the_last_try_until_a_retry(unread):
    for _ in range(TRIES):
        unread.add("a", "torn")
    (file,) = unread.files()
    assert file.is_set_aside
    unread._write(replace(file, tried_at=LONG_AGO))
    assert due(unread.files()) == []
    assert unread.retry() == 1
    assert due(unread.files()) == ["a"]
    assert unread.retry() == 0


def test_a_file_that_was_read_is_removed_and_others_stay(unread, tmp_path):
    unread.add("a", "torn")
    unread.add("b", "torn")
    unread.remove(["a", "never recorded"])
    assert [file.path for file in unread.files()] == ["b"]
    assert all_files(str(tmp_path)) == unread.files()
