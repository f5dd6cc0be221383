# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent convert``."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import click

from fink_voevent.cli import EXIT_ERROR
from fink_voevent.cli.common import load_settings, settings_options
from fink_voevent.errors import InputError

_LOG = logging.getLogger(__name__)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Folder that receives one XML file for each alert. Default: standard output.",
)
@settings_options("local_ivo")
def command(paths: tuple[Path, ...], out: Path | None, **options: Any) -> None:
    r"""Write the VOEvents of alerts to files; nothing is sent.

    PATHS are files or folders of Fink's alerts of ZTF or Rubin, in Avro or Parquet. The
    exit code is 2 if an alert cannot be converted, or if there is none.

    \b
    Examples
      fink_voevent convert alert.avro
      fink_voevent convert science/20240115 --out voevents
    """
    from fink_voevent.publish.compose import Author
    from fink_voevent.publish.packets import alert_files, compose_alert, read_alerts

    settings = load_settings(options)
    author = Author(settings.local_ivo, settings.publish_contact)
    written = failed = 0
    files = [file for path in paths for file in alert_files(path)]
    for name, alert in ((file, alert) for file in files for alert in read_alerts(file)):
        try:
            packet = compose_alert(alert, author)
        except InputError as error:
            _LOG.error("%s: %s", name, error)
            failed += 1
            continue
        written += 1
        if out is None:
            sys.stdout.buffer.write(packet.raw + b"\n")
        else:
            out.mkdir(parents=True, exist_ok=True)
            local = packet.ivorn.partition("#")[2]
            (out / f"{local}.xml").write_bytes(packet.raw)
    click.echo(
        f"{written} VOEvents written, {failed} alerts cannot be converted", err=True
    )
    if failed or not written:
        sys.exit(EXIT_ERROR)
