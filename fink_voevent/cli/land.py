# Copyright 2026 The fink-voevent developers
# SPDX-License-Identifier: Apache-2.0
"""``fink_voevent land``."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import click

from fink_voevent.cli.common import settings, settings_options
from fink_voevent.errors import InputError
from fink_voevent.listen.files import documents
from fink_voevent.listen.landing import drain
from fink_voevent.listen.spool import Received, Spool
from fink_voevent.store.filesystem import open_store

AT_ONCE = 500  # documents in one transaction of the spool


@click.command()
@click.argument("paths", nargs=-1)
@settings_options("data_prefix", "spool")
def command(paths: tuple[str, ...], **options: Any) -> None:
    r"""Land documents from files, folders, tar archives, or standard input.

    Without PATHS one document is read from standard input, so that this serves as the
    command of Comet (--cmd) or of any other program. Code 0 means: on the disk.

    \b
    Examples
      fink_voevent land notices/ burst.xml --data-prefix /data/fink
      twistd comet --remote=voevent.example.org --cmd=fink_voevent_land
      fink_voevent land < burst.xml
    """
    chosen = settings(options)
    landing = open_store(chosen.root).subfolder("landing")
    spool = Spool(chosen.spool, landing.path)
    try:
        if paths:
            count = _append_files(spool, paths)
        else:
            raw = sys.stdin.buffer.read()
            if not raw:
                raise InputError("standard input is empty: nothing to land")
            count = spool.append([Received(raw, "stdin", "stdin")])
        drain(spool, landing)
    finally:
        spool.close()
    click.echo(f"{count} documents landed in {chosen.root}/landing", err=True)


def _append_files(spool: Spool, paths: tuple[str, ...]) -> int:
    found = documents(paths)
    count = 0
    while batch := list(itertools.islice(found, AT_ONCE)):
        count += spool.append(Received(f.raw, "file", f.name) for f in batch)
    if not count:
        raise InputError("no document found at the paths given")
    return count


def as_comet_command() -> None:
    """Console script without arguments: Comet's ``--cmd`` takes a program only."""
    from fink_voevent.cli import main

    main(["land"])
