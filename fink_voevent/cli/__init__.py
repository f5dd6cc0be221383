# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""The command ``fink_voevent``: each of its commands is a module of this package."""

from __future__ import annotations

import logging
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from fink_voevent import __version__
from fink_voevent.errors import VOEventPluginError

EXIT_ERROR = 2  # wrong input or setting, reported in one line
# By heading of the help, and by name of a command: the first line of its own help.
COMMANDS = {
    "Look": {
        "tonight": "Summarise a night: events, candidates, and what was searched.",
        "events": "List the events as they are now, the newest notices first.",
        "show": "Print all that is known of an event or an object.",
        "page": "Make a page for each event, and an index of them.",
        "serve": "Serve the pages of events live, and a JSON API.",
        "candidates": "List the candidates, the most surprising first.",
        "coincidences": "List alerts that coincide with events, by surprise.",
        "search": "Search all alerts ever in a region of the sky.",
        "sources": "List sources of notices, and what they may speak for.",
        "quarantine": "List what could not be read, and why, or try it again.",
    },
    "Run and watch": {
        "run": "Run the listener and all stages on this machine.",
        "stages": "Run ingest, match and route in one process.",
        "status": "Print whether all is well, and what was done so far.",
        "archive": "Add the alerts of past nights to the archive, for search.",
        "metrics": "Serve figures for Prometheus, and /healthz.",
        "config": "Print every setting: its value, origin and meaning.",
        "doctor": "Check Java, Python packages, folders, brokers and the clock.",
    },
    "Receive notices": {
        "listen": "Receive notices from VTP brokers and Kafka, and land them.",
        "land": "Land notices from files or standard input.",
        "replay": "Replay the documents of a period, as they were received.",
        "parse": "Print the content of notices as JSON, or as cards to read.",
        "upgrade": "Take over the tables of an earlier version, once.",
        "streams": "List the known streams of notices.",
    },
    "Match and score": {
        "match": "Match the alerts of a past night with notices.",
        "filters": "List the filters, or try one on past coincidences.",
        "background": "Measure the rates of alerts on the sky.",
        "scramble": "Measure how often coincidences occur by chance.",
    },
    "Publish": {
        "publish": "Send coincidences and alerts as VOEvents.",
        "outbox": "List the VOEvents that are being sent.",
        "notify": "Send messages to people when objects reach filters.",
        "convert": "Write the VOEvents of alerts to files; nothing is sent.",
        "broadcast": "Serve our VOEvents to subscribers.",
    },
    "Plug into Fink": {
        "enable": "Add our services to a checkout of fink-broker.",
        "disable": "Remove our services from a checkout of fink-broker.",
    },
}
# Module and function of a command; by default, `command` in the module of its name.
FUNCTIONS = {
    "publish": ("publish", "publish"),
    "outbox": ("publish", "outbox"),
    "enable": ("enable", "enable"),
    "disable": ("enable", "disable"),
}
HELP = """Match VOEvents with the alerts of ZTF and Rubin, in the Fink broker.

Every setting can be given as an environment variable VOEVENT_...; `fink_voevent
config` lists all of them.

\b
Examples
  fink_voevent run --source voevent.example.org --data-prefix /data/fink
  fink_voevent tonight --data-prefix /data/fink
  fink_voevent match --alerts science/20240115 --notices notices/ --out out

\b
Completion of commands and options in bash (for zsh, write zsh_source):
  eval "$(_FINK_VOEVENT_COMPLETE=bash_source fink_voevent)"
"""


class Commands(click.Group):
    """Group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the help."""
        return [name for commands in COMMANDS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None if there is none of that name."""
        for commands in COMMANDS.values():
            if cmd_name in commands:
                module, function = FUNCTIONS.get(cmd_name, (cmd_name, "command"))
                command: click.Command = getattr(
                    import_module(f"{__name__}.{module}"), function
                )
                # Docstrings write click's mark of a preformatted text as two letters.
                command.help = (command.help or "").replace("\\b\n", "\b\n")
                command.short_help = commands[cmd_name]
                return command
        return None

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        """Write the commands under their headings, without importing them."""
        for heading, commands in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(f"{name:12}", line) for name, line in commands.items()]
                )

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error becomes one line on standard error and code 2."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # as of `| head`: click ends the program silently
            raise
        except (VOEventPluginError, OSError) as error:
            logging.getLogger(__name__).debug("traceback:", exc_info=True)
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
    """Set up the process before a command runs."""
    # When it is loaded, numpy's library for linear algebra starts a thread for each
    # core, which takes time and is of no use for our small arrays.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # pydantic would look for plugins in all packages that are installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    if not verbose:
        for noisy in ("py4j", "twisted", "asyncio"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)
        for handler in logging.getLogger().handlers:
            handler.addFilter(is_not_of_py4j)


def is_not_of_py4j(record: logging.LogRecord) -> bool:
    """Whether py4j did not log a record: some of its tracebacks have no logger."""
    return "py4j" not in Path(record.pathname).parts
