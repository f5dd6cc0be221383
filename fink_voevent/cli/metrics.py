# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent metrics``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import load_settings, settings_options
from fink_voevent.errors import ConfigError


@click.command()
@settings_options("data_prefix", "survey", "sources", "spool", "metrics_address")
def command(**options: Any) -> None:
    r"""Serve figures for Prometheus, and /healthz.

    For the Fink services; `fink_voevent run` serves them by itself. /metrics has the
    figures of all parts, read from the tables; /healthz has what `status --json`
    prints, with code 503 if the verdict is down. Runs until Ctrl-C.

    \b
    Example
      fink_voevent metrics --data-prefix /data/fink --address 127.0.0.1:8097
    """
    from fink_voevent.ops.health import Examiner
    from fink_voevent.ops.metrics import serving
    from fink_voevent.ops.supervisor import stop_on_signals

    settings = load_settings(options)
    if not settings.metrics_address:
        raise ConfigError("no address to serve: set VOEVENT_METRICS_ADDRESS=host:port")
    stop = stop_on_signals()
    examiner = Examiner(settings)
    with serving(settings.metrics_address, examiner.health, settings.survey) as address:
        click.echo(f"serving http://{address}/metrics and /healthz", err=True)
        stop.wait()
