# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent publish`` and ``fink_voevent outbox``."""

from __future__ import annotations

import sys
from typing import Any

import click

from fink_voevent.cli.common import settings, settings_options, stop_on_signals
from fink_voevent.errors import InputError


@click.command()
@settings_options("data_prefix", "survey", "publish", "publish_to")
def publish(**options: Any) -> None:
    r"""Send coincidences and alerts of interest out as VOEvents, until Ctrl-C.

    A dry run, until VOEVENT_PUBLISH_DRY_RUN=false.

    \b
    Example
      fink_voevent publish --data-prefix /data/fink --filters gw_silver,grb_silver
    """
    from fink_voevent.publish.service import run

    run(settings(options), stop_on_signals())


@click.command()
@settings_options("spool")
@click.option("--show", "ivorn", help="Print the VOEvent of this identifier.")
def outbox(ivorn: str | None, **options: Any) -> None:
    r"""List what is on its way out: state, identifier, tries, last answer.

    \b
    Examples
      fink_voevent outbox
      fink_voevent outbox --show ivo://org.fink-broker/voevent#ztf-25...
    """
    from fink_voevent.publish.outbox import Outbox

    held = Outbox(settings(options).spool)
    if ivorn is None:
        for state, name, tries, text in held.rows():
            click.echo(f"{state:12} {name}  tries {tries}  {text}".rstrip())
        return
    raw = held.raw(ivorn)
    if raw is None:
        raise InputError(f"no {ivorn} in the outbox")
    sys.stdout.buffer.write(raw + b"\n")
