# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Fetch the sky maps that notices give by address only.

Each map is fetched once. It becomes a row of the table ``maps`` and is committed by a
manifest of ingest, so that its notice is matched again, now with the map. Until then
the notice is matched in time only.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError, NoticeError, StorageError
from fink_voevent.ingest.download import fetch
from fink_voevent.notices.normalisation import pixel_rows
from fink_voevent.sky import skymap
from fink_voevent.store import arrow_tables
from fink_voevent.store.filesystem import open_store
from fink_voevent.store.ledger import Ledger, Manifest
from fink_voevent.tables.schema import arrow_schema

_LOG = logging.getLogger(__name__)
TABLE = "maps"
POLL_S = 2.0
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 3600.0
TRIES = 12  # the wait doubles after each: two and a half hours in all
# Facts of the manifest of a map, which the status adds up: it adds no document.
NO_DOCUMENTS = {"documents": 0, "events": 0, "quarantine": 0}


@dataclass
class Fetcher:
    """Fetches the maps that events name, each address once.

    Parameters
    ----------
    settings : Settings
        `skymap_hosts` are the hosts from which maps may be fetched.
    """

    settings: Settings
    # Names of the manifests whose events were checked.
    _seen: set[str] = field(default_factory=set)
    # For each address: time of the next attempt (s), and number of attempts so far.
    _due: dict[str, tuple[float, int]] = field(default_factory=dict)

    @functools.cached_property
    def _ledger(self) -> Ledger:
        return Ledger(self.settings.root, "ingest")

    def fetch_due(self, now_s: float) -> int:
        """Fetch all maps that are due.

        Parameters
        ----------
        now_s : float
            Seconds since any fixed moment, the same in all calls.

        Returns
        -------
        int
            Number of maps that were fetched.
        """
        for url in self._new_addresses():
            self._due.setdefault(url, (now_s, 0))
        return sum(
            self._try(url, now_s)
            for url, (due_s, _) in list(self._due.items())
            if due_s <= now_s
        )

    def _new_addresses(self) -> list[str]:
        """Return the addresses of maps in manifests that were not checked before."""
        ledger = self._ledger
        new = [m for m in ledger.manifests() if m.name not in self._seen]
        files = [f for m in new for f in m.tables.get("events", ())]
        urls = _urls(self.settings.root, files)
        self._seen.update(m.name for m in new)
        return [url for url in urls if not ledger.has(run_name(url), 0)]

    def _try(self, url: str, now_s: float) -> bool:
        """Fetch and commit a map; if that fails, set the time of the next attempt."""
        _, tries = self._due[url]
        try:
            row = fetch_map(url, allowed_hosts(self.settings))
        except (InputError, NoticeError) as error:
            wait_s = min(FIRST_WAIT_S * 2**tries, LONGEST_WAIT_S)
            self._due[url] = (now_s + wait_s, tries + 1)
            if tries + 1 == TRIES:
                del self._due[url]
            if tries in (0, TRIES - 1):
                _LOG.warning("sky map not fetched: %s", error)
            return False
        self._commit(url, row)
        del self._due[url]
        _LOG.info("sky map %s: %d pixels", url, len(row["pixels"]))
        return True

    def _commit(self, url: str, row: dict[str, Any]) -> None:
        table = pa.Table.from_pylist([row], schema=arrow_schema(TABLE))
        name = f"{run_name(url)}.parquet"
        store = open_store(self.settings.root).subfolder(TABLE)
        store.create()
        store.write(name, lambda stream: pq.write_table(table, stream))
        tables = {TABLE: (f"{TABLE}/{name}",)}
        self._ledger.commit(Manifest("ingest", run_name(url), 0, tables, NO_DOCUMENTS))

    def run(self, stop: threading.Event) -> None:
        """Fetch maps until `stop` is set."""
        while not stop.wait(POLL_S):
            self._fetch_or_log()

    def _fetch_or_log(self) -> None:
        try:
            self.fetch_due(time.monotonic())
        except (StorageError, OSError) as error:
            _LOG.error("sky maps: %s; trying again", error)


def allowed_hosts(settings: Settings) -> list[str]:
    """Return the hosts from which maps may be fetched."""
    return [h.strip() for h in settings.skymap_hosts.split(",") if h.strip()]


def fetch_map(url: str, allowed: Sequence[str]) -> dict[str, Any]:
    """Fetch a sky map.

    Parameters
    ----------
    url : str
        Address of the file.
    allowed : sequence of str
        Hosts from which it may be fetched.

    Returns
    -------
    dict
        Row of the table ``maps``.

    Raises
    ------
    InputError
        If the address is not allowed, or the file cannot be fetched.
    NoticeError
        If the file is not a sky map.
    """
    content = fetch(url, allowed)
    sky_map = skymap.read(content)
    return {
        "skymap_url": url,
        "skymap_sha256": hashlib.sha256(content).hexdigest(),
        "cells": [{"lo": lo, "hi": hi} for lo, hi in sky_map.ranges()],
        "pixels": pixel_rows(sky_map),
    }


def run_name(url: str) -> str:
    """Return the run in the manifest of a map: one for each address."""
    return f"map-{hashlib.sha256(url.encode()).hexdigest()[:32]}"


def _urls(root: str, files: Sequence[str]) -> list[str]:
    """Return the addresses of maps that events name but do not contain."""
    columns = ["skymap_url", "skymap_sha256"]
    events = arrow_tables.read_arrow(root, "events", files, columns)
    is_read = pc.field("skymap_sha256").is_valid()
    is_missing = pc.field("skymap_url").is_valid() & ~is_read
    urls: list[Any] = events.filter(is_missing)["skymap_url"].to_pylist()
    return sorted(set(urls))


def start(settings: Settings, stop: threading.Event) -> threading.Thread | None:
    """Fetch maps in a thread until `stop` is set; return None if no host is allowed."""
    if not settings.skymap_hosts:
        return None
    thread = threading.Thread(
        target=Fetcher(settings).run, args=(stop,), name="skymaps", daemon=True
    )
    thread.start()
    return thread
