# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent streams``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli.common import load_settings, settings_options

if TYPE_CHECKING:
    from fink_voevent.notices.streams import Stream


@click.command()
@click.option(
    "--explain",
    "path",
    metavar="FILE",
    help="Print each value that is taken from this notice, and where it was found.",
)
@settings_options("streams")
def command(path: str | None, **options: Any) -> None:
    r"""List the known streams of notices.

    They are listed in the order in which they are tried. Each line has the name of the
    stream, its messenger, `live` if its notices are matched, the time window (days),
    the probability within the error radius, and the kind of notice.

    \b
    Examples
      fink_voevent streams --streams my_streams.toml
      fink_voevent streams --explain burst.xml
    """
    from fink_voevent.notices import streams

    registry = streams.load(load_settings(options).streams)
    if path is None:
        for stream in (*registry.streams, registry.unknown):
            click.echo(_line(stream))
        return
    from fink_voevent.listen.files import documents
    from fink_voevent.notices.explain import explain

    for document in documents([path]):
        for name, value, source in explain(document.raw, registry):
            click.echo(f"{name:14} {'-' if value is None else value}   <- {source}")


def _line(stream: Stream) -> str:
    before, after = stream.window_days
    return (
        f"{stream.name:28} {stream.messenger:10} {'live' if stream.live else '-':5}"
        f" window -{before:g}..+{after:g} d  error contains {stream.containment:.0%}"
        f"  {stream.notice_type or ''}"
    )
