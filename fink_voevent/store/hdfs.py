# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""HDFS for pyarrow, by hdfs-native: without Java, libhdfs and a class path.

It reads ``core-site.xml`` and ``hdfs-site.xml`` in ``HADOOP_CONF_DIR``, and the name of
the user in ``HADOOP_USER_NAME``. For Kerberos it loads libgssapi_krb5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
from hdfs_native import Client, FileStatus, WriteOptions
from pyarrow import fs

# A file up to this size is read at once: Arrow then reads its parts without Python.
WHOLE_BYTES = 16 * 2**20


class HdfsHandler(fs.FileSystemHandler):  # type: ignore[misc]
    """Operations of ``pyarrow.fs.PyFileSystem`` on HDFS.

    Parameters
    ----------
    address : str
        Such as ``hdfs://host:8020`` or ``hdfs://nameservice``.
    options : mapping of str to str
        Hadoop's configuration, where it is not in files.

    Raises
    ------
    OSError
        If the address has no NameNode.
    """

    def __init__(self, address: str, options: Mapping[str, str]) -> None:
        self._address = address
        with self._errors():
            self._client = Client(address, dict(options))

    def __eq__(self, other: object) -> bool:
        """Whether the other is the same HDFS."""
        return isinstance(other, HdfsHandler) and self._address == other._address

    def __hash__(self) -> int:
        """Return the hash of the address."""
        return hash(self._address)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Raise the errors of hdfs-native as OSError in one line.

        The NameNode adds its stack to them.
        """
        try:
            yield
        except OSError as error:
            reason = str(error).partition("\n")[0]
            if type(error) is OSError:
                reason = (
                    f"HDFS at {self._address} answers {reason!r}: check its address"
                    " (fink_voevent doctor tries it), and that its NameNode runs"
                )
            raise type(error)(reason) from None
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise OSError(
                f"HDFS at {self._address} cannot be used ({reason}): a nameservice"
                " needs HADOOP_CONF_DIR, or its dfs.* in VOEVENT_STORE_OPTIONS"
            ) from None

    def get_type_name(self) -> str:  # noqa: D102
        return "hdfs"

    def normalize_path(self, path: str) -> str:  # noqa: D102
        return path

    def get_file_info(self, paths: Sequence[str]) -> list[fs.FileInfo]:  # noqa: D102
        return [self._info(path) for path in paths]

    def _info(self, path: str) -> fs.FileInfo:
        try:
            with self._errors():
                return _file_info(self._client.get_file_info(path))
        except FileNotFoundError:
            return fs.FileInfo(path, fs.FileType.NotFound)

    def get_file_info_selector(  # noqa: D102
        self, selector: fs.FileSelector
    ) -> list[fs.FileInfo]:
        folder = selector.base_dir
        try:
            with self._errors():
                found = list(self._client.list_status(folder, selector.recursive))
        except FileNotFoundError:
            if selector.allow_not_found:
                return []
            raise
        if [status.path for status in found if not status.isdir] == [folder]:
            raise NotADirectoryError(f"{folder} is a file")
        return [_file_info(status) for status in found]

    def create_dir(self, path: str, recursive: bool) -> None:  # noqa: D102, FBT001
        with self._errors():
            self._client.mkdirs(path, create_parent=recursive)

    def delete_dir(self, path: str) -> None:  # noqa: D102
        with self._errors():
            self._client.delete(path, recursive=True)

    def delete_dir_contents(  # noqa: D102
        self,
        path: str,
        missing_dir_ok: bool = False,  # noqa: FBT001, FBT002 - named by pyarrow
    ) -> None:
        selector = fs.FileSelector(path, allow_not_found=missing_dir_ok)
        for info in self.get_file_info_selector(selector):
            self.delete_dir(info.path)

    def delete_root_dir_contents(self) -> None:  # noqa: D102
        raise OSError("the root of HDFS is not emptied")

    def delete_file(self, path: str) -> None:  # noqa: D102
        with self._errors():
            if not self._client.delete(path):
                raise FileNotFoundError(f"{path} does not exist")

    def move(self, src: str, dest: str) -> None:  # noqa: D102
        with self._errors():
            self._client.rename(src, dest, overwrite=True)

    def copy_file(self, src: str, dest: str) -> None:  # noqa: D102
        with self.open_input_stream(src) as source, self._writer(dest) as target:
            target.write(source.read())

    def open_input_stream(self, path: str) -> pa.NativeFile:  # noqa: D102
        return self.open_input_file(path)

    def open_input_file(self, path: str) -> pa.NativeFile:  # noqa: D102
        with self._errors():
            reader = self._client.read(path)
            if reader.size <= WHOLE_BYTES:
                return pa.BufferReader(reader.read())
        return pa.PythonFile(reader, mode="r")

    def open_output_stream(  # noqa: D102
        self, path: str, metadata: Mapping[str, str] | None
    ) -> pa.NativeFile:
        return self._writer(path)

    def open_append_stream(  # noqa: D102
        self, path: str, metadata: Mapping[str, str] | None
    ) -> pa.NativeFile:
        with self._errors():
            return pa.PythonFile(self._client.append(path), mode="w")

    def _writer(self, path: str) -> pa.NativeFile:
        options = WriteOptions(overwrite=True, create_parent=True)
        with self._errors():
            return pa.PythonFile(self._client.create(path, options), mode="w")


def _file_info(status: FileStatus) -> fs.FileInfo:
    kind = fs.FileType.Directory if status.isdir else fs.FileType.File
    values: dict[str, Any] = {} if status.isdir else {"size": status.length}
    changed_at = datetime.fromtimestamp(status.modification_time / 1000, timezone.utc)
    return fs.FileInfo(status.path, kind, mtime=changed_at, **values)
