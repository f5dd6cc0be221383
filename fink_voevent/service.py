# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Our stages as Fink services: what ``bin/fink start voevent_*`` runs.

``bin/fink`` passes one fixed list of options to every service. An option of it whose
value is empty would swallow the next one: it is treated as not given.
"""

from __future__ import annotations

import itertools
import logging
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from fink_voevent.config import load
from fink_voevent.errors import ConfigError, VOEventPluginError
from fink_voevent.settings import Settings

_LOG = logging.getLogger(__name__)
EXIT_AFTER_S = 64_800.0  # as Fink's own services: 18 hours
NO_FINK_MM = "no-config"  # Fink's word for it, in -mmconfigpath
# Options of bin/fink that are settings of ours.
SETTINGS = {
    "-online_data_prefix": "data_prefix",
    "-agg_data_prefix": "archive_prefix",
    "-night": "night",
    "-tinterval": "trigger_s",
}
HELP = """usage: fink start {name} -s {survey} [-night YYYYMMDD] [-exit_after S] ...

{text}

Of the options that bin/fink passes these are taken, the rest is accepted:
  -online_data_prefix  where Fink keeps its online data
  -agg_data_prefix     where Fink keeps its archive
  -night               night to match, YYYYMMDD; the current UTC day if empty
  -tinterval           micro-batches, every (s)
  -log_level           DEBUG, INFO, WARN or ERROR
  -exit_after          stop by itself after so long (s); 64800 (18 h) if empty
All else is set by VOEVENT_* in conf/{survey}/voevent.conf; `fink_voevent config` lists
what there is.
"""


def options(arguments: Sequence[str]) -> dict[str, str]:
    """Options with their values; one without a value, or without a name, is left out.

    Not by argparse, which takes any option that begins with ``-h`` for the help.
    """
    return {
        name: value
        for name, value in itertools.pairwise(arguments)
        if name.startswith("-") and value and not value.startswith("-")
    }


def settings_of(
    given: Mapping[str, str], survey: str, environment: Mapping[str, str]
) -> Settings:
    """Merge the settings of a service.

    Raises
    ------
    ConfigError
        With one line that says what to do.
    """
    values = {ours: given[name] for name, ours in SETTINGS.items() if name in given}
    merged = load(environment, fink_options={**values, "survey": survey}).settings
    fink_mm = given.get("-mmconfigpath", NO_FINK_MM)
    if merged.legacy_topics and fink_mm != NO_FINK_MM:
        raise ConfigError(
            f"VOEVENT_LEGACY_TOPICS is set, and fink-mm is enabled ({fink_mm}), which"
            " writes to the same topics: set FINK_MM_CONFIG=no-config in fink.conf, or"
            " unset VOEVENT_LEGACY_TOPICS"
        )
    return merged


def exit_after_s(given: Mapping[str, str]) -> float:
    """Seconds after which a service stops by itself."""
    text = given.get("-exit_after", "")
    if not text:
        return EXIT_AFTER_S
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"-exit_after {text}: not a number of seconds") from None


def main(name: str, text: str, script: str) -> None:
    """Run one service and exit: 0 after a stop, 2 with one line after an error.

    Parameters
    ----------
    name : str
        ``voevent_<stage>``.
    text : str
        What it does, for the help.
    script : str
        Path of the script that ``bin/fink`` runs: its folder names the survey.
    """
    survey, arguments = Path(script).resolve().parent.name, sys.argv[1:]
    if {"-h", "--help"} & set(arguments[:1]):
        sys.stdout.write(HELP.format(name=name, survey=survey, text=text.strip()))
        sys.exit(0)
    given = options(arguments)
    _log_to_stderr(given.get("-log_level", "INFO"))
    try:
        settings = settings_of(given, survey, os.environ)
        _run(name.removeprefix("voevent_"), settings, exit_after_s(given))
    except (VOEventPluginError, OSError) as error:
        _LOG.error("%s: %s", name, error)
        sys.exit(2)


def _run(stage: str, settings: Settings, seconds: float) -> None:
    from fink_voevent.cli.common import stop_on_signals

    stop = stop_on_signals()
    timer = threading.Timer(seconds, stop.set)
    timer.daemon = True
    timer.start()
    if stage == "publish":
        from fink_voevent.publish.service import run as publish

        publish(settings, stop)
        return
    from fink_voevent.stages import run as run_stages

    run_stages(settings, stop, (stage,))


def _log_to_stderr(level: str) -> None:
    known = logging.getLevelName(level.upper())
    logging.basicConfig(
        level=known if isinstance(known, int) else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
