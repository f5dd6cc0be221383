# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent enable`` and ``fink_voevent disable``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from fink_voevent.fink.checkout import Change


def _checkout_options(command: Callable[..., None]) -> Any:
    """Add the options of both commands."""
    options = (
        click.option(
            "--fink-home",
            "home",
            envvar="FINK_HOME",
            required=True,
            type=click.Path(path_type=Path, file_okay=False, exists=True),
            metavar="FOLDER",
            help="Checkout of fink-broker. Default: $FINK_HOME.",
        ),
        click.option(
            "-s",
            "--survey",
            required=True,
            type=click.Choice(["rubin", "ztf", "lsst"]),
            callback=lambda _context, _option, name: folder_of(name),
            help="Survey of the services; lsst is rubin.",
        ),
        click.option(
            "-c",
            "--conf",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="The fink.conf in use. Default: conf/SURVEY/fink.conf.prod.",
        ),
        click.option(
            "--dry-run", is_flag=True, help="Show the changes, but do not make them."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def folder_of(survey: str) -> str:
    """Return the name of a survey as folders of fink-broker have it."""
    return "rubin" if survey == "lsst" else survey


@click.command()
@_checkout_options
def enable(home: Path, survey: str, conf: Path | None, dry_run: bool) -> None:  # noqa: FBT001
    r"""Add our services to a checkout of fink-broker.

    Four scripts are added to bin/SURVEY, the file voevent.conf with all settings to
    conf/SURVEY, and at the end of fink.conf the lines that read it. `fink_voevent
    disable` restores every byte.

    \b
    Examples
      fink_voevent enable --fink-home $FINK_HOME -s ztf --dry-run
      fink_voevent enable -s rubin -c $FINK_HOME/conf/rubin/fink.conf.dev
    """
    from fink_voevent.fink.checkout import SERVICES, Checkout

    checkout = Checkout.find(home.resolve(), survey, conf)
    changes = checkout.enable()
    _show(changes)
    if dry_run or not changes:
        return
    for change in changes:
        change.make()
    click.echo(
        f"now set VOEVENT_SOURCES, VOEVENT_KAFKA_SERVERS and what else you need in"
        f" {checkout.own_conf}, and start the listener, which is not a Fink service:"
    )
    click.echo(f"  . {checkout.conf} && fink_voevent listen")
    click.echo("and the services:")
    for service in SERVICES:
        click.echo(f"  fink start {service} -s {survey} -c {checkout.conf}")
    click.echo("fink_voevent doctor and fink_voevent status say whether all is well")


@click.command()
@_checkout_options
def disable(home: Path, survey: str, conf: Path | None, dry_run: bool) -> None:  # noqa: FBT001
    r"""Remove our services from a checkout of fink-broker.

    Every byte of it is restored. The file voevent.conf is kept if it was edited.

    \b
    Example
      fink_voevent disable --fink-home $FINK_HOME -s ztf
    """
    from fink_voevent.fink.checkout import Checkout

    checkout = Checkout.find(home.resolve(), survey, conf)
    changes = checkout.disable()
    _show(changes)
    if dry_run:
        return
    for change in changes:
        change.make()
    if checkout.own_conf.exists():
        click.echo(f"{checkout.own_conf} was edited and is kept: remove it by hand")


def _show(changes: Sequence[Change]) -> None:
    """Print each change and the lines that differ."""
    if not changes:
        click.echo("nothing to change")
    for change in changes:
        click.echo(f"{change.verb} {change.path}")
        if change.verb != "change":
            continue
        before, after = (
            (text or b"").decode("utf-8", "replace").splitlines()
            for text in (change.before, change.after)
        )
        for line in difflib.unified_diff(before, after, n=0, lineterm=""):
            if not line.startswith(("---", "+++", "@@")):
                click.echo(f"    {line}")
