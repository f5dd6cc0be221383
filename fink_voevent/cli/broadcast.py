# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent broadcast``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import load_settings, settings_options


@click.command()
@settings_options("broadcast_port", "broadcast_receive_port", "broadcast_allow")
def command(**options: Any) -> None:
    r"""Serve our VOEvents to subscribers, by a Comet broker.

    The protocol is VTP. Runs until Ctrl-C. `fink_voevent publish` and the service
    voevent_publish send to it if VOEVENT_PUBLISH_TO is its address, which is the
    default.

    \b
    Example
      fink_voevent broadcast --port 8099 --allow 192.0.2.0/24
    """
    from fink_voevent.publish.broadcast import Broadcast

    Broadcast(load_settings(options)).run()
