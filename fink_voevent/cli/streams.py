# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent streams``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent import streams
from fink_voevent.cli.common import settings, settings_options


@click.command()
@settings_options("streams")
def command(**options: Any) -> None:
    r"""List the streams that are known, in the order in which they are tried.

    \b
    Example
      fink_voevent streams --streams my_streams.toml
    """
    registry = streams.load(settings(options).streams)
    for one in (*registry.streams, registry.unknown):
        before, after = one.window_days
        click.echo(
            f"{one.name:28} {one.messenger:10} {'live' if one.live else '-':5}"
            f" window -{before:g}..+{after:g} d  error holds {one.containment:.0%}"
            f"  {one.notice_type or ''}"
        )
