# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Pages of events in a folder, made again when the tables have changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from fink_voevent.config.settings import Settings
from fink_voevent.errors import StorageError
from fink_voevent.show import following, pages, wording
from fink_voevent.show.pages import PagesWritten
from fink_voevent.show.records import Records

SCRIPT = "/live.js"  # which each page loads


class LivePages:
    """Pages of recent events, and of each older one that is requested.

    Parameters
    ----------
    settings : Settings
    folder : Path
        For the pages.
    days : float
        Pages are made of the events of so many days up to the latest.
    changed : callable
        Called with the names of the folders of the pages that were made.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        days: float,
        changed: Callable[[Sequence[str]], None],
    ) -> None:
        self._settings, self._folder, self._days = settings, folder, days
        self._changed = changed
        self._lock = threading.Lock()  # one thread writes pages at a time
        self._records: Records | None = None
        self._events: dict[str, str] = {}  # by name of the folder of its page
        self._requested: set[str] = set()  # older events

    def write_index(self) -> None:
        """Write the index of the pages that are there, so that there always is one.

        Raises
        ------
        InputError
            If a library for pages is not installed.
        StorageError
            If the folder cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            pages.write_index(self._folder, wording.time(_now()), SCRIPT)
        except OSError as error:
            raise StorageError(
                f"cannot write pages to {self._folder}: {error}"
            ) from None

    def follow(self, stop: threading.Event) -> None:
        """Make pages, and again after each batch of the services, until `stop` is set.

        Parameters
        ----------
        stop : threading.Event
        """

        def choose(records: Records) -> list[str]:
            self._events = {pages.folder_name(one): one for one in records.names()}
            self._records = records
            return sorted({*records.names(self._days), *self._requested})

        following.follow(self._settings, choose, self._write, stop)

    def has_page(self, folder: str) -> bool:
        """Whether an event has a page; an older one gets it now.

        Parameters
        ----------
        folder : str
            Name of the folder of the page.

        Raises
        ------
        StorageError
            If the tables cannot be read, or the folder cannot be written.
        """
        if (self._folder / folder / pages.NOTE).is_file():
            return True
        name, records = self._events.get(folder), self._records
        if name is None or records is None:
            return False
        self._requested.add(name)
        self._write(records, [name])
        return True

    def _write(self, records: Records, names: Sequence[str]) -> PagesWritten:
        author = self._settings.local_ivo
        with self._lock:
            found = pages.write_pages(
                records, names, self._folder, author, _now(), _no_report, SCRIPT
            )
        if found.folders:
            self._changed(found.folders)
        return found


def _no_report(event: str, number: int, count: int) -> None:
    """Say nothing of single pages: those who look at them see them."""


def _now() -> datetime:
    return datetime.now(timezone.utc)
