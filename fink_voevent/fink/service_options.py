# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Options that ``bin/fink`` passes to a service, and the settings made from them.

``bin/fink`` passes the same list of options to every service. If the value of an option
is empty, the next option follows it directly; an option without a value is ignored.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from fink_voevent.config.load import load, refuse_default_prefix
from fink_voevent.config.settings import Settings
from fink_voevent.errors import ConfigError

EXIT_AFTER_S = 64_800.0  # as Fink's own services: 18 hours
NO_FINK_MM = "no-config"  # value of -mmconfigpath if fink-mm is not enabled
# By option of bin/fink: the setting that it gives.
SETTINGS = {
    "-online_data_prefix": "data_prefix",
    "-agg_data_prefix": "archive_prefix",
    "-night": "night",
}
HELP = """usage: fink start {name} -s {survey} [-night YYYYMMDD] [-exit_after S] ...

{text}

Of the options that bin/fink passes these are used; all others are ignored:
  -online_data_prefix  folder of Fink's online data: a path or a URI
  -agg_data_prefix     folder of Fink's archive: a path or a URI
  -night               night to match, YYYYMMDD; default: the current UTC day
  -log_level           DEBUG, INFO, WARN or ERROR; default: INFO
  -exit_after          time after which the service stops (s); default: 64800 (18 h)
All other settings are VOEVENT_* in conf/{survey}/voevent.conf; `fink_voevent config`
lists them.
"""


def options(arguments: Sequence[str]) -> dict[str, str]:
    """Return the value of each option that has one.

    This is not done by argparse, which takes ``-hostless_folder`` for ``-h``.

    Parameters
    ----------
    arguments : sequence of str
        Command line of the service.

    Returns
    -------
    dict of str to str
        Values by option, with its hyphen. Options without a value are left out.
    """
    return {
        name: value
        for name, value in itertools.pairwise(arguments)
        if name.startswith("-") and value and not value.startswith("-")
    }


def load_settings(
    given: Mapping[str, str], survey: str, environment: Mapping[str, str]
) -> Settings:
    """Return the settings of a service.

    Parameters
    ----------
    given : mapping
        Values by option, from `options`.
    survey : str
        ``ztf`` or ``rubin``.
    environment : mapping
        Usually ``os.environ``.

    Raises
    ------
    ConfigError
        If a setting is wrong, or the topics of fink-mm are set while it is enabled.
    """
    values = {ours: given[name] for name, ours in SETTINGS.items() if name in given}
    configuration = load(environment, fink_options={**values, "survey": survey})
    refuse_default_prefix(configuration)
    merged = configuration.settings
    fink_mm = given.get("-mmconfigpath", NO_FINK_MM)
    if merged.legacy_topics and fink_mm != NO_FINK_MM:
        raise ConfigError(
            f"VOEVENT_LEGACY_TOPICS is set, but fink-mm is enabled ({fink_mm}) and"
            " writes to the same topics: set FINK_MM_CONFIG=no-config in fink.conf, or"
            " unset VOEVENT_LEGACY_TOPICS"
        )
    return merged


def exit_after_s(given: Mapping[str, str]) -> float:
    """Return the time after which a service stops (s).

    Raises
    ------
    ConfigError
        If the option ``-exit_after`` is not a number.
    """
    text = given.get("-exit_after", "")
    if not text:
        return EXIT_AFTER_S
    try:
        return float(text)
    except ValueError:
        raise ConfigError(
            f"-exit_after {text}: this is not a number of seconds"
        ) from None
