# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent candidates``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli import listing as common


@click.command()
@common.list_options("survey", "night", "messenger", "class", "limit")
def command(is_json: bool, **options: Any) -> None:  # noqa: FBT001
    r"""List the candidates, the most surprising first.

    A candidate is an object that coincides with an event. The column unrelated is the
    number of unrelated candidates of its class that are expected to rank as high: of
    those with 0.1, one in ten is expected by chance.

    \b
    Examples
      fink_voevent candidates --data-prefix /data/fink --class fresh
      fink_voevent candidates --messenger gw --limit 10 --json
    """
    settings, wanted = common.load(options)
    from fink_voevent.show import layouts, listing

    found = listing.candidates(settings.root, wanted)
    if is_json:
        rows, total = ([], 0) if found is None else (found.rows, found.total)
        common.print_json({"candidates": rows, "total": total})
        return
    if found is None:
        click.echo(
            "no candidates yet: match has written none. fink_voevent coincidences lists"
            " the pairs"
        )
        return
    common.print_rows(
        layouts.CANDIDATES,
        found.rows,
        found.total,
        "no candidates that this selects",
    )
