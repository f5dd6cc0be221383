# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Entry point of our services, which ``bin/fink start voevent_*`` runs."""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path

from fink_voevent.config.settings import Settings
from fink_voevent.errors import VOEventPluginError
from fink_voevent.fink.service_options import (
    HELP,
    exit_after_s,
    load_settings,
    options,
)
from fink_voevent.spark.session import is_submitted
from fink_voevent.spark.stores import adopt_submitted_options

_LOG = logging.getLogger(__name__)


def main(name: str, text: str, script: str) -> None:
    """Run a service until it is stopped.

    After an error, one line is logged and the exit code is 2.

    Parameters
    ----------
    name : str
        Name of the service: ``voevent_<stage>``.
    text : str
        Description of the service, for the help.
    script : str
        Path of the script that ``bin/fink`` runs. The name of its folder is the survey.
    """
    survey, arguments = Path(script).resolve().parent.name, sys.argv[1:]
    if {"-h", "--help"} & set(arguments[:1]):
        sys.stdout.write(HELP.format(name=name, survey=survey, text=text.strip()))
        sys.exit(0)
    given = options(arguments)
    _log_to_stderr(given.get("-log_level", "INFO"))
    try:
        if is_submitted():
            adopt_submitted_options()
        settings = load_settings(given, survey, os.environ)
        _run(name.removeprefix("voevent_"), settings, exit_after_s(given))
    except (VOEventPluginError, OSError) as error:
        _LOG.error("%s: %s", name, error)
        sys.exit(2)


def _run(stage: str, settings: Settings, seconds: float) -> None:
    """Run a stage until a signal comes, or for this long (s)."""
    from fink_voevent.ops.supervisor import stop_on_signals

    stop = stop_on_signals()
    timer = threading.Timer(seconds, stop.set)
    timer.daemon = True
    timer.start()
    if stage == "publish":
        from fink_voevent.publish.service import run as publish

        publish(settings, stop)
        return
    from fink_voevent.ops.stages import run as run_stages

    run_stages(settings, stop, (stage,))


def _log_to_stderr(level: str) -> None:
    """Set up logging; a level that Python does not know is INFO."""
    known = logging.getLevelName(level.upper())
    logging.basicConfig(
        level=known if isinstance(known, int) else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
