# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Loading the settings: merged, checked, each with its origin.

From the lowest to the highest precedence: defaults, Fink's own configuration, the
options of ``bin/fink``, the environment (``VOEVENT_*``), our own command line.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr, ValidationError

from fink_voevent.config.settings import PREFIX, Settings
from fink_voevent.errors import ConfigError

_LOGIN = re.compile(r"(?<=://)[^,@]*@|[^,@:/'\"]+:[^,@]*@")  # user:password@


@dataclass(frozen=True)
class Configuration:
    """Settings, and where the value of each came from.

    Parameters
    ----------
    settings : Settings
    origin : mapping of str to str
        By name of a setting: ``default``, ``fink.conf``, ``bin/fink``,
        ``environment`` or ``command line``.
    """

    settings: Settings
    origin: Mapping[str, str]


def load(
    environment: Mapping[str, str],
    command_line: Mapping[str, Any] | None = None,
    fink_options: Mapping[str, Any] | None = None,
) -> Configuration:
    """Merge and check all settings.

    Parameters
    ----------
    environment : mapping
        Usually ``os.environ``. ``ONLINE_DATA_PREFIX``, ``AGG_DATA_PREFIX`` and
        ``SUBSTREAM_PREFIX`` of Fink's own configuration replace our defaults.
    command_line, fink_options : mapping, optional
        Values by name of a setting; None is no value.

    Raises
    ------
    ConfigError
        If a setting is unknown or wrong. The message is one line that names the
        setting, the value, its origin and what is allowed.
    """
    layers = [
        ("fink.conf", _fink_environment(environment)),
        ("bin/fink", fink_options or {}),
        ("environment", _own_environment(environment)),
        ("command line", command_line or {}),
    ]
    values: dict[str, Any] = {}
    origin = dict.fromkeys(Settings.model_fields, "default")
    for name, layer in layers:
        for key, value in layer.items():
            if value is not None:
                values[key], origin[key] = value, name
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise ConfigError(_one_line(error, origin)) from None
    return Configuration(settings, origin)


def refuse_default_prefix(configuration: Configuration) -> None:
    """Refuse to run without a data prefix.

    The default is a folder below the current one. A program that another one starts,
    such as Comet or ``bin/fink``, does not know which folder that is.

    Raises
    ------
    ConfigError
        If the data prefix is the default.
    """
    if configuration.origin["data_prefix"] == "default":
        raise ConfigError(
            "no data prefix is given: set VOEVENT_DATA_PREFIX (or ONLINE_DATA_PREFIX,"
            " as Fink does) to the folder or URI of the tables"
        )


def _fink_environment(environment: Mapping[str, str]) -> dict[str, str]:
    pairs = (
        ("data_prefix", "ONLINE_DATA_PREFIX"),
        ("archive_prefix", "AGG_DATA_PREFIX"),
        ("topic_prefix", "SUBSTREAM_PREFIX"),
    )
    return {ours: environment[name] for ours, name in pairs if environment.get(name)}


def _own_environment(environment: Mapping[str, str]) -> dict[str, str]:
    values = {}
    for name, value in environment.items():
        if not name.startswith(PREFIX):
            continue
        key = name.removeprefix(PREFIX).lower()
        if key not in Settings.model_fields:
            near = difflib.get_close_matches(key, Settings.model_fields, 1)
            hint = f"; did you mean {PREFIX}{near[0].upper()}?" if near else ""
            raise ConfigError(
                f"{name} is not a setting{hint} (fink_voevent config lists all)"
            )
        if value:  # empty is unset: voevent.conf exports what has no default so
            values[key] = value
    return values


def _one_line(error: ValidationError, origin: Mapping[str, str]) -> str:
    first = error.errors()[0]
    key = str(first["loc"][0])
    reason = str(first["msg"]).removeprefix("Value error, ")
    is_secret = Settings.model_fields[key].annotation is SecretStr
    value = "***" if is_secret else _LOGIN.sub("***@", repr(first["input"]))
    given = f"{PREFIX}{key.upper()}={value}"
    return f"{given}, from the {origin.get(key)}: {reason}"
