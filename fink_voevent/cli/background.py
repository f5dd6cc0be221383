# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent background``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import load_settings, settings_options
from fink_voevent.errors import InputError


@click.command()
@click.option(
    "--alerts",
    multiple=True,
    metavar="FOLDER",
    help="Science alerts (Parquet) of a past night. May be repeated. Default: the"
    " alerts that voevent_match has read.",
)
@settings_options("survey", "data_prefix")
def command(alerts: tuple[str, ...], **options: Any) -> None:
    r"""Measure the rates of alerts on the sky.

    The probability that a coincidence is by chance is computed from them. The command
    counts the alerts of past nights by place on the sky, and writes the rates (per deg2
    and night) to the folder voevent/background under the data prefix. The services use
    the newest rates that they find when they start. Give ten or more whole nights: the
    rates are those of an average night.

    \b
    Example
      fink_voevent background --survey ztf --data-prefix /data/fink \
          --alerts archive/20240113 --alerts archive/20240114
    """
    import numpy as np

    from fink_voevent.offline import class_background, matching
    from fink_voevent.score import background, class_rates
    from fink_voevent.spark.session import spark_session

    settings = load_settings(options)
    folder = background.folder(settings.root)
    with spark_session(settings, "fink_voevent background") as spark:
        thin = matching.past_alerts(spark, settings, alerts)
        snapshot = background.measure(thin, settings.survey)
        background.save(snapshot, folder)
        try:
            classes = class_background.measure(thin, settings)
            readiness = f"{classes.name}: "
            readiness += class_rates.readiness(classes, settings.survey)
        except InputError as error:  # the other rates are measured all the same
            readiness = f"rates by class are not measured: {error}"
    rates = snapshot.rates["bronze"]
    is_known = np.isfinite(rates)
    median = f"{np.nanmedian(rates):.3g}" if is_known.any() else "unknown"
    click.echo(
        f"{snapshot.name}: {snapshot.nights} nights; the rate of bronze alerts is known"
        f" on {is_known.mean():.0%} of the sky, its median is {median} per deg2 and"
        f" night; written to {folder.path}"
    )
    click.echo(readiness)
