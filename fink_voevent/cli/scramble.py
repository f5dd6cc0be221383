# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent scramble``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import load_settings, settings_options


@click.command()
@click.option(
    "--alerts",
    required=True,
    multiple=True,
    metavar="FOLDER",
    help="Fink's science alerts of one night, in Parquet. May be repeated.",
)
@click.option(
    "--notices",
    required=True,
    multiple=True,
    metavar="PATH",
    help="File, folder, tar archive or landing folder of notices. May be repeated.",
)
@click.option(
    "--shift",
    "shifts",
    multiple=True,
    type=int,
    default=(0,),
    metavar="DAYS",
    help="Days by which the notices are moved in time. May be repeated. Default: 0.",
)
@settings_options("survey", "data_prefix", "credible_level", "cap_deg2", "window")
def command(
    alerts: tuple[str, ...],
    notices: tuple[str, ...],
    shifts: tuple[int, ...],
    **options: Any,
) -> None:
    r"""Measure how often coincidences occur by chance.

    The regions of the notices are turned around the poles by 90, 180 and 270 degrees
    and matched with the alerts, so that all coincidences are by chance. Their numbers
    are compared with those that p_chance predicts. The nights should cover the time
    windows. `fink_voevent background` must have run before.

    \b
    Example
      fink_voevent scramble --alerts archive/20240115 --notices notices/ --window 0,1
    """
    from fink_voevent.offline import matching
    from fink_voevent.spark.session import spark_session

    settings = load_settings(options)
    with spark_session(settings, "fink_voevent scramble") as spark:
        counts = matching.scramble(spark, settings, alerts, notices, shifts)
    click.echo(f"scrambled events: {counts.events}")
    click.echo(
        f"coincidences: {counts.pairs} measured, {counts.predicted:.1f} predicted"
    )
    for p, count in counts.reached.items():
        click.echo(
            f"events with a p_chance of {p:g} or less: {count} measured,"
            f" {p * counts.events:.1f} predicted"
        )
