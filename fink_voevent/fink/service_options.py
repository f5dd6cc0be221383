# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The options that ``bin/fink`` gives to each service, and our settings from them.

``bin/fink`` passes one fixed list of options to every service. An option of it whose
value is empty would swallow the next one: it is treated as not given.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from fink_voevent.config.load import load
from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError

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
