# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fink_voevent.cli.common import load_settings, settings_options
from fink_voevent.cli.page import DAYS


@click.command()
@settings_options(
    "data_prefix",
    "survey",
    "sources",
    "spool",
    "serve_address",
    "serve_hosts",
    "credible_level",
    "cap_deg2",
    "window",
    "allow_tests",
    "local_ivo",
)
@click.option(
    "--out",
    type=Path,
    default=None,
    metavar="FOLDER",
    help="Keep the pages here, so that the next start need not make them again."
    " Default: a folder that is removed at the end.",
)
@click.option(
    "--days",
    type=click.FloatRange(min=0),
    default=DAYS,
    show_default=True,
    help="Make pages of the events of so many days up to the latest at once; those of"
    " older events are made when they are opened.",
)
def command(out: Path | None, days: float, **options: Any) -> None:
    r"""Serve the pages of events live, and a JSON API.

    The pages are those of `fink_voevent page`; in a browser they change by themselves
    when the services have found something. /api/ lists the addresses for programs,
    /api/changes sends server-sent events, and /healthz has what `status --json` prints,
    with code 503 if the verdict is down. Nothing can be changed over HTTP. Only this
    machine can reach the server, unless --address says otherwise. Runs until Ctrl-C.

    It needs the libraries of pip install 'fink-voevent[pages]'.

    \b
    Examples
      fink_voevent serve --data-prefix /data/fink
      fink_voevent serve --address 0.0.0.0:8096 --hosts events.example.org
      curl http://127.0.0.1:8096/api/candidates?messenger=gw
      curl --no-buffer http://127.0.0.1:8096/api/changes
    """
    import tempfile

    from fink_voevent.errors import ConfigError
    from fink_voevent.serve.service import run
    from fink_voevent.show import libraries
    from fink_voevent.show.views import require_tables

    settings = load_settings(options)
    if not settings.serve_address:
        raise ConfigError("no address to serve: set VOEVENT_SERVE_ADDRESS=host:port")
    libraries.check()
    require_tables(settings.root)
    if out is not None:
        run(settings, out, days)
        return
    with tempfile.TemporaryDirectory(prefix="fink_voevent-") as folder:
        run(settings, Path(folder), days)
