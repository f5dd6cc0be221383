# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Files on the store that Fink uses, without Spark: local disk, HDFS or S3.

A file appears complete or not at all: it is written under a hidden name, which Spark
does not read, and then renamed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from fink_voevent.errors import StorageError

_URI = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/")  # Hadoop writes file:/x too
LONGEST_REASON = 400  # characters of an error of pyarrow
_ESCAPED = re.compile("%[0-9A-Fa-f]{2}")


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
        selector = fs.FileSelector(self.path, allow_not_found=True, recursive=recursive)
        try:
            return list(self.filesystem.get_file_info(selector))
        except FileNotFoundError:
            # the folder was made while pyarrow listed it; the second try finds it
            return list(self.filesystem.get_file_info(selector))

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
        if info.type == fs.FileType.Directory:
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
    """Return the store at a path or a URI (``file://``, ``hdfs://``, ``s3a://``, ...).

    Raises
    ------
    StorageError
        If the URI is not understood, or its file system cannot be reached.
    """
    found = _URI.match(location)
    if found is None:
        return Store(fs.LocalFileSystem(), str(Path(location).absolute()))
    try:
        filesystem, path = fs.FileSystem.from_uri(_plain_uri(location, found[1]))
    except (OSError, ValueError, pa.ArrowException) as error:
        raise StorageError(f"cannot open {location}: {_short(str(error))}") from None
    return Store(filesystem, path)


def _short(reason: str) -> str:
    """Return a reason in one line; pyarrow lists all places where it looked for Java.

    HDFS needs Hadoop's client for what is not a table, and pyarrow finds it by these
    variables.
    """
    line = " ".join(reason.split())
    if "libhdfs" in line or "libjvm" in line:
        return (
            "pyarrow needs Java and Hadoop for HDFS: set JAVA_HOME, HADOOP_HOME and"
            " CLASSPATH (`hadoop classpath --glob`)"
        )
    return line if len(line) <= LONGEST_REASON else f"{line[:LONGEST_REASON]}..."


def table_uri(root: str, name: str) -> str:
    """Return the URI of a table, as delta-rs reads it.

    Raises
    ------
    StorageError
        If the path contains an escaped character such as ``%41``, which delta-rs
        would take for another folder.
    """
    found = _URI.match(root)
    escaped = _ESCAPED.search(root)
    if escaped:
        raise StorageError(
            f"the folder {root} cannot have {escaped[0]} in its name: choose another"
            " VOEVENT_DATA_PREFIX"
        )
    if found is None:
        return Path(root, name).absolute().as_uri()
    return f"{_plain_uri(root, found[1]).rstrip('/')}/{name}"


def _plain_uri(location: str, scheme: str) -> str:
    """Convert a URI as Hadoop writes it to one that pyarrow reads.

    Hadoop's s3a is s3; ``file:/x`` is ``file:///x``; ``hdfs://host:port///x`` has one
    slash too many, twice.
    """
    rest = location[len(scheme) + 1 :]
    host, slash, path = rest.removeprefix("//").partition("/")
    if not rest.startswith("//"):
        host, path = "", rest
    name = "s3" if scheme.lower() in ("s3a", "s3n") else scheme
    return f"{name}://{host}{slash or '/'}{path.lstrip('/')}"
