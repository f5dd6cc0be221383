# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Read documents in a process of their own, so that none can stop its caller.

A document on which the process dies, or that needs more processor time or memory than
`fink_voevent.limits` allows, is put in quarantine; the process is then started again.
The rules of the process itself are in `fink_voevent.ingest.reader_process`.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from fink_voevent import limits
from fink_voevent.errors import NoticeError
from fink_voevent.ingest import conversion, reader_process
from fink_voevent.notices.streams import Registry

# Part of the reason of each refusal that does not come from the document's content: a
# document with such a reason can be tried again.
STOPPED = "reading it was stopped: "
# numpy's linear algebra would start a thread for each core; Arrow's own allocator would
# keep memory that it no longer uses.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}


Converted = dict[str, pa.RecordBatch]


def refuse(landed: pa.RecordBatch, reason: str) -> Converted:
    """Return documents as rows of quarantine, all with the same reason."""
    reasons: conversion.Reasons = [reason] * landed.num_rows
    return {
        "events": conversion.no_rows("events"),
        "regions": conversion.no_rows("regions"),
        "quarantine": conversion.quarantine(landed, reasons),
    }


def concatenate(parts: Sequence[Converted]) -> Converted:
    """Return the rows of several conversions, at least one, in order."""
    return {
        table: conversion.joined([part[table] for part in parts]) for table in parts[0]
    }


class _ProcessEndedError(Exception):
    """The process ended before it had answered; the message is the reason.

    Parameters
    ----------
    reason : str
    by_others : bool
        Whether something else than the request may have ended it.
    """

    def __init__(self, reason: str, *, by_others: bool) -> None:
        super().__init__(f"{STOPPED}{reason}")
        self.by_others = by_others


class Reader:
    """A process that reads documents and sky maps, for one thread.

    It is started by the first request and kept for the next ones. `close` ends it; it
    also ends by itself after the process that started it, however that ends.

    Parameters
    ----------
    registry : Registry
        The streams.
    cpu_s : float, optional
        Most processor time (s) for one request.
    memory_bytes : int, optional
        Most memory for one request, above what the idle process uses.
    """

    def __init__(
        self,
        registry: Registry,
        cpu_s: float = limits.CPU_S,
        memory_bytes: int = limits.MEMORY_BYTES,
    ) -> None:
        self._cpu_s = cpu_s
        self._set_up = pickle.dumps((registry, cpu_s, memory_bytes))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Reader:
        """Return the reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.close()

    @property
    def pid(self) -> int | None:
        """Process identifier; None if no process is running."""
        return None if self._process is None else self._process.pid

    def convert(self, landed: pa.RecordBatch) -> Converted:
        """Convert documents to rows of the tables events, regions and quarantine.

        Parameters
        ----------
        landed : RecordBatch
            Columns of the table ``landing``. All of them are read together, which is
            faster; if that fails, each is read alone.

        Returns
        -------
        dict
            ``events``, ``regions`` and ``quarantine``, each with the columns of that
            table. Each document is one row of events or of quarantine; a test event of
            our own broker is neither.
        """
        content = reader_process.pack(landed)
        try:
            answer = self._request(reader_process.DOCUMENTS, content)
        except _ProcessEndedError as error:
            if landed.num_rows == 1:
                return refuse(landed, str(error))
            return concatenate(
                [self.convert(landed.slice(row, 1)) for row in range(landed.num_rows)]
            )
        texts = reader_process.unpack(answer[reader_process.REASONS])
        return {
            "events": reader_process.unpack(answer[reader_process.EVENTS]),
            "regions": reader_process.unpack(answer[reader_process.REGIONS]),
            "quarantine": conversion.quarantine(landed, texts["reason"].to_pylist()),
        }

    def read_map(self, content: bytes) -> Converted:
        """Read a sky map.

        Parameters
        ----------
        content : bytes
            A FITS file.

        Returns
        -------
        dict
            ``maps`` and ``regions``, one row of each of these tables, with null as
            `skymap_url`.

        Raises
        ------
        NoticeError
            If it is not a sky map, or if reading it exceeds the limits.
        """
        try:
            answer = self._request(reader_process.MAP, content)
        except _ProcessEndedError as error:
            raise NoticeError(str(error)) from None
        if reader_process.REFUSED in answer:
            raise NoticeError(answer[reader_process.REFUSED].decode())
        return {
            "maps": reader_process.unpack(answer[reader_process.MAP_ROW]),
            "regions": reader_process.unpack(answer[reader_process.REGIONS]),
        }

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):  # what was not sent is not needed
                stream.close()  # type: ignore[union-attr]
        process.kill()
        process.wait()

    def _request(self, kind: bytes, content: bytes) -> dict[bytes, bytes]:
        """Return the parts of the answer to a request.

        If something else may have ended the process, the request is tried once more.
        """
        try:
            return self._request_once(kind, content)
        except _ProcessEndedError as error:
            if not error.by_others:
                raise
        return self._request_once(kind, content)

    def _request_once(self, kind: bytes, content: bytes) -> dict[bytes, bytes]:
        process = self._process = self._process or self._started()
        try:
            reader_process.send(process.stdin, kind, content)  # type: ignore[arg-type]
            process.stdin.flush()  # type: ignore[union-attr]
            parts = dict(self._messages(process))
        except BrokenPipeError:
            raise self._ended(process) from None
        except BaseException:  # or the next request would read the rest of this answer
            self.close()
            raise
        if reader_process.LAST in parts:
            self.close()
        elif reader_process.DONE not in parts:
            raise self._ended(process)
        return parts

    def _messages(
        self, process: subprocess.Popen[bytes]
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the messages of an answer, the end included."""
        _wait_for_output(process)
        kind = b""
        while kind not in (reader_process.DONE, reader_process.LAST):
            message = reader_process.receive(process.stdout)  # type: ignore[arg-type]
            if message is None:
                return
            yield message
            kind = message[0]

    def _ended(self, process: subprocess.Popen[bytes]) -> _ProcessEndedError:
        """Return why the process has ended."""
        self._process = None
        code = process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        if code == -signal.SIGPROF:
            reason = f"it takes more than {self._cpu_s:g} s of processor time"
            return _ProcessEndedError(reason, by_others=False)
        if code == -signal.SIGKILL:
            reason = "the process was killed twice, perhaps because memory ran out"
            return _ProcessEndedError(reason, by_others=True)
        if code == reader_process.NO_MEMORY:
            return _ProcessEndedError("it takes too much memory", by_others=False)
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return _ProcessEndedError(f"the process ended ({name})", by_others=False)

    def _started(self) -> subprocess.Popen[bytes]:
        path = os.pathsep.join(p for p in sys.path if p)  # executors: our package too
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", reader_process.__name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, **_ENVIRONMENT},
        )
        set_up = (reader_process.SET_UP, self._set_up)
        reader_process.send(process.stdin, *set_up)  # type: ignore[arg-type]
        return process


def _wait_for_output(process: subprocess.Popen[bytes]) -> None:
    """Wait until there is output; kill the process if it does nothing meanwhile."""
    before = -1.0
    while not select.select([process.stdout], [], [], limits.SILENT_S)[0]:
        used = _processor_time(process.pid)
        if used == before:
            process.kill()
        before = used


def _processor_time(pid: int) -> float:
    """Return the processor time of a process, in ticks; 0 if it is not known."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # the process has ended, or this is not Linux
        return 0.0
    fields = text.rpartition(")")[2].split()
    return float(fields[11]) + float(fields[12])
