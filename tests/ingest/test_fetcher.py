# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The thread that fetches sky maps: slow hosts, and errors of any kind."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.map_site import gaussian, site
from helpers.programs import wait_for
from helpers.raw_site import raw_site

from fink_voevent.config.settings import Settings
from fink_voevent.ingest import skymaps
from fink_voevent.ingest.reader import Reader
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.ledger import Ledger, Manifest
from fink_voevent.tables.schema import arrow_schema

MAP = gaussian(10.0, 20.0, 8.0)


class Panic(BaseException):
    """What a library in Rust raises: it is no Exception."""


@pytest.fixture
def hosts(settings) -> Settings:
    """Return settings that allow two hosts, which are both this machine."""
    values = {"skymap_hosts": "127.0.0.1,127.0.0.2"}
    return settings.model_copy(update=values)


def commit_notices(root: str, run: str, *urls: str) -> None:
    """Commit events that give their sky maps by address only."""
    fields = [arrow_schema("events").field(n) for n in ("skymap_url", "skymap_sha256")]
    table = pa.Table.from_pylist([{"skymap_url": u} for u in urls], pa.schema(fields))
    store = open_store(root).subfolder("events")
    store.create()
    store.write(f"{run}.parquet", lambda stream: pq.write_table(table, stream))
    tables = {"events": (f"events/{run}.parquet",)}
    Ledger(root, "ingest").commit(Manifest("ingest", run, 0, tables))


def fetched(root: str) -> int:
    """Return the number of maps that were committed."""
    return sum("maps" in m.tables for m in Ledger(root, "ingest").manifests())


@pytest.fixture
def running(hosts, monkeypatch):
    """Run a fetcher in a thread until the test ends."""
    monkeypatch.setattr(skymaps, "POLL_S", 0.05)
    stop = threading.Event()
    thread = skymaps.start(hosts, stop)
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
        commit_notices(hosts.root, "a", *waiting, f"{fast.address}/map")
        wait_for(lambda: fetched(hosts.root) == 1, 10)
        commit_notices(hosts.root, "b", f"{fast.address}/late")
        wait_for(lambda: fetched(hosts.root) == 2, 10)
        assert 0 < len(slow.received) <= skymaps.MOST_OF_A_HOST
        assert running.is_alive()


def test_a_map_is_fetched_although_the_ledger_could_not_be_read_at_first(
    hosts, running, caplog
):
    caplog.set_level(logging.ERROR)
    with site(map=MAP) as server:
        Ledger(hosts.root, "ingest").prepare()
        torn = Path(hosts.root, "ledger", "ingest", f"torn{skymaps_suffix()}")
        torn.write_text("{")
        commit_notices(hosts.root, "a", f"{server.address}/map")
        wait_for(lambda: "trying again" in caplog.text, 10)
        torn.unlink()
        wait_for(lambda: fetched(hosts.root) == 1, 10)
    assert running.is_alive()


def skymaps_suffix() -> str:
    """Return how the name of a manifest ends."""
    name = Manifest("ingest", "a", 0, {}).name
    return name[name.index(".") :]


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
        commit_notices(hosts.root, "a", *urls)
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
        commit_notices(hosts.root, "a", f"{server.address}/map")
        blocked = Path(hosts.root, "maps")
        blocked.write_text("a file where the folder should be")
        fetcher = skymaps.Fetcher(hosts)
        for attempt in range(2 * skymaps.TRIES):
            assert fetcher.fetch_due(1e5 * attempt) == 0
        assert [r.levelname for r in caplog.records] == ["ERROR"]
        blocked.unlink()
        assert fetcher.fetch_due(1e8) == 1
