# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent archive``."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import click

from fink_voevent.cli.common import load_settings, settings_options


@click.command()
@settings_options("data_prefix")
@click.option(
    "--until",
    default="",
    metavar="YYYYMMDD",
    help="Last night that is added; by default all that are over.",
)
def command(until: str, **options: Any) -> None:
    r"""Add the alerts of past nights to the archive, for search.

    The archive is a HATS catalog in the folder `archive` beside the tables: programs as
    LSDB can open it too. Nights that are there already are left as they are, and what
    was interrupted is done again. The stages may run meanwhile. Nights that are not in
    the archive are found by `search` all the same, but more slowly: once a week is
    enough.

    \b
    Examples
      fink_voevent archive --data-prefix /data/fink
      fink_voevent archive --data-prefix /data/fink --until 20261231
    """
    from fink_voevent.cli.listing import load_lightly

    load_lightly()
    from fink_voevent.archive.layout import NOTHING, folder_of, read_contents
    from fink_voevent.archive.update import update

    settings = load_settings(options)
    today = f"{datetime.now(timezone.utc):%Y%m%d}"
    nights = list(update(settings.root, today, until))
    folder = folder_of(settings.root)
    contents = read_contents(folder) or NOTHING
    click.echo(
        f"{len(nights)} nights added; {folder.path} has {contents.rows} alerts of"
        f" {len(contents.nights)} nights in {len(contents.pixels)} pixels"
    )
