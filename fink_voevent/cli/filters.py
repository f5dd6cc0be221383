# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent filters``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import settings, settings_options


@click.command()
@settings_options("survey", "data_prefix", "night")
@click.option("--test", "name", help="Count what this filter passes on past data.")
@click.option(
    "--on",
    "folder",
    help="With --test: coincidences, as `match` wrote them; by default those handed"
    " over under --data-prefix, of --night if given.",
)
def command(name: str | None, folder: str | None, **options: Any) -> None:
    r"""List the filters: name, topic and rule; or try one.

    \b
    Examples
      VOEVENT_FILTERS=fink_voevent.filters,my_filters fink_voevent filters
      fink_voevent filters --test grb_bronze --on out
      fink_voevent filters --test grb_silver --data-prefix /data/fink --night 20240115
    """
    from fink_voevent.route.topics import list_routes

    chosen = settings(options)
    if name is None:
        for one, topic in list_routes(chosen):
            click.echo(f"{one.name}  topic {topic}\n    {one.description}")
        return
    from fink_voevent.offline import filter_trial

    found = filter_trial.count(chosen, name, folder)
    click.echo(
        f"{name}: {found.passed} of {found.coincidences} coincidences,"
        f" of {found.events} events"
    )
