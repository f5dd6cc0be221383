# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The settings as text: for the terminal, for a shell, and for the docs."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from fink_voevent.config import Configuration
from fink_voevent.settings import PREFIX, Settings


def _hidden(value: str) -> str:
    """Text of a setting, without the password that a URI may hold."""
    return re.sub(r"(://[^/:@\s]*:)[^/@\s]*@", r"\1***@", value)


def describe(configuration: Configuration) -> str:
    """One line a setting: name, value, origin and meaning."""
    lines = []
    for key, field in Settings.model_fields.items():
        value = _hidden(str(getattr(configuration.settings, key)))
        lines.append(
            f"{PREFIX}{key.upper()}={value}  [{configuration.origin[key]}]"
            f"  {field.description}"
        )
    return "\n".join(lines)


def shell() -> str:
    """Text of ``conf/voevent.conf``: fills what the environment does not set."""
    lines = [
        "# Settings of fink_voevent, to be sourced by a shell. Made from",
        "# fink_voevent/config.py by `make docs`. The environment wins: a value here",
        "# is taken only where the environment sets none.",
    ]
    for key, field in Settings.model_fields.items():
        name = f"{PREFIX}{key.upper()}"
        default = _shell_default(key, field.default)
        lines += [
            "",
            *textwrap.wrap(f"# {field.description}", 88, subsequent_indent="# "),
        ]
        lines.append(f'export {name}="${{{name}:-{default}}}"')
    return "\n".join(lines) + "\n"


def _shell_default(key: str, default: Any) -> Any:
    derived = {
        "data_prefix": "${ONLINE_DATA_PREFIX:-voevent-data}",
        "topic_prefix": "${SUBSTREAM_PREFIX:-fink_}",
        "spool": "$HOME/.fink_voevent/spool",
    }
    return derived.get(key, str(default).lower() if default is False else default)


def markdown() -> str:
    """Text of ``docs/settings.md``."""
    lines = [
        "# Settings",
        "",
        "Made from `fink_voevent/config.py` by `make docs`; do not edit.",
        "Weakest first: the default, `fink.conf`, the options of `bin/fink`, the"
        " environment, our own command line.",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    for key, field in Settings.model_fields.items():
        default = "~/.fink_voevent/spool" if key == "spool" else field.default
        shown = f"`{default}`" if str(default) else "empty"
        text = str(field.description).replace("|", "\\|")
        lines.append(f"| `{PREFIX}{key.upper()}` | {shown} | {text} |")
    return "\n".join(lines) + "\n"
