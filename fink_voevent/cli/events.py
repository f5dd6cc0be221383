# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent events``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli import listing as common


@click.command()
@common.list_options("night", "messenger", "limit")
def command(is_json: bool, **options: Any) -> None:  # noqa: FBT001
    r"""List the events as they are now, the newest notices first.

    With --night, only those whose trigger or last notice is of that UTC day. The column
    pairs has the number of alerts that coincide with the event, and chance the smallest
    probability that unrelated alerts give such a pair. Tests are not listed.

    \b
    Examples
      fink_voevent events --data-prefix /data/fink --messenger gw
      fink_voevent events --night 20240115 --limit 0 --json
    """
    settings, wanted = common.load(options)
    from fink_voevent.show import layouts, listing
    from fink_voevent.store.delta import Tables

    found = listing.events(settings, Tables(settings.root), wanted)
    if is_json:
        common.print_json({"events": found.rows, "total": found.total})
        return
    common.print_rows(
        layouts.EVENTS,
        found.rows,
        found.total,
        "no events: no notice of an observation was ingested that this selects."
        " fink_voevent status says what has arrived",
    )
