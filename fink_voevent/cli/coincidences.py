# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent coincidences``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli import listing as common


@click.command()
@common.list_options("survey", "night", "messenger", "limit")
@click.option(
    "--ended",
    is_flag=True,
    help="List those that were withdrawn or retracted instead.",
)
def command(is_json: bool, ended: bool, **options: Any) -> None:  # noqa: FBT001
    r"""List alerts that coincide with events, by surprise.

    The most surprising is first. Each pair is listed once, with what is valid now. The
    column level is the credible level of the alert in the region of the event: 0 at the
    most probable place. The column chance is the probability that unrelated alerts give
    a pair that is ranked as high; it needs background rates (fink_voevent background).

    \b
    Examples
      fink_voevent coincidences --data-prefix /data/fink --night 20240115
      fink_voevent coincidences --messenger grb --json
    """
    settings, wanted = common.load(options)
    from fink_voevent.show import layouts, listing
    from fink_voevent.show.views import ENDED, VALID
    from fink_voevent.store.delta import Tables

    statuses = ENDED if ended else VALID
    found = listing.coincidences(Tables(settings.root), wanted, statuses)
    if is_json:
        common.print_json({"coincidences": found.rows, "total": found.total})
        return
    common.print_rows(
        layouts.COINCIDENCES,
        found.rows,
        found.total,
        "no coincidences that this selects. fink_voevent tonight says how many alerts"
        " were searched",
    )
