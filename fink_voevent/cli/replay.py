# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent replay``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import load_settings, parse_time, settings_options
from fink_voevent.errors import InputError


@click.command()
@settings_options("data_prefix")
@click.option("--since", required=True, metavar="TIME", help="First time (UTC).")
@click.option("--until", required=True, metavar="TIME", help="End (UTC), excluded.")
@click.option(
    "--into", metavar="PATH|URI", help="Land them in the tables of this data prefix."
)
@click.option(
    "--broker",
    metavar="HOST:PORT",
    help="Send those that are VOEvents to this VTP broker, as an author.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="How many times as quickly as they were received; 0 is without pauses.",
)
def command(
    since: str,
    until: str,
    into: str | None,
    broker: str | None,
    speed: float,
    **options: Any,
) -> None:
    r"""Replay the documents of a period, as they were received.

    They go into landing of other tables, where the stages process them as when they
    came, with the times and sources that they had; or, over VTP, to a broker, whose
    subscribers receive them as new.

    \b
    Examples
      fink_voevent replay --data-prefix /data/fink --since 2026-10-09T13:00 \
          --until 2026-10-10 --into /data/replayed
      fink_voevent replay --data-prefix /data/fink --since 2026-10-09 \
          --until 2026-10-10 --broker localhost:8098 --speed 60
    """
    import time

    from fink_voevent.config.addresses import parse_sources
    from fink_voevent.config.settings import AUTHOR_PORT
    from fink_voevent.offline import replay
    from fink_voevent.ops.supervisor import stop_on_signals

    settings = load_settings(options)
    if (into is None) == (broker is None):
        raise InputError("say where to: --into PREFIX or --broker HOST:PORT")
    period = replay.Period(parse_time("--since", since), parse_time("--until", until))
    if into is not None:
        target = settings.model_copy(update={"data_prefix": into})
        if target.root == settings.root:
            raise InputError("--into is the data prefix itself: give another one")
        send, place = replay.to_landing(target.root), f"{target.root}/landing"
    else:
        try:
            (address,) = parse_sources(str(broker), AUTHOR_PORT)
        except ValueError as error:
            raise InputError(f"--broker: {error}") from None
        send, place = replay.to_broker(address), str(broker)
    rows = replay.received(settings, period)
    sent = replay.replay(rows, speed, send, stop_on_signals(), time.monotonic)
    click.echo(f"{sent} of {len(rows)} documents replayed to {place}", err=True)
