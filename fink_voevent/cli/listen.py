# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent listen``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import load_settings, settings_options


@click.command()
@settings_options("sources", "data_prefix", "spool")
def command(**options: Any) -> None:
    r"""Receive notices from VTP brokers and Kafka, and land them.

    Each notice is on the local disk before it is acknowledged. Runs until Ctrl-C; the
    notices that were received are landed before it stops.

    \b
    Examples
      fink_voevent listen --source voevent.example.org:8099 --data-prefix /data/fink
      fink_voevent listen --source gcn://igwn.gwalert+gcn.classic.voevent.FERMI_GBM_FIN_POS
      fink_voevent listen --source kafka://kafka.example.org:9092/notices
    """
    from twisted.python import log

    from fink_voevent.listen.service import Listener
    from fink_voevent.ops.beats import LISTEN, beating
    from fink_voevent.ops.supervisor import parent_lost

    settings = load_settings(options)
    log.PythonLoggingObserver("twisted").start()
    listener = Listener(settings, parent_lost())
    with beating(settings.root, "listen", [LISTEN]):
        listener.run()
