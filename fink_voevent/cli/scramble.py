# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent scramble``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import settings, settings_options


@click.command()
@click.option("--alerts", required=True, multiple=True, help="Folder of a night.")
@click.option("--notices", required=True, multiple=True, help="As of match.")
@click.option(
    "--shift",
    "shifts",
    multiple=True,
    type=int,
    default=(0,),
    help="Days by which notices are moved; may be given several times.",
)
@settings_options("survey", "data_prefix", "credible_level", "cap_deg2", "window")
def command(
    alerts: tuple[str, ...],
    notices: tuple[str, ...],
    shifts: tuple[int, ...],
    **options: Any,
) -> None:
    r"""Measure how often chance makes a coincidence, and compare with p_chance.

    Notices are turned around the poles by 90, 180 and 270 degrees, so that all that
    they meet is chance, and matched with the alerts. The nights should hold the
    windows; the background rates must have been made (fink_voevent background).

    \b
    Example
      fink_voevent scramble --alerts archive/20240115 --notices notices/ --window 0,1
    """
    from fink_voevent.offline import matching
    from fink_voevent.spark.session import build

    chosen = settings(options)
    spark = build(chosen, "fink_voevent scramble")
    try:
        tally = matching.scramble(spark, chosen, alerts, notices, shifts)
    finally:
        spark.stop()
    click.echo(f"scrambled events: {tally.events}")
    click.echo(f"coincidences: {tally.pairs} measured, {tally.predicted:.1f} predicted")
    for p, count in tally.reached.items():
        click.echo(
            f"events with a p_chance of {p:g} or less: {count} measured,"
            f" {p * tally.events:.1f} predicted"
        )
