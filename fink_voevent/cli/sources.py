# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent sources``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli import listing as common
from fink_voevent.cli.common import settings_options

if TYPE_CHECKING:
    from fink_voevent.ops.publishers import CarrierStatus
    from fink_voevent.ops.sources import SourceStatus


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
    rows = [as_row(one) for one in sources.read(tables, configured)]
    if is_json:
        carriers = [as_publisher(one) for one in publishers.carriers(tables)]
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


def as_publisher(one: CarrierStatus) -> dict[str, Any]:
    """Return what a source has sent of a publisher."""
    return {
        **one.decision._asdict(),
        "notices": one.notices,
        "last": one.last,
    }


def as_row(one: SourceStatus) -> dict[str, Any]:
    """Return a source as a row of the list."""
    total = sum((gap.last - gap.first for gap in one.gaps), timedelta())
    state = "connected" if one.is_connected else "lost"
    return {
        "source": one.source,
        "state": "not reported" if one.since is None else state,
        "since": one.since,
        "last_document": one.last_document,
        "last_sign": one.last_sign,
        "gaps": len(one.gaps),
        "gap_s": total.total_seconds(),
        "reason": one.reason or None,
    }
