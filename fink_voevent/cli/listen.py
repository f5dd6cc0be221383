# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent listen``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import settings, settings_options


@click.command()
@settings_options("sources", "data_prefix", "spool")
def command(**options: Any) -> None:
    r"""Subscribe to VOEvent brokers (VTP) and Kafka topics, and land all they send.

    Each document is on the local disk before it is acknowledged. Stops at Ctrl-C; what
    was received is landed first.

    \b
    Examples
      fink_voevent listen --source voevent.example.org:8099 --data-prefix /data/fink
      fink_voevent listen --source gcn://igwn.gwalert+gcn.classic.voevent.FERMI_GBM_FIN_POS
      fink_voevent listen --source kafka://kafka.example.org:9092/notices
    """
    from twisted.python import log

    from fink_voevent.listen.service import Listener
    from fink_voevent.ops.supervisor import parent_lost

    log.PythonLoggingObserver("twisted").start()
    Listener(settings(options), parent_lost()).run()
