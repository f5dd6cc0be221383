# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent stages``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import settings, settings_options
from fink_voevent.ops.supervisor import stop_on_signals


@click.command()
@settings_options("data_prefix", "survey", "night")
def command(**options: Any) -> None:
    r"""Run ingest, match and route in one Spark process, until Ctrl-C.

    \b
    Example
      fink_voevent stages --data-prefix /data/fink --night 20240115
    """
    from fink_voevent.ops import stages

    stages.run(settings(options), stop_on_signals())
