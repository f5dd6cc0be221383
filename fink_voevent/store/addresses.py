# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Addresses of stores, as Hadoop writes them, in the form that all clients read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from fink_voevent.errors import StorageError

_URI = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]+):/")  # Hadoop writes file:/x too
_ESCAPED = re.compile("%[0-9A-Fa-f]{2}")
_OF_S3 = ("s3a", "s3n")  # Hadoop's names of clients for S3


class Address(NamedTuple):
    """Address of a folder on a store.

    Parameters
    ----------
    scheme : str
        ``file``, ``hdfs``, ``s3``, ...; in lower case. Empty for a path.
    host : str
        Host and port, nameservice or bucket.
    path : str
        Begins with one slash, unless the location is a path.
    """

    scheme: str
    host: str
    path: str

    @property
    def uri(self) -> str:
        """The address as a URI."""
        return f"{self.scheme}://{self.host}{self.path}"


def parse_location(location: str) -> Address:
    """Parse a path or a URI.

    Hadoop's s3a is s3; ``file:/x`` is ``file:///x``; ``hdfs://host:port///x`` has one
    slash too many, twice.

    Raises
    ------
    StorageError
        If it has a login, which would be shown wherever the address is.
    """
    found = _URI.match(location)
    if found is None:
        return Address("", "", location)
    scheme, rest = found[1].lower(), location[len(found[1]) + 1 :]
    host, _, path = rest.removeprefix("//").partition("/")
    if not rest.startswith("//"):
        host, path = "", rest
    if "@" in host and scheme != "abfss":  # there it divides container and account
        raise StorageError(
            f"the address {scheme}://***@{host.rpartition('@')[2]} has a login: remove"
            " it, and give it in VOEVENT_STORE_OPTIONS, which is never shown"
        )
    name = "s3" if scheme in _OF_S3 else scheme
    return Address(name, host, f"/{path.lstrip('/')}")


def table_uri(root: str, name: str) -> str:
    """Return the URI of a table, as delta-rs reads it.

    Raises
    ------
    StorageError
        If the path contains an escaped character such as ``%41``, which delta-rs
        would take for another folder; or as of `parse_location`.
    """
    address = parse_location(root)
    escaped = _ESCAPED.search(root)
    if escaped:
        raise StorageError(
            f"the folder {root} cannot have {escaped[0]} in its name: choose another"
            " VOEVENT_DATA_PREFIX"
        )
    if not address.scheme:
        return Path(root, name).absolute().as_uri()
    return f"{address.uri.rstrip('/')}/{name}"
