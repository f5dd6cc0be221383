# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents from files, folders, archives and landing folders."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from fink_voevent.errors import InputError

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_TORN = (zlib.error, lzma.LZMAError)  # a compressed archive that ends too early
_RAW_COLUMNS = ("raw", "raw_event")  # landing; the handler of 2020


@dataclass(frozen=True)
class FileDocument:
    """A document, the file that it was found in, and when it had been received.

    Of a landing file the time that it says, of any other file that of its last change.
    """

    name: str
    raw: bytes
    received_at: datetime


def documents(paths: Iterable[str]) -> Iterator[FileDocument]:
    """All documents at these paths, in order of name.

    Parameters
    ----------
    paths : iterable of str
        Files (one document each), tar archives, Parquet files of a landing folder, and
        folders of these, searched throughout; hidden files are left out.

    Raises
    ------
    InputError
        Where a path does not exist or cannot be read.
    """
    for path in map(Path, paths):
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file())
            visible = [p for p in inside if not _hidden(p.relative_to(path))]
            for file in visible:
                yield from _file(file)
        elif path.exists():
            yield from _file(path)
        else:
            raise InputError(f"{path}: no such file or folder")


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _file(path: Path) -> Iterator[FileDocument]:
    try:
        if path.name.endswith(_ARCHIVES):
            yield from _archive(path)
        elif path.suffix == ".parquet":
            yield from _parquet(path)
        else:
            yield FileDocument(str(path), path.read_bytes(), _changed(path))
    except (OSError, EOFError, tarfile.TarError, pa.ArrowException, *_TORN) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None


def _archive(path: Path) -> Iterator[FileDocument]:
    with tarfile.open(path) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is not None and not _hidden(Path(member.name)):
                changed = datetime.fromtimestamp(member.mtime, timezone.utc)
                yield FileDocument(f"{path}!{member.name}", stream.read(), changed)


def _parquet(path: Path) -> Iterator[FileDocument]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    there = file.schema_arrow.names
    column = next((c for c in _RAW_COLUMNS if c in there), None)
    if column is None:
        raise InputError(
            f"{path}: neither a landing file nor the 2020 handler's (no column raw)"
        )
    wanted = [c for c in (column, "received_at") if c in there]
    for batch in file.iter_batches(columns=wanted):
        raws = batch[column].cast(pa.binary()).to_pylist()
        times = batch["received_at"].to_pylist() if len(wanted) > 1 else []
        for i, raw in enumerate(raws):
            if raw is not None:
                yield FileDocument(
                    str(path), raw, times[i] if times else _changed(path)
                )


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, timezone.utc)
