# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""A VTP broker for what we publish, built from parts of Comet.

It receives VOEvents at a port of the loopback interface, and sends them to all
subscribers. Comet's own broker service is not used: it would accept VOEvents from
anywhere, and it runs its checks at the same time, so that it remembers a refused
VOEvent as seen.
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
REMEMBERED_S = 30 * 86_400.0  # how long a VOEvent is remembered as seen
PRUNE_S = 6 * 3600.0  # interval at which older ones are forgotten
Network = IPv4Network | IPv6Network


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
    """The VTP broker: a receiver and a broadcaster.

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
        folder = Path(settings.spool) / "broadcast"
        folder.mkdir(parents=True, exist_ok=True)
        self._seen = Event_DB(str(folder))
        self._allowed = parse_networks(settings.broadcast_allow)
        self._settings = settings
        ivo = settings.local_ivo
        self._subscribers = VOEventBroadcasterFactory(ivo, settings.broadcast_test_s)
        schema = resources.files("comet") / "schema" / "VOEvent-v2.0.xsd"
        checks = (
            CheckIVOID(),
            CheckSchema(str(schema)),
            CheckPreviouslySeen(self._seen),
        )

        async def validate(event: Any) -> None:
            # one after the other, so that a refused VOEvent is not recorded as seen
            for check in checks:
                await defer.maybeDeferred(check, event)

        self._receiver = VOEventReceiverFactory(
            ivo,
            validators=[lambda event: defer.ensureDeferred(validate(event))],
            handlers=[EventRelay(self._subscribers)],
        )

    def run(self) -> None:
        """Serve until a signal stops the reactor.

        Raises
        ------
        StorageError
            If a port is in use.
        """
        settings = self._settings
        guarded = WhitelistingFactory(self._subscribers, self._allowed, "subscription")
        try:
            subscribers = reactor.listenTCP(settings.broadcast_port, guarded)
            receiver = reactor.listenTCP(
                settings.broadcast_receive_port, self._receiver, interface="127.0.0.1"
            )
        except error.CannotListenError as failure:
            raise StorageError(f"{failure}: is another broker running?") from None
        task.LoopingCall(self._seen.prune, REMEMBERED_S).start(PRUNE_S)
        _LOG.info(
            "accepts VOEvents at 127.0.0.1:%d, serves subscribers of %s at port %d",
            receiver.getHost().port,
            settings.broadcast_allow or "no network",
            subscribers.getHost().port,
        )
        reactor.run()
