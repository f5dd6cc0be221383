# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""What the commands that list rows have in common: options, and how they print."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any

import click

from fink_voevent.cli.common import load_configuration, settings_options

if TYPE_CHECKING:
    from fink_voevent.config.settings import Settings
    from fink_voevent.show.listing import Wanted
    from fink_voevent.show.text_table import Field

SHOWN = 40  # rows by default
MESSENGERS = (
    *("grb", "gw", "neutrino", "frb", "xray", "optical", "supernova", "gamma"),
    "unknown",
)


class _NoPandas:
    """Import hook of a process that needs no pandas.

    pyarrow imports pandas if it is installed, only to recognise its types. That would
    take a third of the time of these commands. astropy only looks whether pandas is
    installed: so it is found, but cannot be imported.
    """

    def find_spec(self, name: str, *_: Any) -> ModuleSpec | None:
        """Find pandas."""
        return ModuleSpec(name, self) if name == "pandas" else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> None:
        """Refuse pandas."""
        raise ImportError(spec.name)

    def exec_module(self, module: Any) -> None:
        """Do nothing: no module is ever created."""


def load_lightly() -> None:
    """Let pyarrow be loaded without pandas, unless it is loaded already."""
    if "pyarrow" not in sys.modules and not any(
        isinstance(hook, _NoPandas) for hook in sys.meta_path
    ):
        sys.meta_path.insert(0, _NoPandas())  # type: ignore[arg-type]


def list_options(*names: str) -> Callable[[Any], Any]:
    """Return a decorator that adds options of lists.

    Parameters
    ----------
    *names : str
        Of ``survey``, ``night``, ``messenger``, ``class`` and ``limit``; all commands
        have ``--data-prefix`` and ``--json``.
    """
    known = {
        "messenger": click.option(
            "--messenger",
            type=click.Choice(MESSENGERS),
            default=None,
            help="Only events of this messenger.",
        ),
        "class": click.option(
            "--class",
            "kind",
            metavar="CLASS",
            default="",
            help="Only candidates of a class: fresh, fresh_unknown, flaring or other.",
        ),
        "limit": click.option(
            "--limit",
            type=click.IntRange(0),
            default=SHOWN,
            show_default=True,
            help="Rows at most; 0 for all.",
        ),
    }
    settings = [name for name in names if name in ("survey", "night")]

    def add(command: Any) -> Any:
        command = click.option(
            "--json", "is_json", is_flag=True, help="Print one JSON document."
        )(command)
        for name in reversed([name for name in names if name in known]):
            command = known[name](command)
        return settings_options("data_prefix", *settings)(command)

    return add


def load(options: dict[str, Any]) -> tuple[Settings, Wanted]:
    """Return the settings, and the rows that are wanted.

    Survey and night restrict a list only if they are given on the command line.

    Raises
    ------
    ConfigError
        If a setting is unknown or wrong.
    InputError
        If there are no tables.
    """
    load_lightly()
    from fink_voevent.show.listing import Wanted
    from fink_voevent.show.views import require_tables

    of_list = {name: options.pop(name, "") or "" for name in ("messenger", "kind")}
    limit = options.pop("limit", 0)
    configuration = load_configuration(options)
    settings = configuration.settings
    given = {
        name: getattr(settings, name)
        for name in ("night", "survey")
        if configuration.origin[name] == "command line"
    }
    require_tables(settings.root)
    return settings, Wanted(limit=limit, **of_list, **given)


def print_rows(
    fields: Sequence[Field],
    rows: Sequence[dict[str, Any]],
    total: int,
    empty: str,
) -> None:
    """Print a table, or a sentence if it is empty; say if rows are left out."""
    from fink_voevent.show.text_table import show_table

    if not rows:
        click.echo(empty)
        return
    show_table(fields, rows)
    if total > len(rows):
        click.echo(f"{len(rows)} of {total}; --limit 0 lists all")


def print_json(document: dict[str, Any]) -> None:
    """Print a document as JSON."""
    from fink_voevent.show.text_table import as_json

    click.echo(as_json(document))
