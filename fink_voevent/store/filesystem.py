# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Files on the store that Fink uses, without Spark: local disk, HDFS or S3.

A file appears complete or not at all: it is written under a hidden name, which Spark
does not read, and then renamed.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from fink_voevent.errors import StorageError
from fink_voevent.store.addresses import Address, parse_location
from fink_voevent.store.hdfs import HdfsHandler
from fink_voevent.store.options import for_arrow_s3, for_hdfs, store_options

_LOG = logging.getLogger(__name__)

LONGEST_REASON = 400  # characters of an error of a client


@dataclass(frozen=True)
class Store:
    """A folder on a file system.

    Parameters
    ----------
    filesystem : pyarrow.fs.FileSystem
    path : str
        Folder, as the file system names it.
    """

    filesystem: fs.FileSystem
    path: str

    @property
    def is_local(self) -> bool:
        """Whether it is on a local disk, which has locks and must be synced."""
        return isinstance(self.filesystem, fs.LocalFileSystem)

    def subfolder(self, *parts: str) -> Store:
        """Return a folder below this one."""
        return Store(self.filesystem, "/".join((self.path.rstrip("/"), *parts)))

    def create(self) -> None:
        """Make the folder, and those above it.

        Raises
        ------
        StorageError
            If the store refuses; the message gives its reason.
        """
        try:
            self.filesystem.create_dir(self.path, recursive=True)
        except OSError as error:
            raise StorageError(f"cannot make {self.path}: {error}") from None

    def names(self, suffix: str) -> list[str]:
        """Return the names of visible files with a suffix in this folder, sorted."""
        return [Path(info.path).name for info in self._files(suffix, recursive=False)]

    def files(self, suffix: str) -> list[fs.FileInfo]:
        """Return visible files with a suffix, here and below, sorted by path."""
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
        """Return the names of the visible folders in this one, sorted."""
        found = [info for info in self._listed(recursive=False) if not info.is_file]
        names = [Path(info.path).name for info in found]
        return sorted(name for name in names if not name.startswith((".", "_")))

    def _listed(self, *, recursive: bool) -> list[fs.FileInfo]:
        """List files and folders; names that are not UTF-8 are reported, not given."""
        selector = fs.FileSelector(self.path, allow_not_found=True, recursive=recursive)
        try:
            found = list(self.filesystem.get_file_info(selector))
        except FileNotFoundError:
            # the folder was made while pyarrow listed it; the second try finds it
            found = list(self.filesystem.get_file_info(selector))
        listed = [info for info in found if _is_utf8(info)]
        if len(listed) < len(found):
            _LOG.error(
                "%s: %d files or folders are not read, because their names are not"
                " UTF-8: rename them",
                self.path,
                len(found) - len(listed),
            )
        return listed

    def exists(self, name: str) -> bool:
        """Whether a file exists."""
        info = self.filesystem.get_file_info(f"{self.path}/{name}")
        return bool(info.type != fs.FileType.NotFound)

    def without_content(self, names: Iterable[str]) -> dict[str, str]:
        """Return, of these files, those that are empty or do not exist: which it is."""
        infos = self.filesystem.get_file_info([f"{self.path}/{n}" for n in names])
        return {
            Path(info.path).name: "it is empty" if info.is_file else "it does not exist"
            for info in infos
            if not info.size
        }

    def read(self, name: str) -> bytes:
        """Return the bytes of a file."""
        with self.filesystem.open_input_stream(f"{self.path}/{name}") as stream:
            return bytes(stream.read())

    def relative_files(self, suffix: str) -> list[str]:
        """Return visible files with a suffix, here and below, relative to the folder.

        They are sorted.
        """
        prefix = f"{self.path.rstrip('/')}/"
        return [info.path.removeprefix(prefix) for info in self.files(suffix)]

    def row_count_at(self, path: str) -> int:
        """Return the rows of a Parquet file, from its footer; for a path of `files`."""
        return int(pq.read_metadata(path, filesystem=self.filesystem).num_rows)

    def read_table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return a Parquet file, or some columns of it."""
        path = f"{self.path}/{name}"
        with pq.ParquetFile(path, filesystem=self.filesystem) as file:
            return file.read(None if columns is None else list(columns))

    def iter_rows(self, name: str, most: int) -> Iterator[pa.RecordBatch]:
        """Yield the rows of a Parquet file, so many at once at most."""
        path = f"{self.path}/{name}"
        with pq.ParquetFile(path, filesystem=self.filesystem) as file:
            yield from file.iter_batches(most)

    def rename(self, target: Store) -> None:
        """Move the folder, if it exists, to a place where there is none."""
        info = self.filesystem.get_file_info(self.path)
        if info.type == fs.FileType.Directory:
            parent = target.path.rpartition("/")[0]
            target.filesystem.create_dir(parent, recursive=True)
            self.filesystem.move(self.path, target.path)

    def footer(self, name: str) -> pq.FileMetaData:
        """Return the footer of a Parquet file."""
        return pq.read_metadata(f"{self.path}/{name}", filesystem=self.filesystem)

    def move(self, name: str, folder: Store, target: str) -> int:
        """Move a file into another folder of the same file system.

        Parameters
        ----------
        name : str
            Relative to this folder.
        folder : Store
        target : str
            New name, relative to `folder`; folders are made.

        Returns
        -------
        int
            Size of the file (bytes).
        """
        source = f"{self.path}/{name}"
        size = int(self.filesystem.get_file_info(source).size)
        path = f"{folder.path.rstrip('/')}/{target}"
        folder.filesystem.create_dir(path.rpartition("/")[0], recursive=True)
        self.filesystem.move(source, path)
        return size

    def sync(self, names: Iterable[str]) -> None:
        """Wait until files and their folders are on the disk, on a local store."""
        if not self.is_local:
            return
        folders = set()
        for name in names:
            path = Path(self.path, name)
            _sync(path)
            folders |= {p for p in path.parents if p.is_relative_to(self.path)}
        for folder in folders:
            _sync(folder)

    def remove(self) -> None:
        """Remove the folder and its contents, if it exists."""
        info = self.filesystem.get_file_info(self.path)
        if info.type != fs.FileType.Directory:
            return
        try:
            self.filesystem.delete_dir(self.path)
        except OSError:
            if self.is_local:
                raise
            self._remove_deepest_first()

    def _remove_deepest_first(self) -> None:
        """Remove the contents one by one.

        A gateway of S3 that keeps objects in folders refuses to remove a folder and its
        contents in one request, in which the folder comes first.
        """
        found = self._listed(recursive=True)
        for info in sorted(found, key=lambda info: info.path, reverse=True):
            if info.is_file:
                self.filesystem.delete_file(info.path)
            else:
                self.filesystem.delete_dir(info.path)
        if self.filesystem.get_file_info(self.path).type == fs.FileType.Directory:
            self.filesystem.delete_dir(self.path)

    def delete(self, name: str) -> None:
        """Remove a file, if it exists."""
        if self.exists(name):
            self.filesystem.delete_file(f"{self.path}/{name}")

    def write(self, name: str, fill: Callable[[pa.NativeFile], None]) -> str:
        """Write a file, complete or not at all, and return its path.

        Parameters
        ----------
        name : str
            Name of the file; an existing file is replaced.
        fill : callable
            Writes the content to the stream that it receives.

        Raises
        ------
        StorageError
            If the store refuses; the message gives its reason.
        """
        target, hidden = f"{self.path}/{name}", f"{self.path}/.{name}.part"
        try:
            self.filesystem.create_dir(self.path, recursive=True)
            with self.filesystem.open_output_stream(hidden) as stream:
                fill(stream)
            if self.is_local:
                _sync(Path(hidden))
                Path(hidden).replace(target)
                _sync(Path(self.path))
            else:
                self.filesystem.move(hidden, target)
        except OSError as error:
            raise StorageError(f"cannot write {target}: {error}") from None
        return target


def _is_utf8(info: fs.FileInfo) -> bool:
    try:
        return bool(info.path)
    except UnicodeDecodeError:
        return False


def _sync(path: Path) -> None:
    """Wait until a local file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_store(location: str) -> Store:
    """Return the store at a path or a URI (``file://``, ``hdfs://``, ``s3a://``, ...).

    The environment gives the options of HDFS and S3: see `options.store_options`.

    Raises
    ------
    StorageError
        If the URI is not understood or has a login, or its file system cannot be
        opened.
    """
    address = parse_location(location)
    if not address.scheme:
        return Store(fs.LocalFileSystem(), str(Path(location).absolute()))
    options = {} if address.scheme == "file" else store_options(os.environ)
    try:
        return _open(address, tuple(sorted(options.items())), os.getpid())
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StorageError(f"cannot open {location}: {shortened(str(error))}") from None


def _open(
    address: Address, options: tuple[tuple[str, str], ...], process: int
) -> Store:
    if address.scheme in ("hdfs", "viewfs"):
        return Store(_hdfs(address._replace(path=""), options, process), address.path)
    if address.scheme == "s3":
        return Store(_s3(options, process), f"{address.host}{address.path}")
    return Store(*fs.FileSystem.from_uri(address.uri))


# The connections of a client cannot be used in a process that was forked from its own.
@functools.lru_cache(maxsize=16)
def _hdfs(
    address: Address, options: tuple[tuple[str, str], ...], _process: int
) -> fs.FileSystem:
    return fs.PyFileSystem(HdfsHandler(address.uri, for_hdfs(dict(options))))


@functools.lru_cache(maxsize=16)
def _s3(options: tuple[tuple[str, str], ...], _process: int) -> fs.FileSystem:
    return fs.S3FileSystem(**for_arrow_s3(dict(options)))


def shortened(reason: str) -> str:
    """Return the reason of an error in one line, which is not too long to be read."""
    line = " ".join(reason.split())
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]}..."
