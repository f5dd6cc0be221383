# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent run``."""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli.common import load_configuration, settings_options
from fink_voevent.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from fink_voevent.config.load import Configuration
    from fink_voevent.ops.status import Observer

_LOG = logging.getLogger(__name__)


@click.command()
@settings_options("sources", "data_prefix", "survey", "night", "spool")
def command(**options: Any) -> None:
    r"""Run the listener and all stages on this machine.

    There are two processes, one for the listener and one for the stages (ingest, match
    and route); a process that ends is started again. A status line is printed every
    VOEVENT_STATUS_S seconds and at the end. Runs until Ctrl-C.

    \b
    Example
      fink_voevent run --source voevent.example.org --data-prefix /data/fink
    """
    from fink_voevent.ops.status import Observer
    from fink_voevent.ops.supervisor import Child, stop_on_signals, supervise

    configuration = load_configuration(options)
    settings = configuration.settings
    if not settings.sources:
        raise ConfigError(
            "no source to listen to: set VOEVENT_SOURCES=host[:port],... or give"
            " --source"
        )
    environment = _child_environment(configuration)
    children = [
        Child(name, [sys.executable, "-m", "fink_voevent", name], environment)
        for name in ("listen", "stages")
    ]
    observer = Observer(settings.root, settings.spool)
    report = partial(_report, observer, set())
    supervise(children, stop_on_signals(), report, settings.status_s)


def _report(observer: Observer, known: set[str]) -> None:
    """Print the status line, and log the problems that are not known yet.

    A store that cannot be read does not stop the children.
    """
    try:
        status = observer.status()
    except StorageError as error:
        _LOG.error("the status cannot be read: %s", error)
        return
    click.echo(status.line())
    for problem in status.problems:
        if problem not in known:
            _LOG.error("%s", problem)
    known.update(status.problems)


def _child_environment(configuration: Configuration) -> dict[str, str]:
    """Return our environment and, as variables, the options of our command line."""
    from fink_voevent.config.settings import PREFIX
    from fink_voevent.ops.supervisor import VARIABLE

    options = {
        f"{PREFIX}{name.upper()}": str(getattr(configuration.settings, name))
        for name, origin in configuration.origin.items()
        if origin == "command line"
    }
    return {**os.environ, **options, VARIABLE: str(os.getpid())}
