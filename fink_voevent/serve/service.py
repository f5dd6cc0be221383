# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Serve until a signal comes: the pages in one thread, requests in the reactor."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.internet import error, reactor, task

from fink_voevent.config.settings import Settings
from fink_voevent.errors import StorageError
from fink_voevent.ops.health import Examiner
from fink_voevent.ops.metrics import Recent
from fink_voevent.serve.api import Api
from fink_voevent.serve.changes import Changes
from fink_voevent.serve.live_pages import LivePages
from fink_voevent.serve.site import HostCheck, Root, Site

_LOG = logging.getLogger(__name__)
KEEP_ALIVE_S = 15.0
VERDICT_S = 10.0  # between two looks at the verdict


def run(settings: Settings, folder: Path, days: float) -> None:
    """Serve pages of events, the JSON API and changes, until a signal comes.

    Parameters
    ----------
    settings : Settings
        `serve_address` and `serve_hosts`; the tables are those of `root`.
    folder : Path
        For the pages.
    days : float
        Pages are made of the events of so many days up to the latest.

    Raises
    ------
    InputError
        If a library for pages is not installed.
    StorageError
        If the port is used by another program, or the folder cannot be written.
    """
    changes, stop = Changes(), threading.Event()

    def changed(folders: Sequence[str]) -> None:
        reactor.callFromThread(changes.pages_changed, folders)

    live = LivePages(settings, folder, days, changed)
    live.write_index()
    health = Recent(Examiner(settings).health).health
    host, _, port = settings.serve_address.rpartition(":")
    host = host.strip("[]")
    names = [name.strip() for name in settings.serve_hosts.split(",") if name.strip()]
    root = Root(folder, live, Api(settings, health), changes, HostCheck(host, names))
    try:
        listening = reactor.listenTCP(int(port), Site(root), interface=host)
    except error.CannotListenError as failure:
        raise StorageError(
            f"cannot serve on {settings.serve_address}: {failure.socketError}; set"
            " VOEVENT_SERVE_ADDRESS to another host:port"
        ) from None
    _LOG.info("serving http://%s:%d/", host, listening.getHost().port)

    def look() -> None:
        reactor.callFromThread(changes.verdict_changed, health().verdict.verdict)

    threads = [
        _Thread("pages", lambda: live.follow(stop)),
        _Thread("verdict", lambda: _repeat(look, stop)),
    ]
    task.LoopingCall(changes.keep_alive).start(KEEP_ALIVE_S)
    for thread in threads:
        reactor.callWhenRunning(thread.start)
    try:
        reactor.run()
    finally:
        stop.set()
    for thread in threads:
        thread.finish()


def _repeat(look: Callable[[], None], stop: threading.Event) -> None:
    while not stop.is_set():
        look()
        stop.wait(VERDICT_S)


class _Thread(threading.Thread):
    """Thread whose error ends the server, and is raised again by `finish`."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._error: Exception | None = None

    def run(self) -> None:
        """Do the work."""
        try:
            self._work()
        except Exception as found:  # noqa: BLE001 - raised again in the main thread
            self._error = found
            reactor.callFromThread(reactor.stop)

    def finish(self) -> None:
        """Wait for the end, and raise the error of the work."""
        self.join()
        if self._error is not None:
            raise self._error
