# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent publish`` and ``fink_voevent outbox``."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from fink_voevent.cli.common import load_settings, settings_options
from fink_voevent.errors import InputError


@click.command()
@click.argument("alerts", nargs=-1, type=click.Path(path_type=Path, exists=True))
@settings_options("data_prefix", "spool", "survey", "publish", "publish_to")
def publish(alerts: tuple[Path, ...], **options: Any) -> None:
    r"""Send coincidences and alerts as VOEvents.

    Runs until Ctrl-C. With ALERTS, which are files or folders of Fink's alerts in Avro
    or Parquet, those are sent, and the command ends. VOEvents are composed and kept,
    but not sent, unless VOEVENT_PUBLISH_DRY_RUN is false.

    \b
    Examples
      fink_voevent publish --data-prefix /data/fink --filters gw_silver,grb_silver
      fink_voevent publish alerts/ZTF22abcdefg.avro
    """
    from fink_voevent.ops.supervisor import stop_on_signals
    from fink_voevent.publish.packets import alert_files
    from fink_voevent.publish.service import run, send_files

    settings, stop = load_settings(options), stop_on_signals()
    if alerts:
        files = [file for path in alerts for file in alert_files(path)]
        send_files(settings, files, stop)
    else:
        run(settings, stop)


@click.command()
@settings_options("spool")
@click.option(
    "--show", "ivorn", metavar="IVORN", help="Print the VOEvent of this identifier."
)
def outbox(ivorn: str | None, **options: Any) -> None:
    r"""List the VOEvents that are being sent.

    Each line has the state, the identifier, the number of tries and the last answer.
    How many wait, of which kind and since when, is on standard error.

    \b
    Examples
      fink_voevent outbox
      fink_voevent outbox --show ivo://org.fink-broker/voevent#ztf-25...
    """
    from fink_voevent.publish import backlog
    from fink_voevent.publish.outbox import Outbox

    settings = load_settings(options)
    box = Outbox(settings.spool)
    if ivorn is None:
        for state, name, tries, text in box.rows():
            click.echo(f"{state:12} {name}  tries {tries}  {text}".rstrip())
        if line := backlog.read(settings.spool, time.time()).line():
            click.echo(line, err=True)
        return
    raw = box.raw(ivorn)
    if raw is None:
        raise InputError(f"{ivorn} is not in the outbox")
    sys.stdout.buffer.write(raw + b"\n")
