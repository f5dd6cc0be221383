# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Read documents from files, folders, archives and landing folders."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa

from fink_voevent.errors import InputError

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
# What reading a file can raise: it may be damaged, or have times beyond the year 9999.
_FAULTS = (
    *(OSError, EOFError, ValueError, OverflowError, tarfile.TarError),
    *(pa.ArrowException, zlib.error, lzma.LZMAError),
)
_RAW_COLUMNS = ("raw", "raw_event")  # of the table landing; of the handler of 2020


@dataclass(frozen=True)
class FileDocument:
    """A document that was read from a file.

    Parameters
    ----------
    name : str
        Path of the file; for a member of an archive, ``archive!member``.
    raw : bytes
        The document.
    received_at : datetime
        When it was received (UTC), according to a landing file; for any other file,
        when the file was last modified.
    """

    name: str
    raw: bytes
    received_at: datetime


def documents(paths: Iterable[str]) -> Iterator[FileDocument]:
    """Yield all documents at some paths.

    Parameters
    ----------
    paths : iterable of str
        Files (one document each), tar archives, Parquet files of a landing folder
        (column ``raw`` or ``raw_event``), and folders of these. Folders are searched
        recursively, in order of name; hidden files (``.``, ``_``) are left out.

    Yields
    ------
    FileDocument

    Raises
    ------
    InputError
        If a path does not exist or cannot be read.
    """
    for path in map(Path, paths):
        if path.is_dir():
            for file in sorted(p for p in path.rglob("*") if p.is_file()):
                if not _is_hidden(file.relative_to(path)):
                    yield from _file(file)
        elif path.exists():
            yield from _file(path)
        else:
            raise InputError(f"{path}: no such file or folder")


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _file(path: Path) -> Iterator[FileDocument]:
    try:
        if path.name.endswith(_ARCHIVES):
            yield from _archive(path)
        elif path.suffix == ".parquet":
            yield from _parquet(path)
        else:
            yield FileDocument(_text(path), path.read_bytes(), _modified_at(path))
    except _FAULTS as error:
        raise InputError(f"{path}: cannot be read: {error}") from None


def _text(name: Path | str) -> str:
    """Return a name as text: it may have bytes that are not UTF-8."""
    return str(name).encode(errors="backslashreplace").decode()


def _archive(path: Path) -> Iterator[FileDocument]:
    with tarfile.open(path) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is not None and not _is_hidden(Path(member.name)):
                modified = datetime.fromtimestamp(member.mtime, timezone.utc)
                name = _text(f"{path}!{member.name}")
                yield FileDocument(name, stream.read(), modified)


def _parquet(path: Path) -> Iterator[FileDocument]:
    import pyarrow.parquet as pq  # slow to load

    file = pq.ParquetFile(path)
    columns = file.schema_arrow.names
    column = next((c for c in _RAW_COLUMNS if c in columns), None)
    if column is None:
        raise InputError(
            f"{path}: not a landing file: it has no column raw or raw_event"
        )
    present = [c for c in (column, "received_at") if c in columns]
    for batch in file.iter_batches(columns=present):
        raws = batch[column].cast(pa.binary()).to_pylist()
        times = batch["received_at"].to_pylist() if len(present) > 1 else []
        for i, raw in enumerate(raws):
            if raw is not None:
                received_at = times[i] if times else None
                yield FileDocument(_text(path), raw, received_at or _modified_at(path))


def _modified_at(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
