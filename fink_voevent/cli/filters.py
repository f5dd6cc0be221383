# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent filters``."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from fink_voevent.cli import EXIT_ERROR
from fink_voevent.cli.common import load_settings, settings_options


@click.command()
@settings_options("survey", "data_prefix", "night")
@click.option(
    "--test",
    "name",
    metavar="FILTER",
    help="Print the past coincidences that this filter passes, and a sample packet.",
)
@click.option(
    "--on",
    "folder",
    metavar="FOLDER",
    help="With --test: output folder of `fink_voevent match`. Default: the coincidences"
    " of the pipeline under --data-prefix, of --night if it is given.",
)
def command(name: str | None, folder: str | None, **options: Any) -> None:
    r"""List the filters, or try one on past coincidences.

    The list has the topic and the rule of each filter, and the reason for each one that
    cannot be used; the exit code is then 2.

    \b
    Examples
      VOEVENT_FILTERS=fink_voevent.filters,my_filters fink_voevent filters
      fink_voevent filters --test grb_bronze --on out
      fink_voevent filters --test grb_silver --data-prefix /data/fink --night 20240115
    """
    settings = load_settings(options)
    if name is None:
        from fink_voevent.filters.discover import discover
        from fink_voevent.route.topics import list_routes

        for route, topic in list_routes(settings):
            text = route.description or "(it has neither DESCRIPTION nor docstring)"
            click.echo(f"{route.name}  topic {topic}\n    {text}")
        faulty = discover(settings.filters).faulty
        for one in faulty:
            click.echo(f"fink_voevent: {one}", err=True)
        if faulty:
            sys.exit(EXIT_ERROR)
        return
    from fink_voevent.cli.match import describe_coincidence
    from fink_voevent.offline import filter_trial

    trial = filter_trial.count(settings, name, folder)
    for pair in trial.pairs:
        click.echo(describe_coincidence(pair))
    if trial.passed > len(trial.pairs):
        click.echo(f"... and {trial.passed - len(trial.pairs)} more")
    if trial.packet is not None:
        click.echo("the packet of the first of them, without what is null or an image:")
        click.echo(json.dumps(trial.packet, default=str, indent=2))
    click.echo(
        f"{name} passes {trial.passed} of {trial.coincidences} coincidences, of"
        f" {trial.events} events"
    )
