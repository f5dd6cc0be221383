# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent broadcast``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import settings, settings_options


@click.command()
@settings_options("broadcast_port", "broadcast_receive_port", "broadcast_allow")
def command(**options: Any) -> None:
    r"""Serve VOEvents to VTP subscribers: a Comet broker for what we publish.

    Runs until Ctrl-C. `fink start voevent_publish` sends to it, if VOEVENT_PUBLISH_TO
    names it, as by default.

    \b
    Example
      fink_voevent broadcast --port 8099 --allow 192.0.2.0/24
    """
    from fink_voevent.publish.broadcast import Broadcast

    Broadcast(settings(options)).run()
