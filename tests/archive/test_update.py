# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The archive has each alert of the nights that are over once, whatever happens."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers.archived_alerts import alerts, commit_night, even_places
from helpers.delta_tables import commit

from fink_voevent.archive import division, update
from fink_voevent.archive.layout import INDEX, SCHEMA, folder_of, read_contents
from fink_voevent.errors import StorageError
from fink_voevent.match.complete_nights import THIN
from fink_voevent.store.batches import Input

LATER = "20270101"


@pytest.fixture
def root(tmp_path, monkeypatch) -> str:
    """Tables of three nights, of which few rows fit into a pixel of the archive."""
    monkeypatch.setattr(update, "MOST_ROWS", 4)
    monkeypatch.setattr(update, "PART_ROWS", 10)
    monkeypatch.setattr(update, "GROUP_ROWS", 45)
    root = str(tmp_path / "voevent")
    for day in range(3):
        commit_night(root, alerts(even_places(30, day), day, 1000 * day))
    return root


def archived(root: str) -> list[int]:
    """Alerts of the archive, from the files that its record names."""
    folder = folder_of(root)
    contents = read_contents(folder)
    found = []
    for pixel, years in contents.pixels.items():
        for year, count in years.items():
            table = folder.read_table(f"{pixel.folder}/{year}.parquet")
            assert table.schema.names == SCHEMA.names
            index = table[INDEX].to_pylist()
            assert index == sorted(index)
            assert all(pixel.lo <= i < pixel.hi for i in index)
            assert {night[:4] for night in table["night"].to_pylist()} == {year}
            assert len(index) == count
            found += table["alert_id"].to_pylist()
    assert len(found) == contents.rows
    return sorted(found)


def expected(*days: int, count: int = 30) -> list[int]:
    return [1000 * day + n for day in days for n in range(count)]


def files(root: str) -> dict[str, int]:
    """Files of the archive, and when each was written."""
    return {
        str(path): path.stat().st_mtime_ns
        for path in Path(root, "archive").rglob("*.parquet")
    }


def test_all_nights_that_are_over_are_in_the_archive_once(root):
    assert list(update.update(root, LATER)) == ["20260101", "20260102", "20260103"]
    assert archived(root) == expected(0, 1, 2)
    assert max(pixel.order for pixel in read_contents(folder_of(root)).pixels) > 0


def test_a_second_update_writes_nothing(root):
    list(update.update(root, LATER))
    before = files(root)
    assert list(update.update(root, LATER)) == []
    # what was divided in between is removed, and nothing else changes
    assert files(root).items() <= before.items()
    assert archived(root) == expected(0, 1, 2)


def test_nights_are_added_one_after_the_other(root):
    assert list(update.update(root, LATER, "20260101")) == ["20260101"]
    assert archived(root) == expected(0)
    assert list(update.update(root, "20260103")) == ["20260102"]
    assert archived(root) == expected(0, 1)


def test_a_night_that_got_more_alerts_is_added_again(root):
    list(update.update(root, LATER))
    commit_night(root, alerts(even_places(10, 7), 0, 500))
    assert list(update.update(root, LATER)) == ["20260101"]
    assert archived(root) == sorted(expected(0, 1, 2) + list(range(500, 510)))


def test_a_batch_that_is_not_done_does_not_count(root):
    commit_night(root, alerts(even_places(10, 7), 0, 500), done=False)
    list(update.update(root, LATER))
    assert archived(root) == expected(0, 1, 2)


def test_years_have_files_of_their_own(root):
    commit_night(root, alerts(even_places(20, 9), 365, 9000))
    list(update.update(root, "20280101"))
    assert archived(root) == sorted(expected(0, 1, 2) + list(range(9000, 9020)))
    assert {Path(name).stem for name in files(root)} == {"2026", "2027"}


def test_a_night_that_was_thinned_before_is_not_added_and_one_after_stays(root):
    list(update.update(root, LATER, "20260101"))
    for night in ("20260101", "20260102"):
        commit(root, THIN, planned=Input(night=night))
    assert list(update.update(root, LATER)) == ["20260103"]
    assert archived(root) == expected(0, 2)


@pytest.mark.parametrize("writes", [1, 7, 20])
def test_an_interrupted_update_is_repeated(root, monkeypatch, writes):
    original, left = update.write_rows, [writes]

    def failing(*arguments):
        if not left[0]:
            raise OSError("the disk is full")
        left[0] -= 1
        original(*arguments)

    list(update.update(root, LATER, "20260101"))
    with monkeypatch.context() as patched:
        patched.setattr(update, "write_rows", failing)
        with pytest.raises(StorageError, match="the disk is full"):
            list(update.update(root, LATER))
    list(update.update(root, LATER))
    assert archived(root) == expected(0, 1, 2)
    listed = read_contents(folder_of(root)).pixels
    assert {Path(name).parent.name for name in files(root)} <= {
        Path(pixel.folder).name for pixel in listed
    } | {Path(above.folder).name for pixel in listed for above in pixel.ancestors()}


def test_what_was_divided_stays_for_readers_until_the_next_update(root, monkeypatch):
    monkeypatch.setattr(update, "GROUP_ROWS", 10**6)
    list(update.update(root, LATER, "20260101"))
    before = set(files(root))
    list(update.update(root, LATER))
    assert before <= set(files(root))
    list(update.update(root, LATER))
    pixels = read_contents(folder_of(root)).pixels
    assert len(files(root)) == sum(map(len, pixels.values()))


def test_a_damaged_file_or_record_ends_the_update_with_a_sentence(root):
    list(update.update(root, LATER, "20260101"))
    for name in files(root):
        Path(name).write_bytes(b"PAR1 torn")
    with pytest.raises(StorageError, match="cannot be read: restore it, or remove"):
        list(update.update(root, LATER))
    Path(root, "archive", "archive.json").write_text('{"format": 1, "nights"')
    with pytest.raises(StorageError, match=r"archive.json is damaged: remove"):
        list(update.update(root, LATER))


def test_only_one_process_updates_an_archive(root):
    first = update.update(root, LATER)
    next(first)
    with pytest.raises(StorageError, match="another process runs archive"):
        next(update.update(root, LATER))


def test_rows_are_in_small_parts_with_statistics(root, monkeypatch):
    monkeypatch.setattr(update, "ROW_GROUP", 1)
    list(update.update(root, LATER))
    footers = [pq.read_metadata(name) for name in files(root)]
    footer = max(footers, key=lambda one: one.num_rows)
    assert footer.num_row_groups > 1
    for name in (INDEX, "alert_time", "night"):
        column = footer.schema.names.index(name)
        assert footer.row_group(0).column(column).statistics.has_min_max
    assert division.MOST_ROWS > 1000  # what the fixture has replaced
