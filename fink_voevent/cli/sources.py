# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent sources``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli import listing as common
from fink_voevent.cli.common import settings_options


@click.command()
@settings_options("sources", "streams")
@common.list_options()
def command(is_json: bool, **options: Any) -> None:  # noqa: FBT001
    r"""List sources of notices, and what they may speak for.

    First each source: connected or not, and gaps. A source that is configured here
    (VOEVENT_SOURCES), and that no listener has reported, is listed too.

    Then the publishers by source. A notice counts only if its source may speak for its
    publisher. Of each source that may not, one more line has the setting with which it
    may: its notices, also those that were received before, count once ingest has
    started with it.

    \b
    Examples
      fink_voevent sources --data-prefix /data/fink
      fink_voevent sources --json
    """
    settings, _ = common.load(options)
    from fink_voevent.config.addresses import source_addresses
    from fink_voevent.ops import publishers, sources
    from fink_voevent.show import layouts
    from fink_voevent.store.delta import Tables

    configured = source_addresses(settings.sources)
    tables = Tables(settings.root)
    rows = [one.row() for one in sources.read(tables, configured)]
    if is_json:
        carriers = [one.row() for one in publishers.carriers(tables)]
        common.print_json({"sources": rows, "total": len(rows), "publishers": carriers})
        return
    common.print_rows(
        layouts.SOURCES,
        rows,
        len(rows),
        "no sources: no listener has run. Start fink_voevent run --source ADDRESS",
    )
    for line in publishers.lines(tables, settings):
        click.echo(line)
