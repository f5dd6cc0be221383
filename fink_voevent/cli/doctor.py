# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent doctor``."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from fink_voevent.cli import EXIT_ERROR
from fink_voevent.cli.common import load_settings, settings_options


@click.command()
@settings_options("data_prefix", "survey", "sources", "spool")
def command(**options: Any) -> None:
    r"""Check Java, Python packages, folders, brokers and the clock.

    Prints one line for each check: `ok`, `warn` (it works, but not as it should, or
    cannot be known) or `FAIL`, with what to do. The exit code is 2 if a check fails.

    It connects to each source: a VTP broker must speak VTP, and its clock is compared
    with ours; Kafka must have the topics, and let this user write to ours.

    \b
    Example
      fink_voevent doctor --source voevent.example.org --data-prefix /data/fink
    """
    from fink_voevent.ops.doctor import FAIL, checks
    from fink_voevent.show.text_table import printable

    levels = set()
    for name, level, text in checks(load_settings(options), os.environ):
        click.echo(printable(f"{level:4} {name}: {text}"))
        levels.add(level)
    if FAIL in levels:
        sys.exit(EXIT_ERROR)
