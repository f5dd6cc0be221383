# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent config``."""

from __future__ import annotations

import click

from fink_voevent.cli.common import load_configuration
from fink_voevent.errors import ConfigError


@click.command()
@click.option(
    "--check",
    is_flag=True,
    help="Also read the streams and import the filters that the settings name.",
)
def command(check: bool) -> None:  # noqa: FBT001 - a flag of the command line
    r"""Print every setting: its value, origin and meaning.

    If a setting is wrong or unknown, one line says so and the exit code is 2. Passwords
    are not shown.

    \b
    Examples
      fink_voevent config
      VOEVENT_CREDIBLE_LEVEL=0.9 fink_voevent config --check
    """
    from fink_voevent.config.render import describe

    configuration = load_configuration({})
    click.echo(describe(configuration))
    if check:
        from fink_voevent.filters.discover import discover
        from fink_voevent.notices import streams

        registry = streams.load(configuration.settings.streams)
        found = discover(configuration.settings.filters)
        if found.faulty:
            raise ConfigError("; ".join(map(str, found.faulty)))
        click.echo(f"ok: {len(registry.streams)} streams, {len(found.filters)} filters")
