# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A VTP broker of our own: Comet's, for what we publish.

Takes VOEvents at a port of loopback, and sends them to all subscribers. Wired from
Comet's parts: its own service would take VOEvents from anywhere, and checks them all at
once, so that it remembers what it refused as seen.
"""

from __future__ import annotations

import logging
from importlib import resources
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from comet.handler import EventRelay
from comet.protocol import VOEventBroadcasterFactory, VOEventReceiverFactory
from comet.utility import Event_DB, WhitelistingFactory
from comet.validator import CheckIVOID, CheckPreviouslySeen, CheckSchema
from twisted.internet import defer, error, reactor, task

from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError, StorageError

_LOG = logging.getLogger(__name__)
REMEMBERED_S = 30 * 86_400.0  # of what was sent
PRUNE_S = 6 * 3600.0
Network = IPv4Network | IPv6Network


def networks(text: str) -> list[Network]:
    """Networks of ``CIDR,...``.

    Raises
    ------
    ConfigError
        With the faulty one.
    """
    return [_network(part.strip()) for part in text.split(",") if part.strip()]


def _network(text: str) -> Network:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise ConfigError(
            f"VOEVENT_BROADCAST_ALLOW: {text} is no network, as 192.0.2.0/24"
        ) from None


class Broadcast:
    """Our broker: its receiver and its broadcaster."""

    def __init__(self, settings: Settings) -> None:
        folder = Path(settings.spool) / "broadcast"
        folder.mkdir(parents=True, exist_ok=True)
        self._seen = Event_DB(str(folder))
        self._allowed = networks(settings.broadcast_allow)
        self._settings = settings
        ivo = settings.local_ivo
        self._subscribers = VOEventBroadcasterFactory(ivo, settings.broadcast_test_s)
        schema = resources.files("comet") / "schema" / "VOEvent-v2.0.xsd"
        checks = (
            CheckIVOID(),
            CheckSchema(str(schema)),
            CheckPreviouslySeen(self._seen),
        )

        async def check(event: Any) -> None:
            for one in checks:  # one after the other: what is refused is not seen
                await defer.maybeDeferred(one, event)

        self._receiver = VOEventReceiverFactory(
            ivo,
            validators=[lambda event: defer.ensureDeferred(check(event))],
            handlers=[EventRelay(self._subscribers)],
        )

    def run(self) -> None:
        """Serve until a signal stops the reactor.

        Raises
        ------
        StorageError
            Where a port is taken.
        """
        settings = self._settings
        guarded = WhitelistingFactory(self._subscribers, self._allowed, "subscription")
        try:
            out = reactor.listenTCP(settings.broadcast_port, guarded)
            taking = reactor.listenTCP(
                settings.broadcast_receive_port, self._receiver, interface="127.0.0.1"
            )
        except error.CannotListenError as failure:
            raise StorageError(f"{failure}: is another broker running?") from None
        task.LoopingCall(self._seen.prune, REMEMBERED_S).start(PRUNE_S)
        _LOG.info(
            "takes VOEvents at 127.0.0.1:%d; subscribers of %s are served at port %d",
            taking.getHost().port,
            settings.broadcast_allow or "nowhere",
            out.getHost().port,
        )
        reactor.run()
