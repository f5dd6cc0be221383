# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent convert``."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import click

from fink_voevent.cli.common import EXIT_ERROR, settings, settings_options
from fink_voevent.errors import InputError

_LOG = logging.getLogger(__name__)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for one file an alert; by default standard output.",
)
@settings_options("local_ivo")
def command(paths: tuple[Path, ...], out: Path | None, **options: Any) -> None:
    r"""Write the VOEvent of Fink's alerts: Avro or Parquet, ZTF or Rubin.

    A look before anything is sent: nothing is.

    \b
    Examples
      fink_voevent convert alert.avro
      fink_voevent convert science/20240115 --out voevents
    """
    from fink_voevent.publish.compose import Author
    from fink_voevent.publish.packets import alert_files, compose_alert, read_alerts

    chosen = settings(options)
    author = Author(chosen.local_ivo, chosen.publish_contact)
    written = failed = 0
    files = [file for path in paths for file in alert_files(path)]
    for name, alert in ((file, alert) for file in files for alert in read_alerts(file)):
        try:
            made = compose_alert(alert, author)
        except InputError as error:
            _LOG.error("%s: %s", name, error)
            failed += 1
            continue
        written += 1
        if out is None:
            sys.stdout.buffer.write(made.raw + b"\n")
        else:
            out.mkdir(parents=True, exist_ok=True)
            local = made.ivorn.partition("#")[2]
            (out / f"{local}.xml").write_bytes(made.raw)
    click.echo(f"{written} VOEvents, {failed} alerts not understood", err=True)
    if failed or not written:
        sys.exit(EXIT_ERROR)
