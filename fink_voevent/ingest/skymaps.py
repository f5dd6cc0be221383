# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Sky maps that a notice gives by address only: fetched once, handed over by manifest.

A map that came is a row of the table maps, and a manifest of ingest, so that the notice
is matched again with it. Until then the notice is kept and meets no alert by place.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import threading
import time
from collections.abc import Iterable, Sequence
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
TRIES = 12  # about half a day, waits doubled each time
NOTHING = {"documents": 0, "events": 0, "quarantine": 0}  # in the status line


@dataclass
class Fetcher:
    """Fetches what the events of ingest name, each address once.

    Parameters
    ----------
    settings : Settings
        `skymap_hosts` are the hosts allowed.
    """

    settings: Settings
    _seen: set[str] = field(default_factory=set)
    _due: dict[str, tuple[float, int]] = field(default_factory=dict)

    @functools.cached_property
    def _ledger(self) -> Ledger:
        return Ledger(self.settings.root, "ingest")

    def turn(self, now_s: float) -> int:
        """Fetch what is due; return how many maps came."""
        for url in self._fresh():
            self._due.setdefault(url, (now_s, 0))
        return sum(
            self._try(url, now_s)
            for url, (due_s, _) in list(self._due.items())
            if due_s <= now_s
        )

    def _fresh(self) -> Iterable[str]:
        """Addresses in manifests that were not looked at yet."""
        ledger = self._ledger
        new = [m for m in ledger.manifests() if m.name not in self._seen]
        files = [f for m in new for f in m.tables.get("events", ())]
        urls = _urls(self.settings.root, files)
        self._seen.update(m.name for m in new)
        return [url for url in urls if not ledger.has(run_of(url), 0)]

    def _try(self, url: str, now_s: float) -> bool:
        _, tries = self._due[url]
        try:
            row = get(url, hosts(self.settings))
        except (InputError, NoticeError) as error:
            wait_s = min(FIRST_WAIT_S * 2**tries, LONGEST_WAIT_S)
            self._due[url] = (now_s + wait_s, tries + 1)
            if tries + 1 == TRIES:
                del self._due[url]
            if tries in (0, TRIES - 1):
                _LOG.warning("no sky map: %s", error)
            return False
        self._hand_over(url, row)
        del self._due[url]
        _LOG.info("sky map %s: %d pixels", url, len(row["pixels"]))
        return True

    def _hand_over(self, url: str, row: dict[str, Any]) -> None:
        table = pa.Table.from_pylist([row], schema=arrow_schema(TABLE))
        name = f"{run_of(url)}.parquet"
        store = open_store(self.settings.root).at(TABLE)
        store.make()
        store.write(name, lambda stream: pq.write_table(table, stream))
        tables = {TABLE: (f"{TABLE}/{name}",)}
        self._ledger.commit(Manifest("ingest", run_of(url), 0, tables, NOTHING))

    def run(self, stop: threading.Event) -> None:
        """Fetch until `stop` is set."""
        while not stop.wait(POLL_S):
            self._turn()

    def _turn(self) -> None:
        try:
            self.turn(time.monotonic())
        except (StorageError, OSError) as error:
            _LOG.error("sky maps: %s; trying again", error)


def hosts(settings: Settings) -> list[str]:
    """Hosts from which maps are fetched."""
    return [h.strip() for h in settings.skymap_hosts.split(",") if h.strip()]


def get(url: str, allowed: Sequence[str]) -> dict[str, Any]:
    """Fetch a map from one of the hosts allowed: a row of the table maps.

    Raises
    ------
    InputError
        Where it is not allowed, or not there.
    NoticeError
        Where it is no sky map.
    """
    content = fetch(url, allowed)
    found = skymap.read(content)
    return {
        "skymap_url": url,
        "skymap_sha256": hashlib.sha256(content).hexdigest(),
        "cells": [{"lo": lo, "hi": hi} for lo, hi in found.ranges()],
        "pixels": pixel_rows(found),
    }


def run_of(url: str) -> str:
    """Name of the manifest of a map: of its address, so that it is fetched once."""
    return f"map-{hashlib.sha256(url.encode()).hexdigest()[:32]}"


def _urls(root: str, files: Sequence[str]) -> list[str]:
    """Addresses of maps that events name and do not hold."""
    columns = ["skymap_url", "skymap_sha256"]
    events = arrow_tables.read_arrow(root, "events", files, columns)
    needed = pc.field("skymap_url").is_valid() & ~pc.field("skymap_sha256").is_valid()
    found: list[Any] = events.filter(needed)["skymap_url"].to_pylist()
    return sorted(set(found))


def start(settings: Settings, stop: threading.Event) -> threading.Thread | None:
    """Fetch in a thread of its own; None where no host is allowed."""
    if not settings.skymap_hosts:
        return None
    thread = threading.Thread(
        target=Fetcher(settings).run, args=(stop,), name="skymaps", daemon=True
    )
    thread.start()
    return thread
