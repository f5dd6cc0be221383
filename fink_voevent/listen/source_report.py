# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The listener's report of its sources, to the table `sources`.

The periods of each source are in memory, in a file beside the spool, which is written
every few seconds, and in the table, which is written when the state of a source has
changed, and every minute. A report replaces all rows of its listener, so that the table
has one file for each listener. A report that failed is made up for by the next one.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import logging
import random
import socket
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from fink_voevent.errors import StorageError
from fink_voevent.listen.connections import (
    KEEP_US,
    LOST,
    REMOVED,
    STARTING,
    Connection,
    History,
    Period,
    now_us,
)
from fink_voevent.store.filesystem import open_store
from fink_voevent.tables.schema import stored_schema

if TYPE_CHECKING:
    import pyarrow as pa

    from fink_voevent.store.delta import Tables

_LOG = logging.getLogger(__name__)
TABLE = "sources"
SAVE_S = 10.0  # between two writes of the file; a killed listener forgets at most this
REPORT_S = 60.0  # between two reports, if no state changes
CHANGE_S = 2.0  # between two reports, if states change
CLEAN_S = 86400.0  # between two removals of old files
ATTEMPTS = 5  # of a report: delta-rs refuses one of two that are made at once
VERSION_DAYS = 1  # for which earlier versions of the table are kept


class SourceReport:
    """Records when sources are connected, and writes it to the table `sources`.

    `connection` is for any thread, all other methods are for one thread at a time.

    Parameters
    ----------
    root : str
        Folder of our tables: a path or a URI.
    spool : str
        Folder of the spool, which exists. The listener has its name, and the periods
        of its sources, in a file there. If several listeners use the folder at once,
        each has its own file.
    sources : iterable of str
        Addresses, as they are configured.

    Raises
    ------
    StorageError
        If the folder of the spool cannot be written.
    """

    def __init__(self, root: str, spool: str, sources: Iterable[str]) -> None:
        self._root, self._spool = root, spool
        self._lock, self._name = _claim(Path(spool), root)
        self.listener, self._batch = uuid.uuid4().hex[:16], 0
        self._left: dict[str, History] = {}  # of sources that are not configured
        self._connections: dict[str, Connection] = {}
        known, at_us = self._load(), now_us()
        for source in sources:
            past = known.pop(source, None)
            resumed = past and past.changed(LOST, at_us, STARTING)
            self._connections[source] = Connection(resumed)
        for source, past in known.items():
            left = past.changed(REMOVED, at_us, "no longer configured")
            if at_us - left.current.since_us < KEEP_US:
                self._left[source] = left
        self._tables: Tables | None = None  # made in the thread that uses it
        self._saved_at = self._reported_at = self._cleaned_at = float("-inf")
        self._reported_changes = -1
        self._wait_s, self._error, self._file_error = CHANGE_S, "", ""

    def connection(self, source: str) -> Connection:
        """Return the connection to one of the sources, which its receiver changes."""
        return self._connections[source]

    def is_due(self) -> bool:
        """Whether `report` has something to do."""
        elapsed = time.monotonic() - self._saved_at
        return elapsed >= SAVE_S or self._is_table_due()

    def _is_table_due(self) -> bool:
        elapsed = time.monotonic() - self._reported_at
        has_changed = self._changes() != self._reported_changes
        return elapsed >= (self._wait_s if has_changed else REPORT_S)

    def _changes(self) -> int:
        return sum(one.changes for one in self._connections.values())

    def report(self) -> None:
        """Write the file, and the table if it is due; an error is logged once."""
        is_table_due = self._is_table_due()
        changes = self._changes()
        self._batch += is_table_due
        at_us = now_us()
        histories = self._histories()
        self._save(histories, at_us)
        if is_table_due:
            self._write_table_or_log(histories, at_us, changes)

    def stop(self) -> None:
        """Report that the listener stops, and give up the file."""
        for connection in self._connections.values():
            connection.stop()
        self._save(self._histories(), now_us())
        # A store that refuses could also keep the listener from stopping in time.
        if not self._error:
            self._reported_at = float("-inf")
            self.report()
        self._lock.close()

    def _histories(self) -> dict[str, History]:
        found = {name: one.history for name, one in self._connections.items()}
        return found | self._left

    def _load(self) -> dict[str, History]:
        """Return the histories in the file, up to the end of the listener."""
        path = Path(self._spool, self._name)
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            histories = {
                source: _history(periods).ended(content["seen_us"])
                for source, periods in content["sources"].items()
            }
            self.listener, self._batch = content["listener"], content["batch"]
        except FileNotFoundError:  # the first start
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _LOG.warning("%s is damaged, and begun again: %s", path, error)
            return {}
        return histories

    def _save(self, histories: Mapping[str, History], at_us: int) -> None:
        self._saved_at = time.monotonic()
        content = {
            "listener": self.listener,
            "batch": self._batch,
            "seen_us": at_us,
            "sources": {
                source: [asdict(period) for period in history.periods]
                for source, history in histories.items()
            },
        }
        raw = json.dumps(content).encode()
        try:
            open_store(self._spool).write(self._name, lambda out: out.write(raw))
            self._file_error = ""
        except StorageError as error:
            if str(error) != self._file_error:
                self._file_error = str(error)
                _LOG.error("%s; after a restart, gaps of sources are not known", error)

    def _write_table_or_log(
        self, histories: Mapping[str, History], at_us: int, changes: int
    ) -> None:
        try:
            rows = report_rows(self.listener, self._batch, histories, at_us)
            self._write_table_or_try_again(rows)
        except StorageError as error:
            self._log(str(error))
        except Exception as error:  # noqa: BLE001 - logged; notices are still received
            self._log(f"sources are not reported: {type(error).__name__}: {error}")
        else:
            if self._error:
                _LOG.info("the table sources can be written again")
            self._error, self._wait_s = "", CHANGE_S
            self._reported_changes = changes
        self._reported_at = time.monotonic()

    def _log(self, error: str) -> None:
        self._wait_s, self._tables = REPORT_S, None
        if not self._error:
            self._error = error
            _LOG.error("%s; tried again every minute, and notices are received", error)

    def _write_table_or_try_again(self, rows: pa.Table) -> None:
        """Write the table, again if another listener has written it meanwhile."""
        for left in reversed(range(ATTEMPTS)):
            try:
                self._write_table(rows)
                self._clean_if_due()
            except StorageError:  # noqa: PERF203 - few iterations
                if not left:
                    raise
                # after a random time, or two listeners could go on in step
                time.sleep(random.uniform(0, 0.5))  # noqa: S311 - not a secret
            else:
                return

    def _write_table(self, rows: pa.Table) -> None:
        """Replace the rows of this listener in the table."""
        import pyarrow.parquet as pq  # these are slow to load

        from fink_voevent.store.delta import Tables, clean_staging, staging_folder

        stage = f"{TABLE}-{self.listener}"
        if self._tables is None:
            clean_staging(self._root, stage)
            self._tables = Tables(self._root)
        staged = open_store(staging_folder(self._root, stage))
        try:
            staged.subfolder(f"listener={self.listener}").write(
                "rows.parquet",
                lambda out: pq.write_table(rows, out, compression="zstd"),
            )
            self._replace(self._tables, self.listener, staged)
        finally:
            staged.remove()

    @staticmethod
    def _replace(tables: Tables, listener: str, staged: Any) -> None:
        from fink_voevent.store.upkeep import replace_partition

        where = [("listener", "=", listener)]
        replace_partition(tables, TABLE, where, staged)

    def _clean_if_due(self) -> None:
        """Once a day, remove old files, and the rows of listeners that are gone."""
        if self._tables is None or time.monotonic() - self._cleaned_at < CLEAN_S:
            return
        self._cleaned_at = time.monotonic()
        from fink_voevent.store.delta import staging_folder
        from fink_voevent.store.upkeep import remove_old_files

        # `files` loads pandas, 50 MB of memory: only if there are other listeners
        if len(open_store(self._root).subfolder(TABLE).folders()) > 1:
            nothing = open_store(staging_folder(self._root, TABLE))
            first_ms = (now_us() - KEEP_US) // 1000
            for file in self._tables.files(TABLE).to_pylist():
                listener = file["partition.listener"]
                if listener != self.listener and file["modification_time"] < first_ms:
                    self._replace(self._tables, listener, nothing)
        remove_old_files(self._tables, TABLE, VERSION_DAYS)


