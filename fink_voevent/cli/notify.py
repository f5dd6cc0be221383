# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent notify``."""

from __future__ import annotations

from typing import Any

import click

from fink_voevent.cli.common import load_settings, settings_options


@click.command()
@settings_options("data_prefix", "survey", "notify_filters")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Print the messages on all coincidences so far; send and record nothing.",
)
@click.option("--test", is_flag=True, help="Send a test message to each destination.")
@click.pass_context
def command(
    context: click.Context,
    dry_run: bool,  # noqa: FBT001 - a flag of the command line
    test: bool,  # noqa: FBT001 - a flag of the command line
    **options: Any,
) -> None:
    r"""Send messages to people when objects reach filters.

    By Slack, Telegram, e-mail, Matrix, web hooks and others. Runs until Ctrl-C. It
    begins with the coincidences that are found from then on. Destinations are addresses
    of apprise in VOEVENT_NOTIFY, separated by blanks: see
    https://appriseit.com/services. They can contain secrets, so there is no option for
    them.

    \b
    Examples
      export VOEVENT_NOTIFY="slack://TOKEN/#shift mailtos://USER:PASSWORD@example.org"
      fink_voevent notify --test
      fink_voevent notify --data-prefix /data/fink --filters gw_gold,grb_gold
      fink_voevent notify --data-prefix /data/fink --filters grb_bronze --dry-run
    """
    from fink_voevent.ops.supervisor import stop_on_signals
    from fink_voevent.show import notify

    settings = load_settings(options)
    if test:
        results = notify.test(settings)
        for name, reason in results.items():
            click.echo(f"{name}: {f'FAILED: {reason}' if reason else 'sent'}")
        context.exit(int(any(results.values())))
    elif dry_run:
        made = notify.dry_run(settings)
        for message in made:
            click.echo(f"{message.title}\n{message.body}\n")
        if not made:
            click.echo(
                f"no coincidence of {settings.notify_filters} in {settings.root}: no"
                " message would be sent",
                err=True,
            )
    else:
        notify.run(settings, stop_on_signals())
