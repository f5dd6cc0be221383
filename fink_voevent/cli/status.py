# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent status``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import settings, settings_options
from fink_voevent.ops.status import Observer


@click.command()
@settings_options("data_prefix")
def command(**options: Any) -> None:
    r"""Print one line: notices, events, alerts searched, coincidences, topics, lag.

    \b
    Example
      fink_voevent status --data-prefix /data/fink
    """
    click.echo(Observer(settings(options).root).status().line())
