# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent broadcast``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import load_settings, settings_options


@click.command()
@settings_options("spool", "broadcast_port", "broadcast_allow", "local_ivo")
def command(**options: Any) -> None:
    r"""Serve our VOEvents to subscribers.

    The protocol is VTP. Runs until Ctrl-C. VOEvents are accepted from `fink_voevent
    publish` and the service voevent_publish, if they have the same VOEVENT_SPOOL and
    the same user, and if the authority of the VOEvents is that of VOEVENT_LOCAL_IVO.

    \b
    Example
      fink_voevent broadcast --port 8099 --allow 192.0.2.0/24
    """
    from fink_voevent.publish.broadcast import Broadcast

    Broadcast(load_settings(options)).run()
