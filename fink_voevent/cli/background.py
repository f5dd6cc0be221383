# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent background``."""

from __future__ import annotations

from typing import Any

import click
import numpy as np

from fink_voevent.cli.common import settings, settings_options


@click.command()
@click.option(
    "--alerts",
    multiple=True,
    help="Folder of a past night's science alerts; may be given several times. Without"
    " it, the alerts that voevent_match has seen.",
)
@settings_options("survey", "data_prefix")
def command(alerts: tuple[str, ...], **options: Any) -> None:
    r"""Make the background rates that chance probabilities are reckoned with.

    Counts the alerts of past nights by place, and writes a snapshot to the folder
    voevent/background under the data prefix. Services take the newest when they start.
    Give whole nights, ten or more: the rate is that of an average night.

    \b
    Example
      fink_voevent background --survey ztf --data-prefix /data/fink \\
          --alerts archive/20240113 --alerts archive/20240114
    """
    from fink_voevent.offline import matching
    from fink_voevent.score import background
    from fink_voevent.spark.session import build

    chosen = settings(options)
    spark = build(chosen, "fink_voevent background")
    try:
        thin = matching.past_alerts(spark, chosen, alerts)
        snapshot = background.measure(thin, chosen.survey)
        background.save(snapshot, background.folder(chosen.root))
    finally:
        spark.stop()
    rates = snapshot.rates["bronze"]
    typical = f"{np.nanmedian(rates):.3g}" if np.isfinite(rates).any() else "unknown"
    click.echo(
        f"{snapshot.name}: {snapshot.nights} nights; rate of bronze alerts known over"
        f" {np.isfinite(rates).mean():.0%} of the sky, median {typical} per deg2 and"
        f" night; in {background.folder(chosen.root).path}"
    )
