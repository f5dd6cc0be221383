# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent stages``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import load_settings, settings_options


@click.command()
@settings_options("data_prefix", "survey", "night")
def command(**options: Any) -> None:
    r"""Run ingest, match and route in one process.

    Runs until Ctrl-C. Without --night the current UTC night is matched, and then the
    next ones.

    \b
    Example
      fink_voevent stages --data-prefix /data/fink --night 20240115
    """
    from fink_voevent.ops import stages
    from fink_voevent.ops.supervisor import stop_on_signals

    stages.run(load_settings(options), stop_on_signals())
