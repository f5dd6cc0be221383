# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Pages follow the tables: they are made again after a batch of the services."""

from __future__ import annotations

import threading
from pathlib import Path

import pyarrow.parquet as pq
from helpers.committed import commit, commit_notices
from helpers.example_events import write_match
from helpers.programs import wait_for

from fink_voevent.config.load import load
from fink_voevent.show import following
from fink_voevent.show.pages import PagesWritten


def test_pages_are_written_after_each_batch_and_not_in_between(
    registry, tmp_path, monkeypatch
):
    monkeypatch.setattr(following, "LOOK_S", 0.01)
    folder, notices = write_match(tmp_path / "match", names=["grb221009a_xrt.xml"])
    settings = load({}, {"data_prefix": str(tmp_path / "data")}).settings
    seen: list[int] = []
    stop = threading.Event()

    def write(records, names) -> PagesWritten:
        (record,) = records.read(names)
        seen.append(len(record.coincidences))
        return PagesWritten(1, 0, Path("index.html"))

    arguments = (settings, lambda records: records.names(), write, stop)
    thread = threading.Thread(target=following.follow, args=arguments)
    thread.start()
    try:
        commit_notices(settings.root, registry, notices)
        wait_for(lambda: seen == [0])
        pairs = pq.read_table(folder / "coincidences.parquet")
        commit(settings.root, "match", {"coincidences": pairs})
        wait_for(lambda: seen == [0, 4])
        stop.wait(0.2)
        assert seen == [0, 4]
    finally:
        stop.set()
        thread.join()


def test_pages_appear_in_the_index_before_all_are_made(registry, tmp_path, monkeypatch):
    """And the process can stop between them."""
    monkeypatch.setattr(following, "LOOK_S", 0.01)
    monkeypatch.setattr(following, "AT_ONCE", 1)
    _, notices = write_match(tmp_path / "match")
    settings = load({}, {"data_prefix": str(tmp_path / "data")}).settings
    commit_notices(settings.root, registry, notices)
    groups: list[list[str]] = []
    stop = threading.Event()

    def write(records, names) -> PagesWritten:
        groups.append(names)
        if len(groups) == 2:
            stop.set()
        return PagesWritten(1, 0, Path("index.html"))

    following.follow(settings, lambda records: records.names(), write, stop)
    assert groups == [["EP-11900080130"], ["S170817a"]]


def test_documents_that_are_no_notices_are_waited_out(registry, tmp_path, monkeypatch):
    monkeypatch.setattr(following, "LOOK_S", 0.01)
    _, notices = write_match(tmp_path / "match", names=["grb221009a_xrt.xml"])
    settings = load({}, {"data_prefix": str(tmp_path / "data")}).settings
    commit(settings.root, "ingest", {})
    written: list[list[str]] = []
    stop = threading.Event()

    def write(records, names) -> PagesWritten:
        written.append(names)
        return PagesWritten(1, 0, Path("index.html"))

    arguments = (settings, lambda records: records.names(), write, stop)
    thread = threading.Thread(target=following.follow, args=arguments)
    thread.start()
    try:
        stop.wait(0.2)
        assert written == []
        assert thread.is_alive()
        commit_notices(settings.root, registry, notices)
        wait_for(lambda: written == [["Swift-1126853"]])
    finally:
        stop.set()
        thread.join()
