# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent status``."""

from __future__ import annotations

import sys
from typing import Any

import click

from fink_voevent.cli import EXIT_ERROR
from fink_voevent.cli.common import load_settings, settings_options


@click.command()
@settings_options("data_prefix", "spool")
def command(**options: Any) -> None:
    r"""Print what the pipeline has done so far.

    The first line has the numbers of notices, events, alerts searched and
    coincidences, the packets of each topic, and the age (s) of the oldest notice that
    is not ingested. Documents that wait in the spool of this machine, because they
    could not be written to landing, are counted too. One line for each source says
    whether it is connected, since when, when its last document and its last sign of
    life came, and how often it was not connected in the last 24 hours.

    A file of the tables that is missing or damaged, a source that is not connected for
    more than ten minutes, and a publisher whose own source is silent while another one
    carries it, is named in one more line, with what to do, and the exit code is 2.

    \b
    Example
      fink_voevent status --data-prefix /data/fink
    """
    from fink_voevent.config.addresses import source_addresses
    from fink_voevent.ops.status import Observer

    settings = load_settings(options)
    configured = source_addresses(settings.sources)
    status = Observer(settings.root, settings.spool, configured).status()
    click.echo(status.line())
    for source in status.sources:
        click.echo(source.line())
    for problem in status.problems:
        click.echo(f"fink_voevent: {problem}", err=True)
    if status.problems:
        sys.exit(EXIT_ERROR)
