# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent run``."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli.common import load_configuration, settings_options
from fink_voevent.errors import ConfigError, StorageError

if TYPE_CHECKING:
    from fink_voevent.config.load import Configuration
    from fink_voevent.config.settings import Settings
    from fink_voevent.ops.health import Examiner
    from fink_voevent.ops.verdict import Reason

_LOG = logging.getLogger(__name__)


@click.command()
@settings_options("sources", "data_prefix", "survey", "night", "spool")
def command(**options: Any) -> None:
    r"""Run the listener and all stages on this machine.

    There are two processes, one for the listener and one for the stages (ingest, match
    and route), and a third one for the pages of events if VOEVENT_PAGES names a folder
    for them; a process that ends is started again. A status line is printed every
    VOEVENT_STATUS_S seconds and at the end. Runs until Ctrl-C.

    \b
    Example
      fink_voevent run --source voevent.example.org --data-prefix /data/fink
    """
    from fink_voevent.ops.beats import beating
    from fink_voevent.ops.health import Examiner
    from fink_voevent.ops.supervisor import Child, stop_on_signals, supervise
    from fink_voevent.show import libraries

    configuration = load_configuration(options)
    settings = configuration.settings
    if not settings.sources:
        raise ConfigError(
            "no source to listen to: set VOEVENT_SOURCES=host[:port],... or give"
            " --source"
        )
    if settings.pages:
        libraries.check()
    environment = _child_environment(configuration)
    examiner = Examiner(settings)
    stop = stop_on_signals()
    with ExitStack() as stack:
        beat = stack.enter_context(beating(settings.root, "run", ()))
        children = [
            Child(
                words[0],
                [sys.executable, "-m", "fink_voevent", *words],
                environment,
                on_end=beat.child_ended,
            )
            for words in commands(settings)
        ]
        _serve_metrics(stack, settings, examiner)
        report = partial(_report, Examiner(settings), {})
        supervise(children, stop, report, settings.status_s)


def commands(settings: Settings) -> list[list[str]]:
    """Return the command of each child process."""
    pages = [["page", "--follow"]] if settings.pages else []
    return [["listen"], ["stages"], *pages]


def _serve_metrics(stack: ExitStack, settings: Settings, examiner: Examiner) -> None:
    """Serve metrics until the stack is closed; an error is logged."""
    from fink_voevent.ops.metrics import serving

    if not settings.metrics_address:
        return
    served = serving(settings.metrics_address, examiner.health, settings.survey)
    try:
        address = stack.enter_context(served)
    except StorageError as error:
        _LOG.warning("%s", error)
    else:
        _LOG.info("serving http://%s/metrics and /healthz", address)


def _report(examiner: Examiner, known: dict[str, Reason]) -> None:
    """Print the status line, and log the reasons that are new, and those that ended.

    What the supervisor knows of processes is in the log already.
    """
    from fink_voevent.ops.verdict import DOWN

    health = examiner.health()
    if health.found is not None:
        click.echo(health.found.status.line())
    reasons = {
        f"{one.code} {one.text.partition(',')[0]}": one
        for one in health.verdict.reasons
        if not one.code.startswith(("process", "never"))
    }
    for key in reasons.keys() - known.keys():
        level = logging.ERROR if reasons[key].level == DOWN else logging.WARNING
        _LOG.log(level, "%s; %s", reasons[key].text, reasons[key].what_to_do)
    for key in known.keys() - reasons.keys():
        _LOG.info("no longer: %s", known[key].text)
    known.clear()
    known.update(reasons)


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
