# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A VTP broker for what we publish.

It accepts VOEvents of our own authority from our own publisher, over a Unix socket that
no other user can reach (`authors`), and sends them to all subscribers (`subscribers`).
Comet's own broker is not used: it accepts VOEvents of any authority from any program of
the machine, remembers a refused VOEvent as seen, and keeps without limit what a
subscriber does not read.
"""

from __future__ import annotations

import logging
import time
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_network

from lxml import etree
from twisted.internet import error, reactor, task

from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError, StorageError
from fink_voevent.notices import streams
from fink_voevent.publish import author_socket, authors, broadcast_report
from fink_voevent.publish.broadcast_report import BroadcastStatus, Report
from fink_voevent.publish.sent import SentVOEvents
from fink_voevent.publish.subscribers import Network, SubscriberFactory

_LOG = logging.getLogger(__name__)
FORGET_S = 6 * 3600.0  # interval at which what was sent long ago is forgotten


def parse_networks(text: str) -> list[Network]:
    """Parse networks, separated by commas: ``192.0.2.0/24,::1``.

    Raises
    ------
    ConfigError
        If a part is not a network; the message names it.
    """
    return [_parse_network(part.strip()) for part in text.split(",") if part.strip()]


def _parse_network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ConfigError(
            f"VOEVENT_BROADCAST_ALLOW: {text} is not a network such as 192.0.2.0/24"
        ) from None


class Broadcast:
    """The VTP broker: it accepts VOEvents of our publisher, and serves subscribers.

    Parameters
    ----------
    settings : Settings
        `spool`, `local_ivo` and the settings ``broadcast_...``.

    Raises
    ------
    ConfigError
        If `broadcast_allow` is not a list of networks.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._report = Report()
        self._written = BroadcastStatus.nothing()
        self._authority = streams.authority(settings.local_ivo)
        self._folder = author_socket.path_of(settings.spool).parent
        self._subscribers = SubscriberFactory(
            settings.local_ivo,
            parse_networks(settings.broadcast_allow),
            settings.broadcast_subscribers,
            settings.broadcast_test_s,
            self._report,
        )

    def run(self) -> None:
        """Serve until a signal stops the reactor.

        Raises
        ------
        StorageError
            If a port or the socket is in use, or the folder cannot be written.
        """
        settings = self._settings
        factory = authors.AuthorFactory(
            settings.local_ivo, self._accept, self._report.refused
        )
        with (
            author_socket.listening(settings.spool) as listener,
            closing(SentVOEvents(self._folder)) as self._sent,
        ):
            try:
                port = reactor.listenTCP(settings.broadcast_port, self._subscribers)
            except error.CannotListenError as failure:
                raise StorageError(f"{failure}: is another broker running?") from None
            reactor.addReader(authors.Acceptor(listener, factory))
            self._port = port.getHost().port
            self._start_loops()
            _LOG.info(
                "accepts VOEvents of %s at %s, serves subscribers of %s at port %d",
                self._authority,
                author_socket.path_of(settings.spool),
                settings.broadcast_allow or "no network",
                self._port,
            )
            try:
                reactor.run()
            finally:
                self._summarize()
                broadcast_report.remove(self._folder)

    def _start_loops(self) -> None:
        for interval_s, function in (
            (broadcast_report.WRITE_S, self._write_status),
            (broadcast_report.SUMMARY_S, self._summarize),
            (FORGET_S, self._forget),
        ):
            task.LoopingCall(function).start(interval_s)

    def _accept(self, raw: bytes) -> str:
        """Send a VOEvent of our publisher, and return its ivorn.

        Raises
        ------
        RefusedError
            If it is not ours, or was sent before.
        """
        try:
            ivorn = authors.checked(raw, self._authority).ivorn
            is_same = self._sent.has(ivorn, raw)
            if is_same is not None:
                raise authors.already_sent(is_same, ivorn)
        except authors.RefusedError as refused:
            if refused.kind != authors.DUPLICATE:
                self._report.refused(refused.kind, refused.reason)
            raise
        self._sent.add(ivorn, raw, time.time())
        self._subscribers.send(raw, etree.fromstring(raw))
        self._report.sent += 1
        return ivorn

    def _write_status(self) -> None:
        waiting, waiting_bytes = self._subscribers.waiting()
        status = BroadcastStatus(
            written_s=time.time(),
            port=self._port,
            subscribers=self._subscribers.addresses(),
            sent=self._report.sent,
            waiting=waiting,
            waiting_bytes=waiting_bytes,
            refused=dict(self._report.refused_by),
            dropped=dict(self._report.dropped_by),
            turned_away=dict(self._report.turned_away_by),
        )
        known = self._written
        is_old = status.written_s > known.written_s + broadcast_report.REWRITE_S
        if is_old or replace(known, written_s=status.written_s) != status:
            broadcast_report.write(self._folder, status)
            self._written = status

    def _summarize(self) -> None:
        self._report.summarize(sum(self._subscribers.addresses().values()))

    def _forget(self) -> None:
        self._sent.forget(time.time())
