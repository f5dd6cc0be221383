# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent run``."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import click

from fink_voevent.cli.common import configuration, settings_options
from fink_voevent.config.load import Configuration
from fink_voevent.config.settings import PREFIX
from fink_voevent.errors import ConfigError, StorageError
from fink_voevent.ops.status import Observer
from fink_voevent.ops.supervisor import VARIABLE, Child, stop_on_signals, supervise

_LOG = logging.getLogger(__name__)


@click.command()
@settings_options("sources", "data_prefix", "survey", "night", "spool")
def command(**options: Any) -> None:
    r"""Run everything on one machine: the listener and the three stages.

    A part that dies is started again. A status line is printed every VOEVENT_STATUS_S
    seconds and at the end. Stops at Ctrl-C.

    \b
    Example
      fink_voevent run --source voevent.example.org --data-prefix /data/fink
    """
    chosen = configuration(options)
    if not chosen.settings.sources:
        raise ConfigError(
            "no source to listen to: set VOEVENT_SOURCES=host[:port],... or give"
            " --source"
        )
    environment = _environment(chosen)
    children = [
        Child(name, [sys.executable, "-m", "fink_voevent", name], environment)
        for name in ("listen", "stages")
    ]
    observer = Observer(chosen.settings.root)
    supervise(
        children,
        stop_on_signals(),
        lambda: _report(observer),
        chosen.settings.status_s,
    )


def _report(observer: Observer) -> None:
    """Print the status line; a store that is away does not stop what is running."""
    try:
        click.echo(observer.status().line())
    except StorageError as error:
        _LOG.error("no status: %s", error)


def _environment(chosen: Configuration) -> dict[str, str]:
    """Environment of the children: ours, and what our command line gave."""
    given = {
        f"{PREFIX}{name.upper()}": str(getattr(chosen.settings, name))
        for name, origin in chosen.origin.items()
        if origin == "command line"
    }
    return {**os.environ, **given, VARIABLE: str(os.getpid())}
