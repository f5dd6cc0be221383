# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The settings as text: for the terminal, for a shell, and for the documentation."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from fink_voevent.config.load import Configuration
from fink_voevent.config.settings import PREFIX, Settings


def _hidden(value: str) -> str:
    """Value of a setting without the password that a URI may contain."""
    return re.sub(r"(://[^/:@\s]*:)[^/@\s]*@", r"\1***@", value)


def describe(configuration: Configuration) -> str:
    """Return one line for each setting: name, value, origin and meaning."""
    lines = []
    for key, field in Settings.model_fields.items():
        value = _hidden(str(getattr(configuration.settings, key)))
        lines.append(
            f"{PREFIX}{key.upper()}={value}  [{configuration.origin[key]}]"
            f"  {field.description}"
        )
    return "\n".join(lines)


def shell(survey: str = "") -> str:
    """Return the text of ``conf/voevent.conf``.

    It sets each variable that the environment does not.

    Parameters
    ----------
    survey : str, optional
        Survey of the checkout that it is for; empty is any.
    """
    lines = [
        "# Settings of fink_voevent, to be sourced by a shell. Made from",
        "# fink_voevent/config/settings.py by `make docs`. A value here is used only",
        "# if the environment does not set the variable.",
    ]
    for key, field in Settings.model_fields.items():
        name = f"{PREFIX}{key.upper()}"
        default = survey if key == "survey" else _shell_default(key, field.default)
        meaning = f"# {field.description}{_FILLED.get(key, '')}"
        lines += ["", *textwrap.wrap(meaning, 88, subsequent_indent="# ")]
        lines.append(f'export {name}="${{{name}:-{default}}}"')
    return "\n".join([*lines, _SPARK])


# What an empty value means: an option of bin/fink, or the default.
_FILLED = {
    "survey": "; empty is the survey of the service, or else ztf",
}
_SPARK = """
# VOEVENT_KAFKA_SERVERS=fink: the brokers and the login of Fink's own service distribute
if [ "$VOEVENT_KAFKA_SERVERS" = fink ]; then
  distribution="$FINK_HOME/conf/${SURVEY:-$VOEVENT_SURVEY}/fink.conf.distribution"
  eval "$(. "${conf_distribution:-$distribution}" >/dev/null &&
    printf 'export VOEVENT_KAFKA_%s=%q\\n' SERVERS "$DISTRIBUTION_SERVERS" \\
      SECURITY "$KAFKA_SECURITY_PROTOCOL" USERNAME "$KAFKA_SASL_USERNAME" \\
      PASSWORD "$KAFKA_SASL_PASSWORD")"
fi

# memory and cores of our services, if the command line and fink.conf set none
case "${service:-}" in voevent_*)
  DRIVER_MEMORY="${DRIVER_MEMORY:-2g}"
  EXECUTOR_MEMORY="${EXECUTOR_MEMORY:-2g}"
  SPARK_CORE_MAX="${SPARK_CORE_MAX:-2}"
  SPARK_EXECUTOR_CORES="${SPARK_EXECUTOR_CORES:-1}"
esac
"""


def _shell_default(key: str, default: Any) -> Any:
    derived = {
        "data_prefix": "${ONLINE_DATA_PREFIX:-voevent-data}",
        "archive_prefix": "${AGG_DATA_PREFIX:-}",
        "topic_prefix": "${SUBSTREAM_PREFIX:-fink_}",
        "spool": "$HOME/.fink_voevent/spool",
    }
    return derived.get(
        key, str(default).lower() if isinstance(default, bool) else default
    )


def markdown() -> str:
    """Return the text of ``docs/settings.md``."""
    lines = [
        "# Settings",
        "",
        "Made from `fink_voevent/config/settings.py` by `make docs`; do not edit.",
        "From the lowest to the highest precedence: the default, `fink.conf`, the"
        " options of `bin/fink`, the environment, the command line.",
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
