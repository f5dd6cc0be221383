# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent doctor``."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from fink_voevent.cli.common import EXIT_ERROR, settings, settings_options


@click.command()
@settings_options("data_prefix", "survey", "sources", "spool")
def command(**options: Any) -> None:
    r"""Check all that the plugin needs: each line is ok, or says what to do.

    \b
    Example
      fink_voevent doctor --source voevent.example.org --data-prefix /data/fink
    """
    from fink_voevent.ops.doctor import checks

    failed = 0
    for name, ok, text in checks(settings(options), os.environ):
        click.echo(f"{'ok  ' if ok else 'FAIL'} {name}: {text}")
        failed += not ok
    if failed:
        sys.exit(EXIT_ERROR)
