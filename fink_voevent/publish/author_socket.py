# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The Unix socket on which our VTP broker accepts the VOEvents of our publisher.

VTP does not say who an author is, and every user of a machine can connect to a port of
the loopback interface. The file of a Unix socket has an owner and a mode, which the
kernel checks at each connection: only the user who runs the broker, and root, can send.
So there is no secret to make, to keep and to renew, as a token would be.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from fink_voevent.errors import StorageError

FOLDER, FILE, LOCK = "broadcast", "authors.sock", "lock"  # in the spool folder
BACKLOG = 128  # connections that wait to be accepted
_OPEN_FILES = Path("/proc/self/fd")


def path_of(spool: str) -> Path:
    """Return the path of the socket, in the folder of a spool."""
    return Path(spool).absolute() / FOLDER / FILE


@contextlib.contextmanager
def listening(spool: str) -> Iterator[socket.socket]:
    """Make the socket, and listen on it; remove it at the end.

    The folder has the mode 0700 and the socket 0600.

    Raises
    ------
    StorageError
        If another broker has the socket, or it cannot be made.
    """
    path = path_of(spool)
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.parent.chmod(0o700)
            lock = stack.enter_context((path.parent / LOCK).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)  # of a broker that was killed
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            with _short(path) as name:
                listener.bind(name)
            path.chmod(0o600)
            listener.listen(BACKLOG)
        except BlockingIOError:
            raise StorageError(
                f"another broker serves {path}: stop it, or set another VOEVENT_SPOOL"
            ) from None
        except OSError as error:
            raise StorageError(
                f"{path} cannot be made: {error}; set VOEVENT_SPOOL to a local folder"
                " of yours"
            ) from None
        stack.callback(path.unlink, missing_ok=True)
        yield listener


def connect(spool: str, limit_s: float) -> socket.socket:
    """Connect to the broker of a spool, within a time limit (s).

    Raises
    ------
    OSError
        If no broker listens, or the socket belongs to another user: what is sent there
        would not be what our subscribers receive.
    """
    path = path_of(spool)
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise _nobody(path) from None
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid not in (os.geteuid(), 0):
        raise PermissionError(f"{path} is not a socket of ours")
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(limit_s)
        with _short(path) as name:
            connection.connect(name)
    except BaseException as error:
        connection.close()
        if isinstance(error, (ConnectionRefusedError, FileNotFoundError)):
            raise _nobody(path) from None
        raise
    return connection


def _nobody(path: Path) -> ConnectionError:
    return ConnectionError(
        f"nothing listens at {path}: start `fink_voevent broadcast` with the same"
        " VOEVENT_SPOOL, or set VOEVENT_PUBLISH_TO"
    )


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """Yield a name of a path that is short enough for a socket: about 100 bytes.

    On Linux, an open folder has a short name.
    """
    if not _OPEN_FILES.is_dir():
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"{_OPEN_FILES}/{folder}/{path.name}"
    finally:
        os.close(folder)