def report_rows(
    listener: str, batch: int, histories: Mapping[str, History], at_us: int
) -> pa.Table:
    """Return the rows of a report, without the column `listener`.

    Parameters
    ----------
    listener : str
        Its name.
    batch : int
        Number of the report.
    histories : mapping of str to History
        By source.
    at_us : int
        Time of the report (us since 1970, UTC).
    """
    import pyarrow as pa
    from pyarrow.json import ParseOptions, read_json

    host = socket.gethostname()
    rows = [
        {
            "batch": batch,
            "listener": listener,
            "host": host,
            "at": at_us,
            "source": source,
            "state": period.state,
            "since": period.since_us,
            "until": period.until_us,
            "reason": period.reason or None,
            "last_document": period.last_document_us,
            "last_sign": period.last_sign_us,
            "documents": period.documents,
        }
        for source, history in histories.items()
        for period in history.periods
    ]
    schema = stored_schema(TABLE)
    plain = pa.schema(
        [
            f.with_type(pa.int64()) if pa.types.is_timestamp(f.type) else f
            for f in schema
        ]
    )
    # From JSON, because `pyarrow.Table.from_pylist` loads pandas: 50 MB of memory.
    text = "\n".join(map(json.dumps, rows)).encode()
    read = read_json(pa.BufferReader(text), parse_options=ParseOptions(plain))
    return read.select(schema.names).cast(schema).drop_columns("listener")


def _history(periods: list[dict[str, Any]]) -> History:
    *past, current = (Period(**period) for period in periods)
    return History(current, tuple(past))


def _claim(spool: Path, root: str) -> tuple[IO[str], str]:
    """Lock the first file that no other listener uses; return the lock and its name."""
    digest = hashlib.sha256(root.encode()).hexdigest()[:12]
    for number in itertools.count():
        name = f"{TABLE}-{digest}-{number}"
        try:
            lock = (spool / f"{name}.lock").open("w")
        except OSError as error:
            raise StorageError(f"spool {spool}: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return lock, f"{name}.json"
    raise AssertionError("unreachable")
