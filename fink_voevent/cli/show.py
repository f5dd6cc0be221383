# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent show``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli import listing as common

if TYPE_CHECKING:
    from fink_voevent.show.detail import EventDetail


@click.command()
@click.argument("name", metavar="EVENT|OBJECT")
@common.list_options("limit")
def command(name: str, is_json: bool, limit: int, **options: Any) -> None:  # noqa: FBT001
    r"""Print all that is known of an event or an object.

    An event is given by its name, or by the ivorn of one of its notices: its region,
    all its notices in the order of their versions, and the alerts that coincide. An
    object is given by its objectId or diaObjectId, or by the number of an alert: the
    events with which it coincides.

    \b
    Examples
      fink_voevent show Swift-1126853 --data-prefix /data/fink
      fink_voevent show ZTF22abkkavn --json
    """
    settings, _ = common.load(options)
    from fink_voevent.show import layouts
    from fink_voevent.show.detail import EventDetail, find
    from fink_voevent.show.text_table import printable
    from fink_voevent.store.delta import Tables

    found = find(settings, Tables(settings.root), name)
    kind = "event" if isinstance(found, EventDetail) else "object"
    if is_json:
        common.print_json({"kind": kind, **asdict(found)})
        return
    if isinstance(found, EventDetail):
        for line in header(found):
            click.echo(printable(line))
        click.echo("\nNotices, the current one last")
        common.print_rows(layouts.NOTICES, found.notices, 0, "none")
        click.echo("\nCoincidences")
        empty = "none: no alert that was searched coincides"
    else:
        click.echo(f"object {printable(found.name)}")
        empty = ""
    pairs = found.coincidences
    shown = pairs[: limit or None]
    common.print_rows(layouts.COINCIDENCES, shown, len(pairs), empty)


def header(found: EventDetail) -> list[str]:
    """Return what is printed of an event before its notices."""
    event = found.event
    if event is None:
        tenses = sorted({row["tense"] for row in found.notices})
        return [
            f"event {found.name}: not matched, its notices are not of an observation"
            f" that is matched ({', '.join(tenses)})"
        ]
    instrument = " ".join(filter(None, (event["observatory"], event["instrument"])))
    lines = [
        f"event {event['event_id']}: {event['messenger']}"
        + (f", {instrument}" if instrument else "")
        + f", {event['state']}",
    ]
    if event["time"] is not None:
        lines.append(f"  time       {event['time']:%Y-%m-%d %H:%M:%S.%f} UTC")
    if event["ra"] is not None:
        lines.append(
            f"  position   ra {event['ra']:.5f}, dec {event['dec']:+.5f} deg; 90 %"
            f" within {event['error_r90']:.4g} deg"
        )
    if event["area_90"] is not None:
        lines.append(f"  90 % area  {event['area_90']:.4g} deg2")
    if event["window_from"] is not None:
        lines.append(
            f"  window     {event['window_from']:%Y-%m-%d %H:%M:%S} to"
            f" {event['window_to']:%Y-%m-%d %H:%M:%S} UTC"
        )
    if event["related_event_ids"]:
        lines.append(f"  related    {', '.join(event['related_event_ids'])}")
    return lines
