# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Fetch the sky maps that notices give by address only.

Each map is fetched once. It becomes a row of the table ``maps``, in a batch of its own,
so that its notice is matched again, now with the map. Until then the notice is matched
in time only.
"""

from __future__ import annotations

import functools
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from fink_voevent.config.settings import Settings
from fink_voevent.errors import StorageError, VOEventPluginError
from fink_voevent.ingest.download import LIMIT_S, fetch, in_one_line, parse
from fink_voevent.ingest.duplicates import COPIES
from fink_voevent.ingest.reader import Converted, Reader
from fink_voevent.ingest.trust import TABLE as TRUST
from fink_voevent.ingest.trust import rows_that_count
from fink_voevent.notices import streams
from fink_voevent.store import upkeep
from fink_voevent.store.batches import FIRST, BatchLog, Input
from fink_voevent.store.delta import Tables, clean_staging
from fink_voevent.tables.schema import NAMESPACE

_LOG = logging.getLogger(__name__)
STAGE = TABLE = "maps"
INGEST = "ingest"
POLL_S = 2.0
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 3600.0
TRIES = 12  # the wait doubles after each: two and a half hours in all
# Downloads at once: in all, and from one host, so that a slow one leaves room.
MOST_AT_ONCE, MOST_OF_A_HOST = 8, 2
MOST_LOGGED = 1000  # characters of an error in the log
Result = Converted | BaseException  # rows of a map, or why there is none


@dataclass
class Fetcher:
    """Fetches the maps that events name, each address once.

    Each download has a thread of its own, of which there are few. One thread, that of
    `run`, finds addresses and commits maps.

    Parameters
    ----------
    settings : Settings
        `skymap_hosts` are the hosts from which maps may be fetched.
    limit_s : float, optional
        Longest time for one download (s).
    wake : callable, optional
        Called after a map was committed.
    """

    settings: Settings
    limit_s: float = LIMIT_S
    wake: Callable[[], Any] = lambda: None
    # Last batch of ingest whose events were checked.
    _seen: int = FIRST - 1
    # For each address: time of the next attempt (s), and number of attempts so far.
    _due: dict[str, tuple[float, int]] = field(default_factory=dict)
    # Host of each address that is being fetched.
    _fetching: dict[str, str] = field(default_factory=dict)
    _results: queue.SimpleQueue[tuple[str, Result]] = field(
        default_factory=queue.SimpleQueue
    )
    # A map that is read takes many times the memory of its file: one at a time.
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _next_look_s: float = 0.0
    _given_up: int = 0
    _logged: str = ""

    @functools.cached_property
    def _log(self) -> BatchLog:
        return BatchLog(Tables(self.settings.root), STAGE)

    def __post_init__(self) -> None:
        """Remove what an earlier process has not committed."""
        clean_staging(self.settings.root, STAGE)

    @functools.cached_property
    def _fetched(self) -> set[str]:
        """Addresses of the maps that were fetched."""
        self._finish_interrupted()
        return self._addresses(FIRST, self._log.last_done())

    def _addresses(self, first: int, last: int) -> set[str]:
        """Return the addresses of the maps of batches."""
        rows = self._log.tables.rows_of(TABLE, ["skymap_url"], first, last)
        return set(rows["skymap_url"].to_pylist())

    def _finish_interrupted(self) -> set[str]:
        """Finish a batch that was interrupted; return the addresses of its maps."""
        batch = self._log.unfinished()
        if batch is None:
            return set()
        urls = self._addresses(batch.number, batch.number)
        self._log.finish(batch, {"maps": len(urls)})
        return urls

    @functools.cached_property
    def _reader(self) -> Reader:
        return Reader(streams.load(self.settings.streams))

    def _read(self, content: bytes) -> Converted:
        with self._lock:
            return self._reader.read_map(content)

    def fetch_due(self, now_s: float) -> int:
        """Fetch all maps that are due, and wait for them.

        Parameters
        ----------
        now_s : float
            Seconds since any fixed moment, the same in all calls.

        Returns
        -------
        int
            Number of maps that were fetched.
        """
        self._find_addresses(now_s)
        count = 0
        self._start_due(now_s)
        while self._fetching:
            count += self._finish(*self._results.get(), now_s)
            self._start_due(now_s)
        return count

    def run(self, stop: threading.Event) -> None:
        """Fetch maps until `stop` is set; no error ends this."""
        while not stop.is_set():
            for step in (self._look, self._start_due, self._finish_next):
                self._do_or_log(step)

    def _do_or_log(self, step: Callable[[float], object]) -> None:
        try:
            step(time.monotonic())
        except Exception as error:  # noqa: BLE001 - logged, and tried again
            self._log_once(f"sky maps: {_line(error)}; trying again")

    def _look(self, now_s: float) -> None:
        """Find addresses, but not more often than every `POLL_S`."""
        if now_s >= self._next_look_s:
            self._next_look_s = now_s + POLL_S
            self._find_addresses(now_s)

    def _find_addresses(self, now_s: float) -> None:
        """Add the addresses of maps in events that were not checked before."""
        last = self._log.last_done(INGEST)
        for url in _urls(self._log.tables, self._seen + 1, last):
            if url not in self._fetched:
                self._due.setdefault(url, (now_s, 0))
        self._seen = last

    def _start_due(self, now_s: float) -> None:
        """Start downloads that are due, as many as may run at once."""
        # Those that failed often are last, so that they do not delay a new one.
        for url in sorted(self._due, key=lambda url: self._due[url][1]):
            if len(self._fetching) >= MOST_AT_ONCE:
                return
            if self._due[url][0] > now_s or url in self._fetching:
                continue
            host = _host(url)
            if list(self._fetching.values()).count(host) < MOST_OF_A_HOST:
                name = f"sky map of {host}"
                thread = threading.Thread(
                    target=self._download, args=(url,), name=name, daemon=True
                )
                thread.start()
                self._fetching[url] = host

    def _download(self, url: str) -> None:
        """Put a map, or why it was not fetched, into the queue of results."""
        result: Result
        try:
            hosts = allowed_hosts(self.settings)
            result = fetch_map(url, hosts, self._read, self.limit_s)
        except BaseException as error:  # noqa: BLE001 - a panic of Rust is no Exception
            result = error
        self._results.put((url, result))

    def _finish_next(self, now_s: float) -> None:
        """Wait a little for a download to end, and commit its map."""
        try:
            url, result = self._results.get(timeout=POLL_S)
        except queue.Empty:
            return
        self._finish(url, result, now_s)

    def _finish(self, url: str, result: Result, now_s: float) -> bool:
        """Commit a map; if that fails, set the time of the next attempt."""
        del self._fetching[url]
        if isinstance(result, BaseException):
            self._postpone(url, result, now_s)
            return False
        try:
            self._commit(url, result)
        except (StorageError, OSError) as error:  # not the fault of the map
            self._due[url] = (now_s + FIRST_WAIT_S, self._due[url][1])
            self._log_once(f"sky maps: {_line(error)}; trying again")
            return False
        except Exception as error:  # noqa: BLE001 - logged, and counted as a failure
            self._postpone(url, error, now_s)
            return False
        del self._due[url]
        self._logged = ""
        pixels = pc.list_value_length(result["regions"]["pixels"])[0].as_py()
        _LOG.info("sky map %s: %d pixels", url, pixels)
        return True

    def _postpone(self, url: str, error: BaseException, now_s: float) -> None:
        """Set the time of the next attempt, or give the map up after the last one."""
        tries = self._due[url][1] + 1
        wait_s = min(FIRST_WAIT_S * 2 ** (tries - 1), LONGEST_WAIT_S)
        self._due[url] = (now_s + wait_s, tries)
        reason = _line(error)
        if url not in reason:
            reason = f"{in_one_line(url)}: {reason}"
        if tries == 1:
            _LOG.warning(
                "sky map not fetched: %s; trying again, %d times in all", reason, TRIES
            )
        if tries == TRIES:
            del self._due[url]
            self._given_up += 1
            _LOG.warning(
                "sky map given up after %d attempts: %s; since the start %d maps were"
                " given up, and %d wait for another attempt",
                *(TRIES, reason, self._given_up, len(self._due)),
            )

    def _commit(self, url: str, found: Converted) -> None:
        self._fetched |= self._finish_interrupted()
        if url not in self._fetched:
            batch = self._log.plan(Input())
            for name in ("regions", TABLE):
                rows = pa.Table.from_batches([found[name]])
                self._log.tables.append_rows(name, rows, STAGE, batch.number)
            self._log.finish(batch, {"maps": 1})
            self._fetched.add(url)
        upkeep.compact_if_due(self._log.tables, TABLE)
        self.wake()

    def _log_once(self, message: str) -> None:
        """Log an error, once until a map is committed again."""
        if message != self._logged:
            self._logged = message
            _LOG.error("%s", message)


def _line(error: BaseException) -> str:
    """Return an error as one line; that of a library with its type."""
    is_ours = isinstance(error, VOEventPluginError)
    kind = "" if is_ours else f"{type(error).__name__}: "
    return in_one_line(f"{kind}{error}", MOST_LOGGED)


def _host(url: str) -> str:
    """Return the host of an address; empty if the address is not valid."""
    try:
        return parse(url).host
    except ValueError:
        return ""


def allowed_hosts(settings: Settings) -> list[str]:
    """Return the hosts from which maps may be fetched."""
    return [h.strip() for h in settings.skymap_hosts.split(",") if h.strip()]


def fetch_map(
    url: str,
    allowed: Sequence[str],
    read: Callable[[bytes], Converted],
    limit_s: float = LIMIT_S,
) -> Converted:
    """Fetch a sky map.

    Parameters
    ----------
    url : str
        Address of the file.
    allowed : sequence of str
        Hosts from which it may be fetched.
    read : callable
        Reads the file, as `Reader.read_map` does.
    limit_s : float, optional
        Longest time for the download (s).

    Returns
    -------
    dict
        ``maps`` and ``regions``: one row of each of these tables.

    Raises
    ------
    InputError
        If the address is not allowed, or the file cannot be fetched.
    NoticeError
        If the file is not a sky map.
    """
    found = read(fetch(url, allowed, limit_s=limit_s))
    region_id = pa.array([map_region_id(url)])
    return {
        "maps": _replaced(
            found["maps"], skymap_url=pa.array([url]), region_id=region_id
        ),
        "regions": _replaced(found["regions"], region_id=region_id),
    }


def map_region_id(url: str) -> str:
    """Return the name of the region of a sky map, by its address."""
    return str(uuid.uuid5(NAMESPACE, f"map {url}"))


def _replaced(rows: pa.RecordBatch, **columns: pa.Array) -> pa.RecordBatch:
    """Return rows with other values of some columns."""
    values = [columns.get(name, rows[name]) for name in rows.schema.names]
    return pa.RecordBatch.from_arrays(values, schema=rows.schema)


def _urls(tables: Tables, first: int, last: int) -> list[str]:
    """Return the addresses of maps that notices of batches name but do not contain.

    Notices that do not count are left out. If some may count only since these batches,
    all notices are looked at.
    """
    if last < first:
        return []
    if any(tables.rows_of(t, ["batch"], first, last).num_rows for t in (COPIES, TRUST)):
        first = FIRST
    columns = ["skymap_url", "skymap_sha256", "notice_id", "publisher", "source"]
    events = tables.rows_of("events", columns, first, last)
    is_read = pc.field("skymap_sha256").is_valid()
    is_missing = pc.field("skymap_url").is_valid() & ~is_read
    rows = rows_that_count(tables, last, events.filter(is_missing).to_pylist())
    return sorted({row["skymap_url"] for row in rows})


def start(
    settings: Settings, stop: threading.Event, wake: Callable[[], Any]
) -> threading.Thread | None:
    """Fetch maps in a thread until `stop` is set; return None if no host is allowed.

    `wake` is called after a map was committed.
    """
    if not settings.skymap_hosts:
        return None
    thread = threading.Thread(
        target=Fetcher(settings, wake=wake).run,
        args=(stop,),
        name="skymaps",
        daemon=True,
    )
    thread.start()
    return thread
