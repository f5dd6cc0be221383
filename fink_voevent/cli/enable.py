# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent enable`` and ``fink_voevent disable``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from fink_voevent.fink.checkout import SERVICES, Change, Checkout


def _options(command: Callable[..., None]) -> Any:
    options = (
        click.option(
            "--fink-home",
            "home",
            envvar="FINK_HOME",
            required=True,
            type=click.Path(path_type=Path, file_okay=False, exists=True),
            help="Checkout of fink-broker; by default $FINK_HOME.",
        ),
        click.option(
            "-s",
            "--survey",
            required=True,
            type=click.Choice(["ztf", "rubin"]),
            help="Survey whose services to add.",
        ),
        click.option(
            "-c",
            "--conf",
            type=click.Path(path_type=Path, dir_okay=False),
            help="fink.conf in use; by default conf/SURVEY/fink.conf.prod.",
        ),
        click.option("--dry-run", is_flag=True, help="Show what would change, only."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@_options
def enable(home: Path, survey: str, conf: Path | None, dry_run: bool) -> None:  # noqa: FBT001
    r"""Add our services to a checkout of fink-broker.

    Four scripts go to bin/SURVEY, voevent.conf with all settings to conf/SURVEY, and a
    hook to the end of fink.conf. `disable` restores every byte.

    \b
    Examples
      fink_voevent enable --fink-home $FINK_HOME -s ztf --dry-run
      fink_voevent enable -s rubin -c $FINK_HOME/conf/rubin/fink.conf.dev
    """
    checkout = Checkout.at(home.resolve(), survey, conf)
    if _show_and_make(checkout.enable(), dry_run=dry_run):
        click.echo(f"set the rest in {checkout.own_conf}, then:")
        for service in SERVICES:
            click.echo(f"  fink start {service} -s {survey} -c {checkout.conf}")


@click.command()
@_options
def disable(home: Path, survey: str, conf: Path | None, dry_run: bool) -> None:  # noqa: FBT001
    r"""Take our services out of a checkout of fink-broker, and restore every byte.

    Settings that were edited are kept.

    \b
    Example
      fink_voevent disable --fink-home $FINK_HOME -s ztf
    """
    checkout = Checkout.at(home.resolve(), survey, conf)
    _show_and_make(checkout.disable(), dry_run=dry_run)
    if not dry_run and checkout.own_conf.exists():
        click.echo(f"{checkout.own_conf} was edited and is kept: remove it by hand")


def _show_and_make(changes: Sequence[Change], *, dry_run: bool) -> bool:
    """Show the changes and make them; tell whether there was something to do."""
    if not changes:
        click.echo("nothing to change")
    for change in changes:
        click.echo(f"{change.verb} {change.path}")
        for line in _difference(change):
            click.echo(f"    {line}")
    if dry_run:
        return False
    for change in changes:
        change.make()
    return bool(changes)


def _difference(change: Change) -> list[str]:
    if change.verb != "change":
        return []
    old, new = (
        (text or b"").decode("utf-8", "replace").splitlines()
        for text in (change.before, change.after)
    )
    lines = difflib.unified_diff(old, new, n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]
