# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent config``."""

from __future__ import annotations

import os

import click

from fink_voevent.config.load import load
from fink_voevent.config.render import describe
from fink_voevent.filters.discover import discover
from fink_voevent.notices import streams


@click.command()
@click.option("--check", is_flag=True, help="Also read the files that settings name.")
def command(check: bool) -> None:  # noqa: FBT001 - a flag of the command line
    r"""Print every setting: its value, where that came from, and what it means.

    A wrong or unknown setting ends with one line and code 2. Passwords are not shown.

    \b
    Example
      VOEVENT_CREDIBLE_LEVEL=0.9 fink_voevent config --check
    """
    configuration = load(os.environ)
    click.echo(describe(configuration))
    if check:
        registry = streams.load(configuration.settings.streams)
        filters = discover(configuration.settings.filters)
        click.echo(f"ok: {len(registry.streams)} streams, {len(filters)} filters")
