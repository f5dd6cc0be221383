# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Documents from files, folders, archives and landing folders."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fink_voevent.errors import InputError

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_RAW_COLUMNS = ("raw", "raw_event")  # landing; the handler of 2020


@dataclass(frozen=True)
class Found:
    """A document and the name of the file that it was found in."""

    name: str
    raw: bytes


def documents(paths: Iterable[str]) -> Iterator[Found]:
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


def _file(path: Path) -> Iterator[Found]:
    try:
        if path.name.endswith(_ARCHIVES):
            yield from _archive(path)
        elif path.suffix == ".parquet":
            yield from _parquet(path)
        else:
            yield Found(str(path), path.read_bytes())
    except (OSError, tarfile.TarError, pa.ArrowException) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None


def _archive(path: Path) -> Iterator[Found]:
    with tarfile.open(path) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is not None and not _hidden(Path(member.name)):
                yield Found(f"{path}!{member.name}", stream.read())


def _parquet(path: Path) -> Iterator[Found]:
    file = pq.ParquetFile(path)
    column = next((c for c in _RAW_COLUMNS if c in file.schema_arrow.names), None)
    if column is None:
        raise InputError(
            f"{path}: neither a landing file nor the 2020 handler's (no column raw)"
        )
    for batch in file.iter_batches(columns=[column]):
        for raw in batch.column(0).cast(pa.binary()).to_pylist():
            if raw is not None:
                yield Found(str(path), raw)
