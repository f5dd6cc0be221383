# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent parse``."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli.common import load_settings, settings_options
from fink_voevent.errors import InputError, NoticeError

if TYPE_CHECKING:
    from fink_voevent.listen.files import FileDocument
    from fink_voevent.notices.streams import Registry

EXIT_REFUSED = 1  # with --strict, if there is a document that cannot be read


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "--brief",
    "is_brief",
    is_flag=True,
    help="Print each notice as a card to read, with what should be mended in it.",
)
@click.option(
    "--strict",
    "is_strict",
    is_flag=True,
    help="Exit with 1 if a document cannot be read, and print the reasons to standard"
    " error. Warnings of --brief do not change the exit code.",
)
@settings_options("streams")
def command(
    paths: tuple[str, ...],
    is_brief: bool,  # noqa: FBT001 - a flag of the command line
    is_strict: bool,  # noqa: FBT001
    **options: Any,
) -> None:
    r"""Print the content of notices as JSON, or as cards to read.

    PATHS are files, folders, tar archives or landing folders. Each notice is one line.
    It has `file`, `sha256` and the columns of events (docs/tables.md), or `file`,
    `sha256` and the `reason` why the notice cannot be read. Counts are printed to
    standard error.

    With --brief, each notice is a card: the event, its time and region, which alerts
    are matched, and warnings. A warning says what is wrong or missing, what is done
    with the notice all the same, and what to write instead.

    \b
    Examples
      fink_voevent parse notices/ archive.tar.gz | head -1
      fink_voevent parse --brief notice.xml
      fink_voevent parse --brief --strict notices/ && echo all can be read
    """
    from fink_voevent.ingest.conversion import printable
    from fink_voevent.listen.files import documents
    from fink_voevent.notices import streams

    registry = streams.load(load_settings(options).streams)
    show = _show_card if is_brief else _show_row
    counts: Counter[str] = Counter()
    for document in documents(paths):
        reason = show(document, registry)
        counts["events" if reason is None else "refused"] += 1
        if reason is not None and is_strict:
            click.echo(f"{printable(document.name)}: {printable(reason)}", err=True)
    if not counts:
        raise InputError("no document found at the paths given")
    total = sum(counts.values())
    click.echo(
        f"{total} documents: {counts['events']} events, {counts['refused']} cannot"
        " be read",
        err=True,
    )
    if is_strict and counts["refused"]:
        click.get_current_context().exit(EXIT_REFUSED)


def _show_row(document: FileDocument, registry: Registry) -> str | None:
    """Print the line of a document; return the reason if it cannot be read."""
    from fink_voevent.listen.spool import sha256
    from fink_voevent.notices.normalisation import normalise
    from fink_voevent.tables.notices import READ_NOTICE

    head = {"file": document.name, "sha256": sha256(document.raw)}
    try:
        row = normalise(document.raw, registry)
    except NoticeError as error:
        _print_json(head | {"reason": str(error)})
        return str(error)
    row |= {"received_at": document.received_at, "transport": "file", "source": None}
    if row["classification"] is not None:
        row["classification"] = dict(row["classification"])
    row["params"] = [param._asdict() for param in row["params"]]
    _print_json(head | {column.name: row[column.name] for column in READ_NOTICE})
    return None


def _show_card(document: FileDocument, registry: Registry) -> str | None:
    """Print the card of a document; return the reason if it cannot be read."""
    from fink_voevent.ingest.conversion import printable
    from fink_voevent.notices.card import card

    click.echo(printable(document.name))
    try:
        lines = card(document.raw, registry)
    except NoticeError as error:
        click.echo(f"  CANNOT BE READ  {printable(str(error))}\n")
        return str(error)
    for line in (*lines, ""):
        click.echo(printable(line))
    return None


def _print_json(fields: dict[str, Any]) -> None:
    click.echo(json.dumps(fields, default=_to_json, ensure_ascii=False))


def _to_json(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    raise TypeError(f"{type(value)} cannot be written as JSON")
