# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Records of our processes: each says regularly that it runs, beside the tables.

The record of a process is a small file in the folder ``processes``, so that the status
knows which processes should be there, on any machine, and which of them no longer are.
A process that stops on request says so; one that is killed does not.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from fink_voevent.errors import StorageError
from fink_voevent.store.filesystem import open_store

_LOG = logging.getLogger(__name__)
FOLDER = "processes"
BEAT_S = 20.0  # interval between two records
SILENT = timedelta(minutes=3)  # without a record, a process of another machine is dead
KEEP_ENDS = timedelta(hours=1)  # for which the ends of child processes are kept
_DAMAGED = (ValueError, KeyError, TypeError, FileNotFoundError)
RUNNING, STOPPED = "running", "stopped"
# Roles; the others are the stages.
LISTEN, PUBLISH, PAGES = "listen", "publish", "pages"


@dataclass(frozen=True)
class End:
    """A child process that has ended, although it was not requested to.

    Parameters
    ----------
    name : str
    code : int
        Exit code; negative is the number of a signal.
    at : str
        UTC, ISO 8601.
    """

    name: str
    code: int
    at: str


@dataclass(frozen=True)
class ProcessRecord:
    """What a process has said of itself.

    Parameters
    ----------
    name : str
        Command or service.
    roles : tuple of str
        What it does: ``listen``, ``publish``, or names of stages. Those of children are
        not among them.
    host : str
    process : int
        Its number on the host.
    began : str
        When the kernel started it, in its own count; empty if that is not known. With
        the number, this is the identity of a process.
    at : str
        When this was written: UTC, ISO 8601.
    state : str
        ``running`` or ``stopped``.
    ends : tuple of End
        Of children, in the last hour.
    """

    name: str
    roles: tuple[str, ...]
    host: str
    process: int
    began: str
    at: str
    state: str = RUNNING
    ends: tuple[End, ...] = ()

    @property
    def moment(self) -> datetime:
        """When this was written."""
        return datetime.fromisoformat(self.at)

    def is_alive(self, now: datetime) -> bool:
        """Whether the process runs, as far as this machine can know."""
        if self.state == STOPPED:
            return False
        if self.host == socket.gethostname():
            return bool(self.began) and self.began == began(self.process)
        return now - self.moment <= SILENT

    def is_silent(self, now: datetime) -> bool:
        """Whether the process runs, but has not said so for too long."""
        return self.is_alive(now) and now - self.moment > SILENT


class Beat:
    """Writes the record of this process, in a thread.

    Parameters
    ----------
    root : str
        Folder of our tables: a path or a URI.
    name : str
    roles : iterable of str
    """

    def __init__(self, root: str, name: str, roles: Iterable[str]) -> None:
        self._root, self._error, self._is_requested = root, "", False
        number = os.getpid()
        self._record = ProcessRecord(
            name,
            tuple(roles),
            socket.gethostname(),
            number,
            began(number),
            _now().isoformat(),
        )
        self._lock = threading.Lock()  # of the record
        self._woken, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="beat", daemon=True)
        self._thread.start()

    def child_ended(self, name: str, code: int) -> None:
        """Record that a child has ended."""
        now = _now()
        with self._lock:
            kept = [
                end
                for end in self._record.ends
                if now - datetime.fromisoformat(end.at) < KEEP_ENDS
            ]
            ends = (*kept, End(name, code, now.isoformat()))
            self._record = replace(self._record, ends=ends)
        self._woken.set()

    def stop(self, *, is_requested: bool) -> None:
        """Write no more records; the last one says whether the end was requested."""
        self._is_requested = is_requested
        self._stopped.set()
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._write(RUNNING)
            self._woken.wait(BEAT_S)
            self._woken.clear()
        if self._is_requested:
            self._write(STOPPED)

    def _write(self, state: str) -> None:
        with self._lock:
            self._record = replace(self._record, at=_now().isoformat(), state=state)
            record = self._record
        raw = json.dumps(asdict(record)).encode()
        name = f"{record.host}-{record.name}.json"
        try:
            store = open_store(f"{self._root}/{FOLDER}")
            store.write(name, lambda out: out.write(raw))
            self._error = ""
        except (StorageError, OSError) as error:
            if str(error) != self._error:  # once
                self._error = str(error)
                _LOG.warning(
                    "%s; until it can be written, the status does not know of this"
                    " process",
                    error,
                )


@contextmanager
def beating(root: str, name: str, roles: Iterable[str]) -> Iterator[Beat]:
    """Record during the context that this process runs, and after it that it stopped.

    If an error ends the context, the last record stays: the process is then dead.
    """
    beat, is_requested = Beat(root, name, roles), False
    try:
        yield beat
        is_requested = True
    except KeyboardInterrupt:  # Ctrl-C, before the program handles it
        is_requested = True
        raise
    finally:
        beat.stop(is_requested=is_requested)


def records(root: str) -> list[ProcessRecord]:
    """Return the records of all processes, sorted by name and host.

    One that cannot be read is left out: it is written again within seconds.
    """
    store = open_store(f"{root}/{FOLDER}")
    found = []
    for name in store.names(".json"):
        try:
            found.append(_read(store.read(name)))
        except _DAMAGED as error:  # noqa: PERF203 - of one file
            _LOG.debug("%s/%s: %s", store.path, name, error)
    return sorted(found, key=lambda one: (one.name, one.host))


def began(process: int) -> str:
    """Return when the kernel started a process; empty if it does not run.

    From ``/proc/PID/stat``: field 22, the time after boot in clock ticks. A process
    that has ended, and that its parent has not noticed, does not run.
    """
    try:
        text = Path(f"/proc/{process}/stat").read_text(
            encoding="ascii", errors="replace"
        )
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()  # after the name, which may have spaces
    return "" if fields[0] in "ZX" else fields[19]


def _read(raw: bytes) -> ProcessRecord:
    values = json.loads(raw)
    values["ends"] = tuple(End(**end) for end in values["ends"])
    values["roles"] = tuple(values["roles"])
    record = ProcessRecord(**values)
    if record.moment.tzinfo is None:
        raise ValueError("the time has no zone")
    return record


def _now() -> datetime:
    return datetime.now(timezone.utc)
