# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Files that a stage could not read: tried again, then set aside, never forgotten.

A file may be incomplete for a moment, and complete a minute later. Each is tried again
after waits that double, `TRIES` times in all; then it is set aside until a person lets
it be tried again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta, timezone

from fink_voevent.store.filesystem import Store, open_store

FOLDER = "unread"
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(hours=1)
TRIES = 12  # two and a half hours in all


@dataclass(frozen=True)
class UnreadFile:
    """A file that could not be read.

    Parameters
    ----------
    path : str
        Path or URI.
    reason : str
        Why it could not be read, the last time.
    tried_at : str
        When it was last tried: UTC, ISO 8601.
    tries : int
        How often it was tried.
    """

    path: str
    reason: str
    tried_at: str
    tries: int

    @property
    def is_set_aside(self) -> bool:
        """Whether it is not tried again."""
        return self.tries >= TRIES

    @property
    def due_at(self) -> datetime:
        """When it is tried again, unless it is set aside (UTC)."""
        wait = min(FIRST_WAIT * 2 ** (self.tries - 1), LONGEST_WAIT)
        return datetime.fromisoformat(self.tried_at) + wait


@dataclass(frozen=True)
class UnreadFiles:
    """The record of a stage's unread files.

    Parameters
    ----------
    root : str
        Folder of our tables: a path or a URI.
    stage : str
        Name of the stage, and of the survey if it has several records.
    """

    root: str
    stage: str

    @property
    def _store(self) -> Store:
        return open_store(f"{self.root}/{FOLDER}/{self.stage}")

    def files(self) -> list[UnreadFile]:
        """Return all files of the record, sorted by path."""
        store = self._store
        found = [json.loads(store.read(name)) for name in store.names(".json")]
        return sorted((UnreadFile(**f) for f in found), key=lambda f: f.path)

    def add(self, path: str, reason: str) -> None:
        """Record that a file was tried, and why it could not be read."""
        store, name = self._store, _name(path)
        tries = json.loads(store.read(name))["tries"] if store.exists(name) else 0
        now = datetime.now(timezone.utc).isoformat()
        self._write(UnreadFile(path, reason, now, tries + 1))

    def remove(self, paths: Iterable[str]) -> None:
        """Remove files from the record: they were read."""
        store = self._store
        for name in {_name(path) for path in paths}.intersection(store.names(".json")):
            store.delete(name)

    def retry(self) -> int:
        """Let the files that were set aside be tried again; return their number."""
        aside = [file for file in self.files() if file.is_set_aside]
        for file in aside:
            self._write(replace(file, tries=1))
        return len(aside)

    def _write(self, file: UnreadFile) -> None:
        line = json.dumps(asdict(file)).encode()
        self._store.write(_name(file.path), lambda stream: stream.write(line))


def due(files: Iterable[UnreadFile]) -> list[str]:
    """Return the paths of the files that are to be tried now."""
    now = datetime.now(timezone.utc)
    return [f.path for f in files if not f.is_set_aside and f.due_at <= now]


def records(root: str) -> list[UnreadFiles]:
    """Return the records of all stages."""
    names = open_store(f"{root}/{FOLDER}").folders()
    return [UnreadFiles(root, name) for name in names]


def all_files(root: str) -> list[UnreadFile]:
    """Return the files of all stages that could not be read."""
    return [file for record in records(root) for file in record.files()]


def _name(path: str) -> str:
    return f"{hashlib.sha256(path.encode()).hexdigest()[:32]}.json"
