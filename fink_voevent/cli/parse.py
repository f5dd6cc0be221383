# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent parse``."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

import click

from fink_voevent.cli.common import settings, settings_options
from fink_voevent.errors import InputError, NoticeError
from fink_voevent.listen.files import FileDocument, documents
from fink_voevent.listen.spool import sha256
from fink_voevent.notices import streams
from fink_voevent.notices.normalisation import normalise
from fink_voevent.tables.notices import EVENTS


@click.command()
@click.argument("paths", nargs=-1, required=True)
@settings_options("streams")
def command(paths: tuple[str, ...], **options: Any) -> None:
    r"""Print what we understand of documents: one line of JSON for each.

    A line has `file`, `sha256` and the columns of events (docs/tables.md), or `file`,
    `sha256` and the `reason` why it cannot be read. Counts go to standard error.

    \b
    Example
      fink_voevent parse notices/ archive.tar.gz | head -1
    """
    registry = streams.load(settings(options).streams)
    counts: Counter[str] = Counter()
    for found in documents(paths):
        row = _row(found, registry)
        counts["quarantine" if "reason" in row else "events"] += 1
        click.echo(json.dumps(row, default=_json, ensure_ascii=False))
    if not counts:
        raise InputError("no document found at the paths given")
    total = sum(counts.values())
    click.echo(
        f"{total} documents: {counts['events']} events, {counts['quarantine']} cannot"
        " be read",
        err=True,
    )


def _row(found: FileDocument, registry: streams.Registry) -> dict[str, Any]:
    head = {"file": found.name, "sha256": sha256(found.raw)}
    try:
        row = normalise(found.raw, registry)
    except NoticeError as error:
        return head | {"reason": str(error)}
    row |= {"received_at": found.received_at, "transport": "file"}
    if row["classification"] is not None:
        row["classification"] = dict(row["classification"])
    row["params"] = [p._asdict() for p in row["params"]]
    return head | {c.name: row[c.name] for c in EVENTS}


def _json(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    raise TypeError(f"no JSON for {type(value)}")
