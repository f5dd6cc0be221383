# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Find the files on which a batch fails, so that the others can be processed.

Spark's option ``ignoreCorruptFiles`` is not used: it leaves out a file for good after
any error while it is read, even one of the network, and says nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import quote

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame

from fink_voevent.store.filesystem import open_store
from fink_voevent.store.unread import UnreadFiles

_LOG = logging.getLogger(__name__)
SPARK_ERRORS = (PySparkException, Py4JError)
_CAUSE = re.compile(r"(Caused by: )?[\w.]*(Error|Exception|Interrupt)\b")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")
Read = Callable[[Sequence[str]], DataFrame]


def cause(text: str) -> str:
    """Return the line that names the first cause, from the message of Spark."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if _CAUSE.match(line)), lines[0])


def unreadable(paths: Sequence[str], read: Read) -> dict[str, str]:
    """Return the files that Spark cannot read, with the reason of each.

    All files are read at once; if that fails, each half of them, and so on.

    Parameters
    ----------
    paths : sequence of str
        Files, as Spark names them.
    read : callable
        Returns the rows of files, as the batch needs them. All columns are read.
    """
    found = without_content(paths)
    paths = [path for path in paths if path not in found]
    return found | damaged(paths, read)


def without_content(paths: Sequence[str]) -> dict[str, str]:
    """Return the files that are empty or do not exist, which Spark passes over.

    Parameters
    ----------
    paths : sequence of str
        Files, as Spark names them.
    """
    folders: dict[str, list[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, []).append(name)
    return {
        f"{folder}/{name}": reason
        for folder, names in folders.items()
        for name, reason in open_store(_uri(folder)).without_content(names).items()
    }


def _uri(path: str) -> str:
    """Return the URI of a path, in which Spark has decoded special characters."""
    return quote(path, safe="/:@[]") if _SCHEME.match(path) else path


def damaged(paths: Sequence[str], read: Read) -> dict[str, str]:
    """Return the same as `unreadable`, without looking at the files themselves."""
    if not paths:
        return {}
    try:
        read(paths).write.format("noop").mode("overwrite").save()
    except SPARK_ERRORS as error:
        if len(paths) == 1:
            return {paths[0]: cause(str(error))}
    else:
        return {}
    half = len(paths) // 2
    return damaged(paths[:half], read) | damaged(paths[half:], read)


def without_unreadable(
    paths: Iterable[str],
    read: Read,
    process: Callable[[Sequence[str]], None],
    unread: UnreadFiles,
) -> list[str]:
    """Process files; those that cannot be read are left out, reported and recorded.

    Parameters
    ----------
    paths : iterable of str
        Files of the batch, as Spark names them.
    read : callable
        As in `unreadable`.
    process : callable
        Processes files. It is called again, with fewer files, if some are unreadable.
    unread : UnreadFiles
        Record of the files that are left out.

    Returns
    -------
    list of str
        The files that were processed. Those among them that were recorded are still in
        `unread`: the caller removes them once the batch is committed.

    Raises
    ------
    PySparkException, Py4JError
        If `process` fails although all files can be read.
    """
    remaining = sorted(set(paths))
    found = without_content(remaining)
    while True:
        for path, reason in found.items():
            unread.add(path, reason)
            _LOG.error("%s cannot be read: %s", path, reason)
        remaining = [path for path in remaining if path not in found]
        try:
            process(remaining)
        except SPARK_ERRORS:  # noqa: PERF203 - few iterations
            found = unreadable(remaining, read)
            if not found:
                raise
        else:
            return remaining
