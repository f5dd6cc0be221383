# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Local folders of a process, which the next one removes if the process was killed.

A folder contains a file that its process has locked. The kernel releases the lock when
the process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from pathlib import Path
from typing import IO

PREFIX = "fink_voevent-"
LOCK = "lock"


class Scratch:
    """A new folder in the folder for temporary files.

    Folders of processes that have ended are removed first.

    Attributes
    ----------
    path : Path
    """

    def __init__(self) -> None:
        remove_left()
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        self._lock = _locked(self.path)

    def remove(self) -> None:
        """Remove the folder, with all that it contains."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _locked(folder: Path) -> IO[bytes]:
    """Lock the file of a folder. It gets its name last: no one finds it unlocked."""
    made = folder / f"{LOCK}.new"
    handle = made.open("wb")
    fcntl.flock(handle, fcntl.LOCK_EX)
    made.rename(folder / LOCK)
    return handle


def remove_left() -> int:
    """Remove the folders of processes that have ended; return their number."""
    removed = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            with (folder / LOCK).open("rb") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
        except OSError:  # in use, of another user, or removed by another process
            continue
        removed += 1
    return removed
