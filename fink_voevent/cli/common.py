# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""Options of commands that override settings."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import click

from fink_voevent.errors import InputError

if TYPE_CHECKING:
    from fink_voevent.config.load import Configuration
    from fink_voevent.config.settings import Settings

# By name of a setting: the option that overrides it, and the name of its value in help.
_OPTIONS = {
    "data_prefix": ("--data-prefix", "PATH|URI"),
    "survey": ("--survey", "ztf|rubin"),
    "night": ("--night", "YYYYMMDD"),
    "sources": ("--source", "ADDRESS"),
    "spool": ("--spool", "FOLDER"),
    "streams": ("--streams", "FILE"),
    "credible_level": ("--credible-level", "LEVEL"),
    "cap_deg2": ("--cap-deg2", "DEG2"),
    "window": ("--window", "BEFORE,AFTER"),
    "cell_order": ("--cell-order", "ORDER"),
    "metrics_address": ("--address", "HOST:PORT"),
    "pages": ("--out", "FOLDER"),
    "serve_address": ("--address", "HOST:PORT"),
    "serve_hosts": ("--hosts", "NAME,..."),
    "broadcast_port": ("--port", "PORT"),
    "broadcast_allow": ("--allow", "CIDR,..."),
    "local_ivo": ("--local-ivo", "IVORN"),
    "publish": ("--filters", "NAME,..."),
    "notify_filters": ("--filters", "NAME,..."),
    "skymap_hosts": ("--skymap-hosts", "HOST,..."),
    "publish_to": ("--to", "HOST:PORT"),
    "allow_tests": ("--allow-tests", None),
}


class SettingOption(click.Option):
    """Option that overrides a setting; its help is the description of the setting."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option as written in the help, and its text."""
        from fink_voevent.config.settings import PREFIX, Settings

        name = str(self.name)
        field = Settings.model_fields[name]
        default = "~/.fink_voevent/spool" if name == "spool" else field.default
        text = str(field.description)
        sentence = f"{text[0].upper()}{text[1:]}"
        if not sentence.endswith("."):
            sentence += "."
        if self.multiple:
            sentence += " May be repeated."
        shown = f"; default: {default}" if default not in ("", False) else ""
        self.help = f"{sentence} ({PREFIX}{name.upper()}{shown})"
        return super().get_help_record(ctx)


def settings_options(*names: str) -> Callable[[Any], Any]:
    """Return a decorator that adds options for the settings of these names."""

    def add(command: Any) -> Any:
        for name in reversed(names):
            flag, value = _OPTIONS[name]
            command = click.option(
                flag,
                name,
                cls=SettingOption,
                metavar=value,
                default=None,
                multiple=name == "sources",
                is_flag=value is None,
            )(command)
        return command

    return add


def load_configuration(options: dict[str, Any]) -> Configuration:
    """Merge the settings of the environment with the options of a command.

    Parameters
    ----------
    options : dict
        Values by name of a setting; None is not given. A tuple of sources is joined.

    Raises
    ------
    ConfigError
        If a setting is unknown or wrong.
    """
    from fink_voevent.config.load import load

    values = {name: value for name, value in options.items() if value is not None}
    if "sources" in values:
        values["sources"] = ";".join(values["sources"]) or None
    return load(os.environ, values)


def load_settings(options: dict[str, Any]) -> Settings:
    """Return the settings of `load_configuration`, without their origins."""
    return load_configuration(options).settings


def parse_time(option: str, text: str) -> datetime:
    """Return the time of an option; without a zone it is UTC.

    Raises
    ------
    InputError
        If it is not a time; the message names the option.
    """
    try:
        found = datetime.fromisoformat(text.strip().removesuffix("Z"))
    except ValueError:
        raise InputError(
            f"{option}: {text!r} is not a time as 2026-10-09 or 2026-10-09T13:00:00"
        ) from None
    if found.tzinfo is None:
        return found.replace(tzinfo=timezone.utc)
    return found.astimezone(timezone.utc)
