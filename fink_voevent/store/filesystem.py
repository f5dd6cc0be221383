# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Files on the store that Fink uses, outside of Spark: local, HDFS or S3.

A file appears whole or not at all: it is written under a hidden name, which Spark does
not read, and renamed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from fink_voevent.errors import StorageError

_URI = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/")  # Hadoop writes file:/x too


@dataclass(frozen=True)
class Store:
    """A folder on a file system.

    Parameters
    ----------
    filesystem : pyarrow.fs.FileSystem
    path : str
        The folder, as that file system names it.
    """

    filesystem: fs.FileSystem
    path: str

    def at(self, *parts: str) -> Store:
        """Return a folder below this one."""
        return Store(self.filesystem, "/".join((self.path.rstrip("/"), *parts)))

    def make(self) -> None:
        """Make the folder, and those above it.

        Raises
        ------
        StorageError
            Where the store refuses, with its reason.
        """
        try:
            self.filesystem.create_dir(self.path, recursive=True)
        except OSError as error:
            raise StorageError(f"cannot make {self.path}: {error}") from None

    def names(self, suffix: str) -> list[str]:
        """Sorted names of the visible files with this suffix in this very folder."""
        return [Path(info.path).name for info in self._files(suffix, recursive=False)]

    def files(self, suffix: str) -> list[fs.FileInfo]:
        """Visible files with this suffix, in this folder and below, sorted by path."""
        return self._files(suffix, recursive=True)

    def _files(self, suffix: str, *, recursive: bool) -> list[fs.FileInfo]:
        found = [
            info
            for info in self._listed(recursive=recursive)
            if info.type == fs.FileType.File
            and info.path.endswith(suffix)
            and not Path(info.path).name.startswith((".", "_"))
        ]
        return sorted(found, key=lambda info: info.path)

    def folders(self) -> list[str]:
        """Names of the visible folders in this one, sorted."""
        found = [info for info in self._listed(recursive=False) if not info.is_file]
        names = [Path(info.path).name for info in found]
        return sorted(name for name in names if not name.startswith((".", "_")))

    def _listed(self, *, recursive: bool) -> list[fs.FileInfo]:
        selector = fs.FileSelector(self.path, allow_not_found=True, recursive=recursive)
        try:
            return list(self.filesystem.get_file_info(selector))
        except FileNotFoundError:
            # made while pyarrow looked: not there to be listed, there when asked again
            return list(self.filesystem.get_file_info(selector))

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        info = self.filesystem.get_file_info(f"{self.path}/{name}")
        return bool(info.type != fs.FileType.NotFound)

    def read(self, name: str) -> bytes:
        """Bytes of a file."""
        with self.filesystem.open_input_stream(f"{self.path}/{name}") as stream:
            return bytes(stream.read())

    def rows(self, name: str) -> int:
        """Count the rows of a Parquet file, by its footer."""
        return self.rows_at(f"{self.path}/{name}")

    def rows_at(self, path: str) -> int:
        """As `rows`, of a path as `files` gives it."""
        return int(pq.read_metadata(path, filesystem=self.filesystem).num_rows)

    def edges(self, name: str, column: str) -> tuple[Any, Any]:
        """Least and largest value of a column of a Parquet file, by its footer.

        Raises
        ------
        StorageError
            Where the footer does not say.
        """
        footer = pq.read_metadata(f"{self.path}/{name}", filesystem=self.filesystem)
        position = footer.schema.names.index(column)
        groups = [footer.row_group(g) for g in range(footer.num_row_groups)]
        told = [group.column(position).statistics for group in groups]
        if not told or any(t is None or not t.has_min_max for t in told):
            raise StorageError(
                f"{self.path}/{name} does not tell the edges of {column}"
            )
        return min(t.min for t in told), max(t.max for t in told)

    def move(self, name: str, target: Store) -> None:
        """Move a file to another folder of the same file system."""
        target.filesystem.create_dir(target.path, recursive=True)
        self.filesystem.move(f"{self.path}/{name}", f"{target.path}/{name}")

    def sync(self, names: Iterable[str]) -> None:
        """Wait until files, and the folders that name them, are on a local disk."""
        if not isinstance(self.filesystem, fs.LocalFileSystem):
            return
        folders = set()
        for name in names:
            path = Path(self.path, name)
            _sync(path)
            folders |= {p for p in path.parents if p.is_relative_to(self.path)}
        for folder in folders:
            _sync(folder)

    def remove(self) -> None:
        """Remove the folder and all that is in it, where it is there."""
        info = self.filesystem.get_file_info(self.path)
        if info.type == fs.FileType.Directory:
            self.filesystem.delete_dir(self.path)

    def delete(self, name: str) -> None:
        """Remove a file, where it is there."""
        if self.exists(name):
            self.filesystem.delete_file(f"{self.path}/{name}")

    def write(self, name: str, fill: Callable[[pa.NativeFile], None]) -> str:
        """Put a file in place, whole, and return its path.

        Parameters
        ----------
        name : str
            An existing file of that name is replaced.
        fill : callable
            Writes the content to the stream it is given.

        Raises
        ------
        StorageError
            Where the store refuses, with its reason.
        """
        target, hidden = f"{self.path}/{name}", f"{self.path}/.{name}.part"
        try:
            self.filesystem.create_dir(self.path, recursive=True)
            with self.filesystem.open_output_stream(hidden) as stream:
                fill(stream)
            if isinstance(self.filesystem, fs.LocalFileSystem):
                _sync(Path(hidden))
                Path(hidden).replace(target)
                _sync(Path(self.path))
            else:
                if self.exists(name):  # HDFS does not rename onto a file
                    self.filesystem.delete_file(target)
                self.filesystem.move(hidden, target)
        except OSError as error:
            raise StorageError(f"cannot write {target}: {error}") from None
        return target


def _sync(path: Path) -> None:
    """Wait until a local file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_store(location: str) -> Store:
    """Store at a path or a URI (``file://``, ``hdfs://``, ``s3a://``, ...).

    Raises
    ------
    StorageError
        Where the URI is not understood or its file system cannot be reached.
    """
    found = _URI.match(location)
    if found is None:
        return Store(fs.LocalFileSystem(), str(Path(location).absolute()))
    try:
        filesystem, path = fs.FileSystem.from_uri(_plain_uri(location, found[1]))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StorageError(f"cannot open {location}: {error}") from None
    return Store(filesystem, path)


def _plain_uri(location: str, scheme: str) -> str:
    """URI as pyarrow reads it, of one as Hadoop writes it.

    Hadoop's s3a is s3; ``file:/x`` is ``file:///x``; ``hdfs://host:port///x`` has one
    slash too many, twice.
    """
    rest = location[len(scheme) + 1 :]
    host, slash, path = rest.removeprefix("//").partition("/")
    if not rest.startswith("//"):
        host, path = "", rest
    name = "s3" if scheme.lower() in ("s3a", "s3n") else scheme
    return f"{name}://{host}{slash or '/'}{path.lstrip('/')}"
