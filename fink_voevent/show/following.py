# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Make pages again whenever the services have committed something."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError, StorageError
from fink_voevent.show.pages import PagesWritten
from fink_voevent.show.records import Records, done_batches, from_tables

_LOG = logging.getLogger(__name__)
LOOK_S = 5.0  # between two looks at the tables
AT_ONCE = 10  # pages after which they are in the index, and `stop` is looked at


def follow(
    settings: Settings,
    choose: Callable[[Records], Sequence[str]],
    write: Callable[[Records, Sequence[str]], PagesWritten],
    stop: threading.Event,
) -> None:
    """Write pages, and again after each batch of the services, until `stop` is set.

    If tables or pages cannot be read or written, that is logged, and tried again. As
    long as there is no notice, nothing is written.

    Parameters
    ----------
    settings : Settings
    choose : callable
        Returns the names of the events that have pages.
    write : callable
        Writes the pages of events, given their names.
    stop : threading.Event
    """
    written: dict[str, int] | None = None
    while not stop.is_set():
        try:
            done = done_batches(settings)
            if done != written and done["ingest"] >= 0:
                _write_pages(settings, choose, write, stop)
                written = done
        except StorageError as error:
            _LOG.warning("%s; tried again", error)
        stop.wait(LOOK_S)


def _write_pages(
    settings: Settings,
    choose: Callable[[Records], Sequence[str]],
    write: Callable[[Records, Sequence[str]], PagesWritten],
    stop: threading.Event,
) -> None:
    try:
        records = from_tables(settings)
    except InputError:  # no document was a notice so far
        return
    names, made = choose(records), 0
    for start in range(0, max(len(names), 1), AT_ONCE):
        if stop.is_set():
            return
        made += write(records, names[start : start + AT_ONCE]).made
    _LOG.info("%d pages made, %d events have pages", made, len(names))
