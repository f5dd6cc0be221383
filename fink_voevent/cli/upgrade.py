# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent upgrade``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import load_settings, settings_options


@click.command()
@settings_options("data_prefix")
def command(**options: Any) -> None:
    r"""Take over the tables of an earlier version, once.

    The tables become Delta tables. Nothing is matched or sent again. Stop all processes
    of the earlier version first: the listener may go on. If the command is interrupted,
    run it again.

    \b
    Example
      fink_voevent upgrade --data-prefix /data/fink
    """
    from fink_voevent.ops import upgrade

    root = load_settings(options).root
    if not upgrade.is_earlier(root):
        click.echo(f"{root} has no tables of an earlier version: nothing to do")
        return
    counts = upgrade.upgrade(root)
    rows = ", ".join(f"{name} {count}" for name, count in counts.items())
    click.echo(f"rows that were taken over: {rows}")
