# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Make pages again whenever the services have committed something."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from fink_voevent.config.settings import Settings
from fink_voevent.errors import InputError, StorageError
from fink_voevent.show.pages import PagesWritten
from fink_voevent.show.records import Records, done_batches, from_tables

_LOG = logging.getLogger(__name__)
LOOK_S = 5.0  # between two looks at the tables


def follow(
    settings: Settings,
    write: Callable[[Records], PagesWritten],
    stop: threading.Event,
) -> None:
    """Write pages, and again after each batch of the services, until `stop` is set.

    If tables or pages cannot be read or written, that is logged, and tried again. As
    long as there is no notice, nothing is written.

    Parameters
    ----------
    settings : Settings
    write : callable
        Writes the pages of records.
    stop : threading.Event
    """
    written: dict[str, int] | None = None
    while not stop.is_set():
        try:
            done = done_batches(settings)
            if done != written and done["ingest"] >= 0:
                _write_pages(settings, write)
                written = done
        except StorageError as error:
            _LOG.warning("%s; tried again", error)
        stop.wait(LOOK_S)


def _write_pages(settings: Settings, write: Callable[[Records], PagesWritten]) -> None:
    try:
        records = from_tables(settings)
    except InputError:  # no document was a notice so far
        return
    result = write(records)
    _LOG.info("%d pages made: %s", result.made, result.index)
