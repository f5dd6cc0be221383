# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent streams``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import settings, settings_options
from fink_voevent.listen.files import documents
from fink_voevent.notices import streams
from fink_voevent.notices.explain import explain


@click.command()
@click.option("--explain", "path", help="Say where each value of a document came from.")
@settings_options("streams")
def command(path: str | None, **options: Any) -> None:
    r"""List the streams that are known, in the order in which they are tried.

    \b
    Examples
      fink_voevent streams --streams my_streams.toml
      fink_voevent streams --explain burst.xml
    """
    registry = streams.load(settings(options).streams)
    if path is None:
        for one in (*registry.streams, registry.unknown):
            click.echo(_line(one))
        return
    for found in documents([path]):
        for name, value, source in explain(found.raw, registry):
            click.echo(f"{name:14} {'-' if value is None else value}   <- {source}")


def _line(one: streams.Stream) -> str:
    before, after = one.window_days
    return (
        f"{one.name:28} {one.messenger:10} {'live' if one.live else '-':5}"
        f" window -{before:g}..+{after:g} d  error holds {one.containment:.0%}"
        f"  {one.notice_type or ''}"
    )
