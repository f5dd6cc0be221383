# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The thread that fetches sky maps: slow hosts, and errors of any kind."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest
from helpers.delta_tables import commit, rows_of
from helpers.map_site import gaussian, site
from helpers.programs import wait_for
from helpers.raw_site import raw_site

from fink_voevent.config.settings import Settings
from fink_voevent.errors import StorageError
from fink_voevent.ingest import skymaps
from fink_voevent.ingest.reader import Reader
from fink_voevent.store.batches import BatchLog, Input
from fink_voevent.store.delta import Tables

MAP = gaussian(10.0, 20.0, 8.0)


class Panic(BaseException):
    """What a library in Rust raises: it is no Exception."""


@pytest.fixture
def hosts(settings) -> Settings:
    """Return settings that allow two hosts, which are both this machine."""
    values = {"skymap_hosts": "127.0.0.1,127.0.0.2"}
    return settings.model_copy(update=values)


def commit_notices(root: str, *urls: str) -> None:
    """Commit events that give their sky maps by address only."""
    commit(root, "ingest", events=[{"skymap_url": url} for url in urls])


def fetched(root: str) -> int:
    """Return the number of maps that were committed."""
    return BatchLog(Tables(root), skymaps.STAGE).last_done() + 1


@pytest.fixture
def running(hosts, monkeypatch):
    """Run a fetcher in a thread until the test ends."""
    monkeypatch.setattr(skymaps, "POLL_S", 0.05)
    stop = threading.Event()
    thread = skymaps.start(hosts, stop, lambda: None)
    yield thread
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_slow_host_does_not_delay_the_maps_of_others(hosts, running):
    """Ten of its addresses wait; others are fetched, and new ones are found."""

    def say_nothing(server, _):
        server.stopped.wait(30)

    with raw_site(say_nothing, "127.0.0.2") as slow, site(map=MAP, late=MAP) as fast:
        waiting = [f"http://127.0.0.2:{slow.port}/{i}" for i in range(10)]
        commit_notices(hosts.root, *waiting, f"{fast.address}/map")
        wait_for(lambda: fetched(hosts.root) == 1)
        commit_notices(hosts.root, f"{fast.address}/late")
        wait_for(lambda: fetched(hosts.root) == 2)
        assert 0 < len(slow.received) <= skymaps.MOST_OF_A_HOST
        assert running.is_alive()


def test_a_map_is_fetched_although_the_tables_could_not_be_read_at_first(
    hosts, running, caplog
):
    caplog.set_level(logging.ERROR)
    with site(map=MAP) as server:
        log = Path(hosts.root, "events", "_delta_log")
        commit_notices(hosts.root, f"{server.address}/map")
        torn = log / f"{2:020d}.json"
        torn.write_text("{")
        fetcher = skymaps.Fetcher(hosts)
        with pytest.raises(StorageError):
            fetcher.fetch_due(0)
        torn.unlink()
        wait_for(lambda: fetched(hosts.root) == 1)
    assert running.is_alive()


def test_a_batch_that_was_interrupted_is_finished_before_the_next_map(hosts):
    with site(one=MAP, two=MAP) as server:
        commit_notices(hosts.root, f"{server.address}/one", f"{server.address}/two")
        log = BatchLog(Tables(hosts.root), skymaps.STAGE)
        batch = log.plan(Input())
        row = {"skymap_url": f"{server.address}/one"}
        rows = rows_of("maps", [row])
        log.tables.append_rows("maps", rows, skymaps.STAGE, batch.number)
        assert skymaps.Fetcher(hosts).fetch_due(0) == 1
        assert server.requested == ["/two"]
        assert fetched(hosts.root) == 2


@pytest.mark.parametrize(
    "error", [UnicodeError("odd"), MemoryError(), AttributeError("x\ny"), Panic("p")]
)
def test_any_error_of_a_map_is_tried_again_and_then_given_up_in_one_line(
    hosts, monkeypatch, caplog, error
):
    caplog.set_level(logging.INFO)
    read = Reader.read_map

    def fail(self, content):
        if content == b"odd":
            raise error
        return read(self, content)

    monkeypatch.setattr(Reader, "read_map", fail)
    with site(odd=b"odd", map=MAP) as server:
        urls = [f"{server.address}/odd", f"{server.address}/map"]
        commit_notices(hosts.root, *urls)
        fetcher = skymaps.Fetcher(hosts)
        assert fetcher.fetch_due(0) == 1
        assert fetcher.fetch_due(1) == 0  # not due yet
        for attempt in range(1, 2 * skymaps.TRIES):
            assert fetcher.fetch_due(1e5 * attempt) == 0
        assert server.requested.count("/odd") == skymaps.TRIES
        assert server.requested.count("/map") == 1
    warnings = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(warnings) == 2
    assert all(urls[0] in w and type(error).__name__ in w for w in warnings)
    assert all(w.isprintable() for w in warnings)
    assert "given up after 12 attempts" in warnings[1]


def test_a_store_that_cannot_be_written_is_no_failure_of_the_map(hosts, caplog):
    with site(map=MAP) as server:
        commit_notices(hosts.root, f"{server.address}/map")
        fetcher = skymaps.Fetcher(hosts)
        blocked = Path(hosts.root, "staging")
        blocked.rmdir()
        blocked.write_text("a file where the folder should be")
        for attempt in range(2 * skymaps.TRIES):
            assert fetcher.fetch_due(1e5 * attempt) == 0
        assert [r.levelname for r in caplog.records] == ["ERROR"]
        blocked.unlink()
        assert fetcher.fetch_due(1e8) == 1
