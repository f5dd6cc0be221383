# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent tonight``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli import listing as common

if TYPE_CHECKING:
    from fink_voevent.show.listing import Tonight


@click.command()
@common.list_options("survey", "night", "messenger", "class", "limit")
def command(is_json: bool, **options: Any) -> None:  # noqa: FBT001
    r"""Summarise a night: events, candidates, and what was searched.

    Without --night, it is the last one of which alerts were matched.

    \b
    Examples
      fink_voevent tonight --data-prefix /data/fink
      fink_voevent tonight --night 20240115 --messenger gw --json
    """
    settings, wanted = common.load(options)
    from fink_voevent.show import layouts, listing
    from fink_voevent.store.delta import Tables

    found = listing.tonight(settings, Tables(settings.root), wanted)
    if is_json:
        common.print_json(asdict(found))
        return
    click.echo(sentence(found))
    click.echo("\nEvents of this day")
    common.print_rows(
        layouts.EVENTS,
        found.events.rows,
        found.events.total,
        "none; fink_voevent events lists all",
    )
    title = "Candidates" if found.has_candidates else "Objects that coincide"
    click.echo(f"\n{title}, the most surprising first")
    fields = layouts.CANDIDATES if found.has_candidates else layouts.OBJECTS
    common.print_rows(
        fields,
        found.candidates.rows,
        found.candidates.total,
        f"none: of {found.alerts_searched} alerts that were searched, no one coincides",
    )


def sentence(found: Tonight) -> str:
    """Return what happened in a night, in one sentence."""
    pairs = ", ".join(f"{n} {name}" for name, n in sorted(found.by_messenger.items()))
    return (
        f"Night {found.night}: {found.alerts_searched} alerts searched,"
        f" {found.events_matched} events to match, {found.coincidences} coincidences"
        + (f" ({pairs})" if pairs else "")
    )
