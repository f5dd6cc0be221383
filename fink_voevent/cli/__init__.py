# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The command ``fink_voevent``: thin entry points; each parses, calls and exits."""

from __future__ import annotations

import logging
from typing import Any

import click

from fink_voevent import __version__
from fink_voevent.cli.common import EXIT_ERROR
from fink_voevent.errors import VOEventPluginError

COMMANDS = {
    "background": "fink_voevent.cli.background",
    "broadcast": "fink_voevent.cli.broadcast",
    "config": "fink_voevent.cli.config",
    "convert": "fink_voevent.cli.convert",
    "disable": "fink_voevent.cli.enable:disable",
    "doctor": "fink_voevent.cli.doctor",
    "enable": "fink_voevent.cli.enable:enable",
    "filters": "fink_voevent.cli.filters",
    "land": "fink_voevent.cli.land",
    "listen": "fink_voevent.cli.listen",
    "match": "fink_voevent.cli.match",
    "outbox": "fink_voevent.cli.publish:outbox",
    "parse": "fink_voevent.cli.parse",
    "publish": "fink_voevent.cli.publish:publish",
    "run": "fink_voevent.cli.run",
    "scramble": "fink_voevent.cli.scramble",
    "stages": "fink_voevent.cli.stages",
    "status": "fink_voevent.cli.status",
    "streams": "fink_voevent.cli.streams",
}
HELP = """Meet VOEvents with the alerts of ZTF and Rubin, in the Fink broker.

Every setting has a name VOEVENT_... in the environment; `fink_voevent config` lists
them all.

\b
Examples
  fink_voevent run --source voevent.example.org --data-prefix /data/fink
  fink_voevent match --alerts science/20240115 --notices notices/ --out out
"""


class Commands(click.Group):
    """Commands loaded when called, and errors told in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command: ``--help`` of one does not pay for Spark of another."""
        from importlib import import_module

        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name or "command")
        # click's mark of a paragraph to be left as it is; docstrings have it in letters
        command.help = (command.help or "").replace("\\b\n", "\b\n")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error becomes one line on stderr."""
        try:
            return super().invoke(ctx)
        except (VOEventPluginError, OSError) as error:
            logging.getLogger(__name__).debug("in full", exc_info=True)
            click.echo(f"fink_voevent: {error}", err=True)
            ctx.exit(EXIT_ERROR)


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=HELP,
)
@click.version_option(__version__, prog_name="fink_voevent")
@click.option("-v", "--verbose", is_flag=True, help="Log debugging details too.")
def main(verbose: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Set up logging; a command does the rest."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    for noisy in () if verbose else ("py4j", "twisted", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
