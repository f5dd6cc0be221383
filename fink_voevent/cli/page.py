# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent page``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli.common import load_settings, settings_options
from fink_voevent.errors import InputError

if TYPE_CHECKING:
    from fink_voevent.show.pages import PagesWritten
    from fink_voevent.show.records import Records

DEFAULT_FOLDER = "pages"
DAYS = 30.0  # pages of older events are made only if they are named


@click.command()
@click.argument("events", nargs=-1, metavar="[EVENT]...")
@settings_options("pages")
@click.option(
    "--on",
    "folder",
    metavar="FOLDER",
    help="Output folder of `fink_voevent match`, with --notices. Default: the tables of"
    " the services under --data-prefix.",
)
@click.option(
    "--notices",
    multiple=True,
    metavar="PATH",
    help="With --on: the notices that were matched, as of `fink_voevent match`.",
)
@click.option(
    "--days",
    type=click.FloatRange(min=0),
    default=DAYS,
    show_default=True,
    help="Without EVENT: make pages of the events of so many days up to the latest.",
)
@click.option(
    "--follow",
    "is_following",
    is_flag=True,
    help="Continue until Ctrl-C, and make pages again when the services have found"
    " something. Not with --on.",
)
@settings_options(
    "survey",
    "data_prefix",
    "credible_level",
    "cap_deg2",
    "window",
    "allow_tests",
    "streams",
    "local_ivo",
)
def command(
    events: tuple[str, ...],
    folder: str | None,
    notices: tuple[str, ...],
    days: float,
    is_following: bool,  # noqa: FBT001 - a flag of the command line
    **options: Any,
) -> None:
    r"""Make a page for each event, and an index of them.

    A page is one HTML file that works without a network: what happened and what to
    point at, the region, the ranked candidates with their light curves and cutouts,
    what was searched, each notice and what it changed, and files to take along. A page
    is made again only if what it shows has changed; pages of other events in FOLDER
    stay. Open FOLDER/index.html.

    It needs the libraries of pip install 'fink-voevent[pages]'.

    \b
    Examples
      fink_voevent page --data-prefix /data/fink --out /var/www/events
      fink_voevent page --follow --data-prefix /data/fink --out /var/www/events
      fink_voevent page S230518h --data-prefix /data/fink
      fink_voevent page --on out --notices notices/ --out pages
    """
    from datetime import datetime, timezone

    from fink_voevent.show import libraries
    from fink_voevent.show import records as event_records
    from fink_voevent.show.pages import write_pages

    if (folder is None) == bool(notices):
        raise InputError("--on and --notices belong together: give both or none")
    if is_following and folder is not None:
        raise InputError("--follow is for the tables of the services: leave out --on")
    libraries.check()
    settings = load_settings(options)
    out = Path(settings.pages or DEFAULT_FOLDER)

    def report(event: str, number: int, count: int) -> None:
        if is_following:
            return  # the log has the sum
        click.echo(f"{number}/{count} {event}", err=True)

    def choose(records: Records) -> list[str]:
        return records.check(events) if events else records.names(days)

    def write(records: Records, names: Sequence[str]) -> PagesWritten:
        now = datetime.now(timezone.utc)
        return write_pages(records, names, out, settings.local_ivo, now, report)

    if is_following:
        from fink_voevent.ops.beats import PAGES, beating
        from fink_voevent.ops.supervisor import stop_on_signals, stop_with_supervisor
        from fink_voevent.show.following import follow

        stop = stop_on_signals()
        stop_with_supervisor(stop)
        with beating(settings.root, "page", [PAGES]):
            follow(settings, choose, write, stop)
        return
    if folder is None:
        records = event_records.from_tables(settings)
    else:
        records = event_records.from_match(settings, folder, notices)
    written = write(records, choose(records))
    click.echo(
        f"{written.made} pages made, {written.unchanged} unchanged: {written.index}"
    )
