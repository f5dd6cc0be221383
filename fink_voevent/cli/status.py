# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent status``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli.common import load_settings, settings_options
from fink_voevent.cli.listing import load_lightly

if TYPE_CHECKING:
    from fink_voevent.ops.verdict import Verdict


@click.command()
@settings_options("data_prefix", "survey", "sources", "spool")
@click.option("--json", "is_json", is_flag=True, help="Print one JSON document.")
def command(is_json: bool, **options: Any) -> None:  # noqa: FBT001
    r"""Print whether all is well, and what was done so far.

    The first line is the verdict: ok (exit code 0), degraded (1) or down (2). Each
    reason follows in a line, with what to do: processes that are dead, sources that are
    lost or silent, publishers whose own source is silent while another one carries
    them, stages that are behind, documents that wait in the spool, a quarantine that
    grows, background rates that are missing, files that are damaged,
    disks that are full, and a clock that is wrong.

    Then come the numbers of notices, events, alerts searched and coincidences, the
    packets of each topic, the age (s) of the oldest notice that is not ingested, and a
    line for each source.

    \b
    Examples
      fink_voevent status --data-prefix /data/fink
      fink_voevent status --json
    """
    load_lightly()
    from fink_voevent.ops.health import Examiner
    from fink_voevent.show.text_table import as_json, printable

    health = Examiner(load_settings(options)).health()
    if is_json:
        click.echo(as_json(health.document()))
        sys.exit(health.verdict.exit_code)
    reasons = health.verdict.reasons
    click.echo(first_line(health.verdict))
    for reason in reasons:
        click.echo(printable(f"  {reason.level}: {reason.text}; {reason.what_to_do}"))
    if health.found is not None:
        click.echo(health.found.status.line())
        for source in health.found.status.sources:
            click.echo(printable(source.line()))
    sys.exit(health.verdict.exit_code)


def first_line(found: Verdict) -> str:
    """Return the verdict, and how many reasons there are."""
    count = len(found.reasons)
    if not count:
        return found.verdict
    return f"{found.verdict}: {count} reason{'' if count == 1 else 's'}"
