# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent sources``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import load_settings, settings_options


@click.command()
@settings_options("data_prefix", "sources", "streams")
def command(**options: Any) -> None:
    r"""List publishers by source, and which may speak for which.

    A notice counts only if its source may speak for its publisher. Of each source that
    may not, one more line has the setting with which it may: its notices, also those
    that were received before, count once ingest has started with it.

    \b
    Example
      fink_voevent sources --data-prefix /data/fink
    """
    from fink_voevent.ops.publishers import lines
    from fink_voevent.store.delta import Tables

    settings = load_settings(options)
    for line in lines(Tables(settings.root), settings):
        click.echo(line)
