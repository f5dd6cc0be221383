# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What commands share: options that are settings, signals, exit codes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

from fink_voevent.config.load import Configuration, load
from fink_voevent.config.settings import Settings

EXIT_ERROR = 2  # bad input or setting, told in one line
_OPTIONS = {
    "data_prefix": ("--data-prefix", "Where Fink keeps its online data: path or URI."),
    "survey": ("--survey", "ztf or rubin."),
    "night": ("--night", "Night to match, YYYYMMDD; the current UTC day by default."),
    "sources": (
        "--source",
        "VTP broker host[:port], kafka://host:port/TOPIC or gcn://TOPIC; repeatable.",
    ),
    "spool": ("--spool", "Local folder that keeps a notice until it has landed."),
    "streams": ("--streams", "File of streams that extends or overrides our own."),
    "credible_level": ("--credible-level", "Match within this level of regions (0-1)."),
    "cap_deg2": ("--cap-deg2", "Match an event on at most so much of the sky (deg2)."),
    "window": ("--window", "BEFORE,AFTER in days, over the streams' own windows."),
    "cell_order": ("--cell-order", "HEALPix order of the pre-selection; 0 chooses."),
    "broadcast_port": ("--port", "Port for subscribers."),
    "broadcast_receive_port": ("--receive-port", "Port of loopback for VOEvents."),
    "broadcast_allow": ("--allow", "Networks whose subscribers are served: CIDR,..."),
    "local_ivo": ("--local-ivo", "Who we are: ivo://<authority>/<stream>."),
    "publish": ("--filters", "Filters whose coincidences go out: NAME,..."),
    "skymap_hosts": ("--skymap-hosts", "Hosts from which sky maps are fetched."),
    "publish_to": ("--to", "VTP broker to send to, host:port."),
    "allow_tests": ("--allow-tests", "Match tests and injections too."),
}


def settings_options(*names: str) -> Callable[[Any], Any]:
    """Add options that override the settings of these names."""

    def add(command: Any) -> Any:
        for name in reversed(names):
            flag, text = _OPTIONS[name]
            kind: dict[str, Any] = {"default": None}
            if name == "sources":
                kind = {"multiple": True}
            if name == "allow_tests":
                kind = {"is_flag": True, "default": None}
            command = click.option(flag, name, help=text, **kind)(command)
        return command

    return add


def configuration(options: dict[str, Any]) -> Configuration:
    """Merge the settings of the environment and of a command's options."""
    values = {k: v for k, v in options.items() if v is not None}
    if "sources" in values:
        values["sources"] = ",".join(values["sources"]) or None
    return load(os.environ, values)


def settings(options: dict[str, Any]) -> Settings:
    """As `configuration`, without the origins."""
    return configuration(options).settings
