# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent filters``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import settings, settings_options
from fink_voevent.filters.discover import discover


@click.command()
@settings_options("survey")
def command(**options: Any) -> None:
    r"""List the filters: name, topic and rule.

    \b
    Example
      VOEVENT_FILTERS=fink_voevent.filters,my_filters fink_voevent filters
    """
    from fink_voevent.route import topic_names

    chosen = settings(options)
    filters = discover(chosen.filters)
    for one, topic in zip(filters, topic_names(filters, chosen), strict=True):
        click.echo(f"{one.name}  topic {topic}\n    {one.description}")
