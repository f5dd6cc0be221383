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


@click.command()
@click.argument("paths", nargs=-1, required=True)
@settings_options("streams")
def command(paths: tuple[str, ...], **options: Any) -> None:
    r"""Print the content of notices as JSON.

    PATHS are files, folders, tar archives or landing folders. Each notice is one line.
    It has `file`, `sha256` and the columns of events (docs/tables.md), or `file`,
    `sha256` and the `reason` why the notice cannot be read. Counts are printed to
    standard error.

    \b
    Example
      fink_voevent parse notices/ archive.tar.gz | head -1
    """
    from fink_voevent.listen.files import documents
    from fink_voevent.notices import streams

    registry = streams.load(load_settings(options).streams)
    counts: Counter[str] = Counter()
    for document in documents(paths):
        row = _row(document, registry)
        counts["quarantine" if "reason" in row else "events"] += 1
        click.echo(json.dumps(row, default=_to_json, ensure_ascii=False))
    if not counts:
        raise InputError("no document found at the paths given")
    total = sum(counts.values())
    click.echo(
        f"{total} documents: {counts['events']} events, {counts['quarantine']} cannot"
        " be read",
        err=True,
    )


def _row(document: FileDocument, registry: Registry) -> dict[str, Any]:
    """Return the fields of a line: those of an event, or the reason of a failure."""
    from fink_voevent.listen.spool import sha256
    from fink_voevent.notices.normalisation import normalise
    from fink_voevent.tables.notices import EVENTS

    head = {"file": document.name, "sha256": sha256(document.raw)}
    try:
        row = normalise(document.raw, registry)
    except NoticeError as error:
        return head | {"reason": str(error)}
    row |= {"received_at": document.received_at, "transport": "file"}
    if row["classification"] is not None:
        row["classification"] = dict(row["classification"])
    row["params"] = [param._asdict() for param in row["params"]]
    return head | {column.name: row[column.name] for column in EVENTS}


def _to_json(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    raise TypeError(f"{type(value)} cannot be written as JSON")
